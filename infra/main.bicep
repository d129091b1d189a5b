// One environment of the sync, in one resource group and where that lies. docs/deploy/ leads through it.
targetScope = 'resourceGroup'

@description('First part of every name: letters and digits.')
@minLength(2)
@maxLength(8)
param workload string = 'd365sap'

@description('Which environment this is: part of every name.')
@allowed(['dev', 'test', 'prod'])
param environmentName string

param tags object = {}

// ---- what is connected ----

@description('Address of the Dataverse environment, without a path: https://contoso.crm4.dynamics.com')
param dataverseUrl string

@description('Id of the organisation whose events are taken. Empty: the one that dataverseUrl leads to.')
param dataverseOrganizationId string = ''

@description('Address of the S/4HANA Gateway, without a path: https://s4.contoso.example:44300')
param s4Url string

@description('Communication user, or OAuth client id. Its password goes into the vault: scripts/secrets.sh.')
param s4User string

@description('Calls that S/4 allows this app at a time, over all instances.')
@minValue(1)
param s4Concurrency int = 40

@description('Calls to Dataverse at a time, over all instances: it allows 52 a user.')
@minValue(1)
@maxValue(52)
param dataverseConcurrency int = 50

@description('Any other setting of the README by name, none of them a secret: {"S4_CLIENT": "200"}')
param settings object = {}

// ---- where it runs ----

@description('FC1 is Flex Consumption. EP1 to EP3 are Elastic Premium: docs/deploy/network.md compares.')
@allowed(['FC1', 'EP1', 'EP2', 'EP3'])
param plan string = 'FC1'

@description('Flex only. Recreate ends what runs at an update; RollingUpdate drains it, and is in preview.')
@allowed(['Recreate', 'RollingUpdate'])
param updateStrategy string = 'Recreate'

