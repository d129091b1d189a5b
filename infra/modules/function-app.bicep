// Plan, app, settings, and who may come in. The code arrives separately (scripts/deploy_code.sh).
param name string
param planName string
param location string = resourceGroup().location
param tags object
@description('FC1 is Flex Consumption, EP1 to EP3 are Elastic Premium.')
param plan string
param zoneRedundant bool
param updateStrategy string
param instanceMemoryMB int
param maximumInstanceCount int
param alwaysReadyHttp int
param alwaysReadyChanges int
param httpConcurrency int
param identityId string
param identityClientId string
param packageContainer string
param hostStorageName string
param stateTableUri string
@description('Host names: the queues of changes, and the queue that Dataverse writes to.')
param workNamespace string
param ingressNamespace string
param vaultName string
param insightsName string
param workspaceId string
param subnetId string
param callerRules array
param entraClientId string
@description('How telemetry leaves the app. The host speaks OpenTelemetry only beside opentelemetry.')
@allowed(['opencensus', 'opentelemetry'])
param telemetryExporter string = 'opentelemetry'
@description('Settings of the product by name.')
param productSettings object

var flex = plan == 'FC1'
var secretNamed = '@Microsoft.KeyVault(VaultName=${vaultName};SecretName='
var byIdentity = 'managedidentity'

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

var platformSettings = {
  AZURE_CLIENT_ID: identityClientId
  AzureWebJobsStorage__accountName: hostStorageName
  AzureWebJobsStorage__credential: byIdentity
  AzureWebJobsStorage__clientId: identityClientId
  ServiceBus__fullyQualifiedNamespace: workNamespace
  ServiceBus__credential: byIdentity
  ServiceBus__clientId: identityClientId
  Ingress__fullyQualifiedNamespace: ingressNamespace
  Ingress__credential: byIdentity
  Ingress__clientId: identityClientId
  Tables__tableServiceUri: stateTableUri
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  TELEMETRY_EXPORTER: telemetryExporter
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId // sign-in without a client secret
  DIGEST_KEYS: '${secretNamed}digest-keys)'
  DATAVERSE_WEBHOOK_SECRETS: '${secretNamed}dataverse-webhook-secrets)'
  S4_PASSWORD: '${secretNamed}s4-password)'
  S4_EVENT_SECRETS: '${secretNamed}s4-event-secrets)'
  OPS_KEYS: '${secretNamed}ops-keys)'
}

// The host's own telemetry: the same protocol as the app's, or host and worker would each tell of the other's work
var telemetrySettings = telemetryExporter == 'opentelemetry' ? {
  AzureFunctionsJobHost__telemetryMode: 'OpenTelemetry'
  PYTHON_ENABLE_OPENTELEMETRY: 'true' // the worker's lines are the app's to send
} : {}

// Flex knows these from functionAppConfig, and refuses or ignores them as settings
var premiumSettings = {
  FUNCTIONS_EXTENSION_VERSION: '~4'
  FUNCTIONS_WORKER_RUNTIME: 'python'
  WEBSITE_RUN_FROM_PACKAGE: '${packageContainer}/app.zip'
  WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID: identityId
}

var readyForHttp = alwaysReadyHttp > 0 ? [{ name: 'http', instanceCount: alwaysReadyHttp }] : []
var readyForChanges = alwaysReadyChanges > 0 ? [{ name: 'function:changes', instanceCount: alwaysReadyChanges }] : []
var flexConfig = {
  deployment: {
    storage: {
      type: 'blobContainer'
      value: packageContainer
      authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
    }
  }
  runtime: { name: 'python', version: '3.13' }
  scaleAndConcurrency: {
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReady: concat(readyForHttp, readyForChanges)
    triggers: { http: { perInstanceConcurrency: httpConcurrency } }
  }
  siteUpdateStrategy: { type: updateStrategy }
}

var access = empty(callerRules) ? {} : {
  ipSecurityRestrictions: callerRules
  ipSecurityRestrictionsDefaultAction: 'Deny'
}

// Flex refuses what stands in premiumSite (error 51021)
var commonSite = union(access, {
  minTlsVersion: '1.2'
})
var premiumSite = {
  linuxFxVersion: 'PYTHON|3.13'
  ftpsState: 'Disabled'
  http20Enabled: true
  scmMinTlsVersion: '1.2'
  functionAppScaleLimit: maximumInstanceCount
  minimumElasticInstanceCount: 1
  functionsRuntimeScaleMonitoringEnabled: !empty(subnetId) // the scaler cannot see into the network
}

resource serverFarm 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: flex ? 'functionapp' : 'elastic'
  sku: {
    name: plan
    tier: flex ? 'FlexConsumption' : 'ElasticPremium'
  }
  properties: {
    reserved: true // Linux
    zoneRedundant: zoneRedundant
    maximumElasticWorkerCount: flex ? null : maximumInstanceCount
  }
}

resource site 'Microsoft.Web/sites@2025-05-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: serverFarm.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled' // Dataverse and SAP come over the internet; callerRules narrow it
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    outboundVnetRouting: flex || empty(subnetId) ? null : { allTraffic: true }
    functionAppConfig: flex ? flexConfig : null
    siteConfig: flex ? commonSite : union(commonSite, premiumSite)
  }
}

resource appSettings 'Microsoft.Web/sites/config@2025-05-01' = {
  parent: site
  name: 'appsettings'
  properties: union(productSettings, platformSettings, telemetrySettings, flex ? {} : premiumSettings)
}

// Recognises who signs in and lets everybody through: the routes decide by role, the ways in by their own secret.
resource signIn 'Microsoft.Web/sites/config@2025-05-01' = if (!empty(entraClientId)) {
  parent: site
  name: 'authsettingsV2'
  dependsOn: [appSettings] // the setting that stands for the client secret
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: false
      unauthenticatedClientAction: 'AllowAnonymous'
      excludedPaths: [
        '/api/dataverse/events'
        '/api/finance/events'
        '/api/sap/events'
        '/api/sap/idocs'
      ]
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: entraClientId
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: { allowedAudiences: [entraClientId, 'api://${entraClientId}'] }
      }
    }
    login: { tokenStore: { enabled: false } }
    httpSettings: { requireHttps: true }
  }
}

// Code is deployed with an Entra token, never with the site's publishing password
resource passwords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = [for one in ['ftp', 'scm']: {
  parent: site
  name: one
  properties: { allow: false }
}]

// The app's own telemetry goes to Application Insights; this tells why it does not start
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: site
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'FunctionAppLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output name string = site.name
output hostName string = site.properties.defaultHostName
