// Seatsync in one resource group: `azd up`, or `az deployment sub create` (docs/deploy.md).
targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('Name of this deployment; resource names are made of it. Letters, digits and hyphens.')
param environmentName string

@minLength(1)
@description('Azure region. It must offer Flex Consumption: az functionapp list-flexconsumption-locations.')
param location string

@description('Name of the resource group; made of environmentName when empty.')
param resourceGroupName string = ''

// The app -----------------------------------------------------------------------------------------

@description('When the daily cycle starts: NCRONTAB, second first, UTC.')
param syncSchedule string = '0 0 2 * * *'

@allowed([
  512
  2048
  4096
])
@description('Memory of one instance in MB.')
param instanceMemoryMB int = 2048

@minValue(1)
@maxValue(1000)
@description('Most instances at once. More than a few only wait for the PSA: docs/operations.md.')
param maximumInstances int = 10

@description('More app settings by their full names: further connections, and NOTIFY__… for messages. No secrets.')
param extraSettings object = {}

@description('Full names of more settings that are secrets, such as PSA__second__PRIVATE_KEY: each refers to the vault.')
param secretSettings array = []

@secure()
@description('Values of secretSettings by name. One that is empty or left out keeps what the vault has.')
param secretValues object = {}

// Signing in --------------------------------------------------------------------------------------

@description('Client id of the app registration that people sign in to (scripts/entra/sign-in.sh prints it).')
param signInClientId string

@description('Tenant that people sign in from; the deployment\'s own when empty.')
param signInTenantId string = ''

// Microsoft: the connection named main ------------------------------------------------------------

@description('The partner\'s tenant: its GUID, or one of its domains.')
param microsoftTenantId string

@description('Client id of the app registration that reads customers\' tenants (scripts/entra/microsoft.sh prints it).')
param microsoftClientId string

@allowed([
  'secret'
  'certificate'
  'managedIdentity'
])
@description('How the app proves who it is. managedIdentity needs no secret: the app registration trusts the identity that is made here.')
param microsoftCredential string = 'managedIdentity'

@allowed([
  'app_only'
  'gdap'
])
@description('How customers\' tenants are entered: as the app itself, or as the partner\'s service account.')
param microsoftMode string = 'app_only'

@allowed([
  'global'
  'gcc_high'
  'dod'
  'china'
])
@description('Microsoft cloud of the customers.')
param microsoftCloud string = 'global'

@description('Whether the partner is a direct CSP: then terms are read from Partner Center.')
param partnerCenter bool = false

@secure()
@description('Secret of the app registration; with the credential secret. Empty keeps what the vault has.')
param microsoftClientSecret string = ''

@secure()
@description('Certificate with its private key, PEM; with the credential certificate. Empty keeps what the vault has.')
param microsoftCertificate string = ''

@secure()
@description('Refresh token of the service account; with the mode gdap. Empty keeps what the vault has.')
param microsoftRefreshToken string = ''

// The PSA: the connection named main --------------------------------------------------------------

@allowed([
  'connectwise'
  'autotask'
  'halopsa'
  'syncro'
])
@description('Which PSA it is.')
param psaProvider string

@description('Where its API is; may be empty for Autotask.')
param psaUrl string = ''

@description('IANA time zone whose calendar dates the PSA bills by.')
param psaTimeZone string = 'UTC'

@allowed([
  'write'
  'report'
])
@description('What happens with credits that a mapping allows.')
param psaCredits string = 'write'

@description('ConnectWise: the company id of the sign-in page.')
param psaCompanyId string = ''

@description('ConnectWise: the client id of the integration. HaloPSA: of the API application.')
param psaClientId string = ''

@description('Autotask: the API user\'s user name.')
param psaUsername string = ''

@description('HaloPSA: the tenant of a hosted instance.')
param psaTenant string = ''

@description('HaloPSA: where tokens come from, when not below the instance\'s own address.')
param psaAuthUrl string = ''

@description('HaloPSA: what a token is asked for.')
param psaScopes string = 'all'

@description('HaloPSA: whether a pro-rata row may take seats away. Turn on what the probe has shown.')
param psaNegativeProrata bool = false

@description('HaloPSA: calls of one instance in five minutes.')
param psaCallsPerFiveMinutes int = 250

@description('Autotask: whether a service may be left without units. Turn on what the probe has shown.')
param psaUnitsToZero bool = false

@description('Autotask: whether a change may begin in a posted period. Turn on what the probe has shown.')
param psaPostedPeriods bool = false

@description('Syncro: calls of one instance in a minute.')
param psaCallsPerMinute int = 150

@secure()
@description('ConnectWise: the API member\'s public key. Empty keeps what the vault has.')
param psaPublicKey string = ''

@secure()
@description('ConnectWise: the API member\'s private key. Empty keeps what the vault has.')
param psaPrivateKey string = ''

@secure()
@description('Autotask: the API user\'s secret. Empty keeps what the vault has.')
param psaSecret string = ''

@secure()
@description('Autotask: the tracking identifier of the integration. Empty keeps what the vault has.')
param psaIntegrationCode string = ''

@secure()
@description('HaloPSA: the application\'s secret. Empty keeps what the vault has.')
param psaClientSecret string = ''