@description('Flex only. 2048 has one core, and one Python process uses one.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances of the app; SAP\'s and Dataverse\'s concurrency is shared among them.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 10

@description('Flex only. Instances that never sleep, for the ways in: Dataverse waits 60 s for an answer.')
@minValue(0)
param alwaysReadyHttp int = 1

@description('Flex only. Instances that never sleep, for changes.')
@minValue(0)
param alwaysReadyChanges int = 1

@description('Flex only. HTTP requests that one instance takes at a time.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 32

@description('Spread over the zones of the region: plan, storage and Premium Service Bus.')
param zoneRedundant bool = false

// ---- messaging ----

@description('Premium is needed for a private endpoint.')
@allowed(['Standard', 'Premium'])
param serviceBusSku string = 'Standard'

@description('A second namespace that takes SAS keys, for Dataverse\'s service endpoint. Webhooks do not need it.')
param ingressNamespace bool = false

// ---- network ----

@description('Put the app into a network of its own, and storage, vault and Premium Service Bus behind private endpoints.')
param privateNetwork bool = false

@description('Free in the networks that it is peered with. The app needs a /27 or larger, the endpoints a /28.')
param networkPrefix string = '10.90.0.0/24'
param appSubnetPrefix string = '10.90.0.0/26'
param endpointSubnetPrefix string = '10.90.0.64/27'

@description('Name servers that know the SAP host and forward private zones to Azure. Empty: Azure\'s own.')
param dnsServers array = []

@description('A fixed outbound address, for the IP firewall of Dataverse or SAP.')
param natGateway bool = false

@description('Resource id of the hub that holds the VPN or ExpressRoute gateway. Empty: no peering.')
param hubNetworkId string = ''

@description('Address of a firewall in the hub that all outbound traffic takes. Empty: no route of our own.')
param firewallAddress string = ''

@description('False where a central team keeps the private DNS zones and a policy registers the endpoints.')
param createDnsZones bool = true

@description('Who may call: [{"name": "sap", "priority": 100, "ipAddress": "203.0.113.0/24"}]. Empty: all, by secret.')
param callerRules array = []

// ---- security and operations ----

@description('Application id of the Entra app for operators: scripts/entra.sh. Empty: function keys only.')
param entraClientId string = ''

@description('Object id of the group that may write secrets. Empty: nobody, until somebody is given the role.')
param secretOfficersGroupId string = ''

@description('Refuse to delete state, queues and vault.')
param locked bool = environmentName == 'prod'

@description('Make alert rules. Without, nobody is told.')
param alerts bool = environmentName != 'dev'

@description('Mail addresses of those on call.')
param alertEmails array = []

@description('Resource ids of action groups that exist already, such as one that opens tickets.')
param alertActionGroupIds array = []

@description('Limits that differ from those in modules/watch/alerts.bicep: {"lagSeconds": 120}')
param alertLimits object = {}

@description('Systems that send events. Leave out one that is only swept.')
param eventSources array = ['dataverse', 's4']

@description('Where those who are told can read the runbook.')
param runbook string = 'docs/operate/runbook.md'

@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Gigabytes of logs a day, then ingestion stops until the next. -1: no limit.')
param logDailyCapGb int = -1

var base = '${workload}-${environmentName}'
var token = take(uniqueString(resourceGroup().id, base), 6)
// abbreviations of the Cloud Adoption Framework; names that the world shares get a token
var names = {
  app: 'func-${base}-${token}'
  hostStorage: toLower('st${workload}${environmentName}h${token}')
  stateStorage: toLower('st${workload}${environmentName}s${token}')
  work: 'sbns-${base}-${token}'
  ingress: 'sbns-${base}-in-${token}'
  vault: 'kv-${base}-${token}'
}
var labels = union({ workload: workload, environment: environmentName }, tags)

// Sessions order, duplicate detection saves work. Both are fixed at creation.
var workQueues = [
  { name: 'changes', sessions: true, duplicateWindow: 'PT5M', appSends: true, sasSends: false }
  { name: 'backfill', sessions: true, duplicateWindow: '', appSends: true, sasSends: false }
]
// Dataverse sends no session id, and its message ids are not ours
var eventQueues = [
  { name: 'dataverse-events', sessions: false, duplicateWindow: '', appSends: false, sasSends: ingressNamespace }
]

var blobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var tableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
var storageSku = zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'

// What deployment knows of shared/settings: addresses, names and limits, never a secret
var productSettings = {
  DATAVERSE_URL: dataverseUrl
  DATAVERSE_ORGANIZATION_ID: dataverseOrganizationId
  DATAVERSE_CONCURRENCY: string(max(1, dataverseConcurrency / maximumInstanceCount))
  S4_URL: s4Url
  S4_USER: s4User
  S4_CONCURRENCY: string(max(1, s4Concurrency / maximumInstanceCount))
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  params: { name: 'id-${base}', tags: labels, scalerRoleName: 'Service Bus message counts (${base}-${token})' }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    workspaceName: 'log-${base}'
    insightsName: 'appi-${base}'
    tags: labels
    retentionDays: logRetentionDays
    dailyCapGb: logDailyCapGb
    appPrincipalId: identity.outputs.principalId
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  params: {
    base: base
    tags: labels
    prefix: networkPrefix
    appSubnetPrefix: appSubnetPrefix
    endpointSubnetPrefix: endpointSubnetPrefix
    flex: plan == 'FC1'
    dnsServers: dnsServers
    natGateway: natGateway
    hubNetworkId: hubNetworkId
    firewallAddress: firewallAddress
    createDnsZones: createDnsZones
  }
}

var endpointSubnetId = privateNetwork ? network.outputs.endpointSubnetId : ''

module hostStorage 'modules/storage.bicep' = {
  name: 'host-storage'
  params: {
    name: names.hostStorage
    tags: labels
    sku: storageSku
    service: 'blob'
    containers: ['app-package']
    appPrincipalId: identity.outputs.principalId
    appRoleId: blobDataOwner
    endpointSubnetId: endpointSubnetId
    registerEndpoint: createDnsZones
    locked: false
    workspaceId: monitoring.outputs.workspaceId
  }
}

module stateStorage 'modules/storage.bicep' = {
  name: 'state-storage'
  params: {
    name: names.stateStorage
    tags: labels
    sku: storageSku
    service: 'table'
    containers: []
    appPrincipalId: identity.outputs.principalId
    appRoleId: tableDataContributor
    endpointSubnetId: endpointSubnetId
    registerEndpoint: createDnsZones
    locked: locked
    workspaceId: monitoring.outputs.workspaceId
  }
}

module work 'modules/service-bus.bicep' = {
  name: 'service-bus-work'
  params: {
    name: names.work
    tags: labels
    sku: serviceBusSku
    queues: ingressNamespace ? workQueues : concat(workQueues, eventQueues)
    localAuth: false
    zoneRedundant: zoneRedundant
    endpointSubnetId: serviceBusSku == 'Premium' ? endpointSubnetId : '' // Standard has no private endpoint
    registerEndpoint: createDnsZones
    locked: locked
    appPrincipalId: identity.outputs.principalId
    scalerRoleId: identity.outputs.scalerRoleId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module ingress 'modules/service-bus.bicep' = if (ingressNamespace) {
  name: 'service-bus-ingress'
  params: {
    name: names.ingress
    tags: labels
    sku: 'Standard' // Dataverse comes over the internet: no private endpoint would help
    queues: eventQueues
    localAuth: true
    zoneRedundant: zoneRedundant
    endpointSubnetId: ''
    registerEndpoint: false
    locked: locked
    appPrincipalId: identity.outputs.principalId
    scalerRoleId: identity.outputs.scalerRoleId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  params: {
    name: names.vault
    tags: labels
    endpointSubnetId: endpointSubnetId
    registerEndpoint: createDnsZones
    locked: locked
    appPrincipalId: identity.outputs.principalId
    officersGroupId: secretOfficersGroupId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module app 'modules/function-app.bicep' = {
  name: 'function-app'
  params: {
    name: names.app
    planName: 'asp-${base}'
    tags: labels
    plan: plan
    zoneRedundant: zoneRedundant
    updateStrategy: updateStrategy
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyHttp: alwaysReadyHttp
    alwaysReadyChanges: alwaysReadyChanges
    httpConcurrency: httpConcurrency
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    packageContainer: '${hostStorage.outputs.blobUri}app-package'
    hostStorageName: hostStorage.outputs.name
    stateTableUri: stateStorage.outputs.tableUri
    workNamespace: work.outputs.hostName
    ingressNamespace: ingressNamespace ? ingress.outputs.hostName : work.outputs.hostName
    vaultName: vault.outputs.name
    insightsName: monitoring.outputs.insightsName
    workspaceId: monitoring.outputs.workspaceId
    subnetId: privateNetwork ? network.outputs.appSubnetId : ''
    callerRules: callerRules
    entraClientId: entraClientId
    productSettings: union(settings, productSettings)
  }
}

module workbooks 'modules/watch/workbooks.bicep' = {
  name: 'workbooks'
  params: { base: base, tags: labels, workspaceId: monitoring.outputs.workspaceId }
}

module alerting 'modules/watch/alerts.bicep' = if (alerts) {
  name: 'alerts'
  params: {
    base: base
    tags: labels
    workspaceId: monitoring.outputs.workspaceId
    namespaceIds: ingressNamespace ? [work.outputs.id, ingress.outputs.id] : [work.outputs.id]
    vaultName: vault.outputs.name
    emails: alertEmails
    actionGroupIds: alertActionGroupIds
    limits: alertLimits
    eventSources: eventSources
    runbook: runbook
  }
}

output functionAppName string = app.outputs.name
output functionAppUrl string = 'https://${app.outputs.hostName}'
output packageContainer string = '${hostStorage.outputs.blobUri}app-package'
output vaultName string = vault.outputs.name
@description('Who the app is in Dataverse: the application id of its application user.')
output identityClientId string = identity.outputs.clientId
output identityPrincipalId string = identity.outputs.principalId
output ingressNamespace string = ingressNamespace ? ingress.outputs.hostName : ''
@description('The fixed address that Dataverse and SAP let in. Empty without a NAT gateway.')
output outboundAddress string = privateNetwork ? network.outputs.outboundAddress : ''
