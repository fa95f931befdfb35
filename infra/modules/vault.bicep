// Every secret, one entry each. The app's settings only refer to them, so a new version is enough
// to rotate one (docs/operations.md).
param name string
param location string
param tags object
param publicAccess bool

@secure()
param microsoftClientSecret string

@secure()
param microsoftCertificate string

@secure()
param microsoftRefreshToken string

@secure()
param psaPublicKey string

@secure()
param psaPrivateKey string

@secure()
param psaSecret string

@secure()
param psaIntegrationCode string

@secure()
param psaClientSecret string

@secure()
param psaApiToken string

@secure()
param secretValues object

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: publicAccess ? 'Allow' : 'Deny'
    }
  }
}

resource clientSecret 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(microsoftClientSecret)) {
  parent: vault
  name: 'MICROSOFT--main--CLIENT-SECRET'
  properties: {
    value: microsoftClientSecret
  }
}

resource certificate 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(microsoftCertificate)) {
  parent: vault
  name: 'MICROSOFT--main--CERTIFICATE'
  properties: {
    value: microsoftCertificate
  }
}

resource refreshToken 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(microsoftRefreshToken)) {
  parent: vault
  name: 'MICROSOFT--main--REFRESH-TOKEN'
  properties: {
    value: microsoftRefreshToken
  }
}

resource storedPublicKey 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(psaPublicKey)) {
  parent: vault
  name: 'PSA--main--PUBLIC-KEY'
  properties: {
    value: psaPublicKey
  }
}

resource storedPrivateKey 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(psaPrivateKey)) {
  parent: vault
  name: 'PSA--main--PRIVATE-KEY'
  properties: {
    value: psaPrivateKey
  }
}

resource storedSecret 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(psaSecret)) {
  parent: vault
  name: 'PSA--main--SECRET'
  properties: {
    value: psaSecret
  }
}

resource storedIntegrationCode 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(psaIntegrationCode)) {
  parent: vault
  name: 'PSA--main--INTEGRATION-CODE'
  properties: {
    value: psaIntegrationCode
  }
}

resource storedClientSecret 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(psaClientSecret)) {
  parent: vault
  name: 'PSA--main--CLIENT-SECRET'
  properties: {
    value: psaClientSecret
  }
}

resource storedApiToken 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(psaApiToken)) {
  parent: vault
  name: 'PSA--main--API-TOKEN'
  properties: {
    value: psaApiToken
  }
}

// A vault takes no underscores in names: app.bicep names them alike.
resource more 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = [for one in items(secretValues): if (!empty(one.value)) {
  parent: vault
  name: replace(one.key, '_', '-')
  properties: {
    value: one.value
  }
}]

output name string = vault.name
output uri string = vault.properties.vaultUri