@secure()
@description('Syncro: the API token. Empty keeps what the vault has.')
param psaApiToken string = ''

// Network, watching, cost -------------------------------------------------------------------------

@description('Whether storage and vault are reached over private endpoints only. It costs more: docs/operations.md.')
param privateNetworking bool = false

@description('Where alerts of Azure Monitor go; none are sent when empty.')
param alertEmail string = ''

@minValue(0)
@description('Monthly budget in the subscription\'s currency, with mails at 80 and 100 %; 0 makes none.')
param monthlyBudget int = 50

@description('First day of the budget: the first of a month, such as 2026-11-01.')
param budgetStart string = utcNow('yyyy-MM-01')

var suffix = uniqueString(subscription().id, environmentName, location)
var groupName = empty(resourceGroupName) ? 'rg-${environmentName}' : resourceGroupName
var tags = { 'azd-env-name': environmentName }

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: groupName
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-seatsync-${suffix}'
    location: location
    tags: tags
  }
}

module network 'modules/network.bicep' = if (privateNetworking) {
  name: 'network'
  scope: group
  params: {
    name: 'vnet-seatsync-${suffix}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: 'log-seatsync-${suffix}'
    componentName: 'appi-seatsync-${suffix}'
    location: location
    tags: tags
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'st${suffix}'
    location: location
    tags: tags
    publicAccess: !privateNetworking
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: 'kv-${suffix}'
    location: location
    tags: tags
    publicAccess: !privateNetworking
    microsoftClientSecret: microsoftClientSecret
    microsoftCertificate: microsoftCertificate
    microsoftRefreshToken: microsoftRefreshToken
    psaPublicKey: psaPublicKey
    psaPrivateKey: psaPrivateKey
    psaSecret: psaSecret
    psaIntegrationCode: psaIntegrationCode
    psaClientSecret: psaClientSecret
    psaApiToken: psaApiToken
    secretValues: secretValues
  }
}

module endpoints 'modules/endpoints.bicep' = if (privateNetworking) {
  name: 'endpoints'
  scope: group
  params: {
    networkName: 'vnet-seatsync-${suffix}'
    storageName: storage.outputs.name
    vaultName: vault.outputs.name
    location: location
    tags: tags
  }
  dependsOn: [
    network
  ]
}

module access 'modules/access.bicep' = {
  name: 'access'
  scope: group
  params: {
    principalId: identity.outputs.principalId
    storageName: storage.outputs.name
    vaultName: vault.outputs.name
    componentName: monitoring.outputs.componentName
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    name: 'func-seatsync-${suffix}'
    planName: 'plan-seatsync-${suffix}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageName: storage.outputs.name
    deploymentContainer: storage.outputs.deploymentContainer
    connectionString: monitoring.outputs.connectionString
    vaultUri: vault.outputs.uri
    subnetName: privateNetworking ? 'app' : ''
    networkName: privateNetworking ? 'vnet-seatsync-${suffix}' : ''
    instanceMemoryMB: instanceMemoryMB
    maximumInstances: maximumInstances
    signInClientId: signInClientId
    signInTenantId: empty(signInTenantId) ? tenant().tenantId : signInTenantId
    syncSchedule: syncSchedule
    microsoftTenantId: microsoftTenantId
    microsoftClientId: microsoftClientId
    microsoftCredential: microsoftCredential
    microsoftMode: microsoftMode
    microsoftCloud: microsoftCloud
    partnerCenter: partnerCenter
    psaProvider: psaProvider
    psaUrl: psaUrl
    psaTimeZone: psaTimeZone
    psaCredits: psaCredits
    psaCompanyId: psaCompanyId
    psaClientId: psaClientId
    psaUsername: psaUsername
    psaTenant: psaTenant
    psaAuthUrl: psaAuthUrl
    psaScopes: psaScopes
    psaNegativeProrata: psaNegativeProrata
    psaCallsPerFiveMinutes: psaCallsPerFiveMinutes
    psaUnitsToZero: psaUnitsToZero
    psaPostedPeriods: psaPostedPeriods
    psaCallsPerMinute: psaCallsPerMinute
    extraSettings: extraSettings
    secretSettings: secretSettings
  }
  dependsOn: [
    access
    endpoints
    network
  ]
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    name: guid(group.id, 'seatsync workbook')
    workspaceId: monitoring.outputs.workspaceId
    location: location
    tags: tags
  }
}

module alerts 'modules/alerts.bicep' = if (!empty(alertEmail)) {
  name: 'alerts'
  scope: group
  params: {
    email: alertEmail
    workspaceId: monitoring.outputs.workspaceId
    location: location
    tags: tags
  }
}

module budget 'modules/budget.bicep' = if (monthlyBudget > 0 && !empty(alertEmail)) {
  name: 'budget'
  scope: group
  params: {
    amount: monthlyBudget
    start: budgetStart
    email: alertEmail
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output AZURE_LOCATION string = location
output AZURE_KEY_VAULT_NAME string = vault.outputs.name
output SEATSYNC_APP_NAME string = app.outputs.name
output SEATSYNC_URL string = app.outputs.url
output SEATSYNC_STORAGE_ACCOUNT string = storage.outputs.name
output SEATSYNC_IDENTITY_CLIENT_ID string = identity.outputs.clientId
output SEATSYNC_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
