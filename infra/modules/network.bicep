// The app's own network: a subnet to go out from, one for private endpoints, and the ways to an SAP on premises.
param base string
param location string = resourceGroup().location
param tags object
param prefix string
param appSubnetPrefix string
param endpointSubnetPrefix string
param flex bool
param dnsServers array
param natGateway bool
param hubNetworkId string
param firewallAddress string
param createDnsZones bool

var zones = [
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.table.${environment().suffixes.storage}'
  'privatelink.servicebus.windows.net'
  'privatelink.vaultcore.azure.net'
]

resource outbound 'Microsoft.Network/publicIPAddresses@2024-05-01' = if (natGateway) {
  name: 'pip-${base}-nat'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIPAllocationMethod: 'Static' }
}

resource nat 'Microsoft.Network/natGateways@2024-05-01' = if (natGateway) {
  name: 'ng-${base}'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: {
    publicIpAddresses: [{ id: outbound.id }]
    idleTimeoutInMinutes: 10
  }
}

// Nothing is let in: the subnets hold endpoints and outbound traffic only, and the default rules allow those.
resource guard 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: 'nsg-${base}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'nothing-from-the-internet'
        properties: {
          priority: 100
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource routes 'Microsoft.Network/routeTables@2024-05-01' = if (!empty(firewallAddress)) {
  name: 'rt-${base}'
  location: location
  tags: tags
  properties: {
    disableBgpRoutePropagation: false // routes to SAP come from the gateway
    routes: [
      {
        name: 'through-the-firewall'
        properties: {
          addressPrefix: '0.0.0.0/0'
          nextHopType: 'VirtualAppliance'
          nextHopIpAddress: firewallAddress
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: 'vnet-${base}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [prefix] }
    dhcpOptions: { dnsServers: dnsServers }
    // subnets stand in the network, not beside it: as resources of their own a repeated deployment would remove them
    subnets: [
      {
        name: 'snet-app'
        properties: {
          addressPrefix: appSubnetPrefix
          networkSecurityGroup: { id: guard.id }
          natGateway: natGateway ? { id: nat.id } : null
          routeTable: empty(firewallAddress) ? null : { id: routes.id }
          delegations: [
            {
              name: 'functions'
              properties: { serviceName: flex ? 'Microsoft.App/environments' : 'Microsoft.Web/serverFarms' }
            }
          ]
        }
      }
      {
        name: 'snet-endpoints'
        properties: {
          addressPrefix: endpointSubnetPrefix
          networkSecurityGroup: { id: guard.id }
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
    ]
  }
}

// Only our half: the hub's owner adds the other one, with allowGatewayTransit (docs/deploy/network.md).
resource peering 'Microsoft.Network/virtualNetworks/virtualNetworkPeerings@2024-05-01' = if (!empty(hubNetworkId)) {
  parent: network
  name: 'to-hub'
  properties: {
    remoteVirtualNetwork: { id: hubNetworkId }
    allowVirtualNetworkAccess: true
    allowForwardedTraffic: true
    useRemoteGateways: true
  }
}

resource zone 'Microsoft.Network/privateDnsZones@2020-06-01' = [for one in zones: if (createDnsZones) {
  name: one
  location: 'global'
  tags: tags
}]

resource zoneLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = [for (one, i) in zones: if (createDnsZones) {
  parent: zone[i]
  name: 'to-${network.name}'
  location: 'global'
  tags: tags
  properties: {
    virtualNetwork: { id: network.id }
    registrationEnabled: false
  }
}]

output appSubnetId string = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'snet-app')
output endpointSubnetId string = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'snet-endpoints')
output outboundAddress string = natGateway ? outbound.properties.ipAddress : ''
