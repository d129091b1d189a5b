// The vault itself says 30 days before that something expires, without a query, without code, and without the app. What
// has no expiry date says nothing.
param base string
param location string
param tags object
param vaultName string
param actionGroupIds array
param runbook string

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource events 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: 'evgt-${base}-vault'
  location: location
  tags: tags
  properties: {
    source: vault.id
    topicType: 'Microsoft.KeyVault.vaults'
  }
}

resource secretExpiry 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: events
  name: 'secret-expiry'
  properties: {
    eventDeliverySchema: 'CloudEventSchemaV1_0' // the only one that alerts take
    filter: {
      includedEventTypes: [
        'Microsoft.KeyVault.SecretNearExpiry'
        'Microsoft.KeyVault.SecretExpired'
        'Microsoft.KeyVault.CertificateNearExpiry'
        'Microsoft.KeyVault.CertificateExpired'
      ]
    }
    destination: {
      endpointType: 'MonitorAlert'
      properties: {
        severity: 'Sev2'
        description: 'A secret or certificate of the sync expires. ${runbook}#secret-expiry'
        actionGroups: actionGroupIds
      }
    }
  }
}
