// Private ways to the storage account's three services and to the vault, with names that find them.
param networkName string
param storageName string
param vaultName string
param location string
param tags object

var services = [
  {
    name: 'blob'
    group: 'blob'
    zone: 'privatelink.blob.${environment().suffixes.storage}'
    vault: false
  }
  {
    name: 'queue'
    group: 'queue'
    zone: 'privatelink.queue.${environment().suffixes.storage}'
    vault: false
  }
  {
    name: 'table'
    group: 'table'
    zone: 'privatelink.table.${environment().suffixes.storage}'
    vault: false
  }
  {
    name: 'vault'
    group: 'vault'
    zone: 'privatelink${replace(environment().suffixes.keyvaultDns, 'vault', 'vaultcore')}'
    vault: true
  }
]

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' existing = {
  name: networkName
}

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageName
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource zone 'Microsoft.Network/privateDnsZones@2020-06-01' = [for one in services: {
  name: one.zone
  location: 'global'
  tags: tags
}]

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = [for (one, i) in services: {
  parent: zone[i]
  name: networkName
  location: 'global'
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: network.id
    }
  }
}]

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = [for one in services: {
  name: 'pe-${one.name}-${networkName}'
  location: location
  tags: tags
  properties: {
    subnet: {
      id: '${network.id}/subnets/endpoints'
    }
    privateLinkServiceConnections: [
      {
        name: one.name
        properties: {
          privateLinkServiceId: one.vault ? vault.id : storage.id
          groupIds: [
            one.group
          ]
        }
      }
    ]
  }
}]

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [for (one, i) in services: {
  parent: endpoint[i]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: one.name
        properties: {
          privateDnsZoneId: zone[i].id
        }
      }
    ]
  }
}]
