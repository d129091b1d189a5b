// Who the app is, everywhere: in Azure, in Dataverse (as application user), and where tokens replace secrets.
param name string
param location string = resourceGroup().location
param tags object
@description('Unique in the tenant.')
param scalerRoleName string

var here = resourceGroup().id

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
  tags: tags
}

// The platform scales on message counts, which Data Receiver cannot read: it would fall back to peeking, silently.
// Data Owner could, and could also do everything else.
resource scalerRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(here, scalerRoleName)
  properties: {
    roleName: scalerRoleName
    description: 'Read the properties of queues, among them how many messages wait. No message can be read or sent.'
    type: 'CustomRole'
    permissions: [
      {
        actions: ['Microsoft.ServiceBus/namespaces/*/read']
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [here]
  }
}

output id string = identity.id
output principalId string = identity.properties.principalId
output clientId string = identity.properties.clientId
output scalerRoleId string = scalerRole.id
