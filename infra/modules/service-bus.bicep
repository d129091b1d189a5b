// A namespace with queues, and who may do what with each. `work` is reached by identity alone; `ingress` also takes
// SAS keys, because Dataverse's service endpoint knows nothing else, and local auth is a switch of the whole namespace.
param name string
param location string = resourceGroup().location
param tags object
@allowed(['Standard', 'Premium'])
param sku string
@description('{name, sessions: bool, duplicateWindow: ISO duration or empty, appSends: bool, sasSends: bool}')
param queues array
param localAuth bool
param zoneRedundant bool
@description('Subnet of the private endpoint. Empty: the public address serves.')
param endpointSubnetId string
@description('Register the private endpoint in a zone of this resource group.')
param registerEndpoint bool
param locked bool
param appPrincipalId string
param scalerRoleId string
param workspaceId string

var isPrivate = !empty(endpointSubnetId) // Premium only
var dataReceiver = '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0'
var dataSender = '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku, tier: sku, capacity: sku == 'Premium' ? 1 : null }
  properties: {
    disableLocalAuth: !localAuth
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    zoneRedundant: sku == 'Premium' ? zoneRedundant : null
  }
}

resource queue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = [for one in queues: {
  parent: namespace
  name: one.name
  properties: {
    requiresSession: one.sessions
    requiresDuplicateDetection: !empty(one.duplicateWindow)
    duplicateDetectionHistoryTimeWindow: empty(one.duplicateWindow) ? null : one.duplicateWindow
    lockDuration: 'PT1M' // a killed worker's sessions are free again in a minute
    maxDeliveryCount: 5 // only bugs come so far: what is expected to fail is sent again, later
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
    enablePartitioning: false // a batch mixes sessions, and a partitioned queue refuses that
    enableBatchedOperations: true
    maxSizeInMegabytes: 5120
  }
}]

resource appReceives 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (one, i) in queues: {
  name: guid(namespace.id, one.name, appPrincipalId, dataReceiver)
  scope: queue[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataReceiver)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

resource appSends 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (one, i) in queues: if (one.appSends) {
  name: guid(namespace.id, one.name, appPrincipalId, dataSender)
  scope: queue[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataSender)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

resource scalerCounts 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(namespace.id, appPrincipalId, scalerRoleId)
  scope: namespace
  properties: {
    roleDefinitionId: scalerRoleId
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource dataverseSends 'Microsoft.ServiceBus/namespaces/queues/authorizationRules@2024-01-01' = [for (one, i) in queues: if (one.sasSends) {
  parent: queue[i]
  name: 'dataverse-send'
  properties: { rights: ['Send'] }
}]

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: namespace
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

module endpoint 'private-endpoint.bicep' = if (isPrivate) {
  name: 'endpoint-${name}'
  params: {
    name: 'pep-${name}'
    tags: tags
    subnetId: endpointSubnetId
    targetId: namespace.id
    group: 'namespace'
    zoneName: registerEndpoint ? 'privatelink.servicebus.windows.net' : ''
  }
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (locked) {
  name: 'keep'
  scope: namespace
  properties: {
    level: 'CanNotDelete'
    notes: 'Changes that wait, and retries that are scheduled.'
  }
}

output id string = namespace.id
output hostName string = '${namespace.name}.servicebus.windows.net'
