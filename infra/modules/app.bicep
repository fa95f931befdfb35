// The function app on Flex Consumption, its settings, and who may call it.
param name string
param planName string
param location string
param tags object
param identityId string
param identityClientId string
param storageName string
param deploymentContainer string
param connectionString string
param vaultUri string
param networkName string
param subnetName string
param instanceMemoryMB int
param maximumInstances int
param signInClientId string
param signInTenantId string
param syncSchedule string
param microsoftTenantId string
param microsoftClientId string
param microsoftCredential string
param microsoftMode string
param microsoftCloud string
param partnerCenter bool
param psaProvider string
param psaUrl string
param psaTimeZone string
param psaCredits string
param psaCompanyId string
param psaClientId string
param psaUsername string
param psaTenant string
param psaAuthUrl string
param psaScopes string
param psaNegativeProrata bool
param psaCallsPerFiveMinutes int
param psaUnitsToZero bool
param psaPostedPeriods bool
param psaCallsPerMinute int
param extraSettings object
param secretSettings array

var secrets = '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/'

var hostSettings = {
  AzureWebJobsStorage__accountName: storageName
  AzureWebJobsStorage__blobServiceUri: storage.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: storage.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: storage.properties.primaryEndpoints.table
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  // The worker goes on with the host's trace, and the host leaves the app's log to the app: nothing is told twice.
  PYTHON_ENABLE_OPENTELEMETRY: 'true'
  // Usually a small instance has five threads, and a cycle mostly waits for answers: 24 messages of each of its queues,
  // and what people wait for must not wait for a thread.
  PYTHON_THREADPOOL_THREAD_COUNT: '64'
  // Signing in needs no secret either: the app registration trusts the identity.
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
}

// An empty setting counts as left out.
var microsoftSettings = {
  MICROSOFT__main__TENANT_ID: microsoftTenantId
  MICROSOFT__main__CLIENT_ID: microsoftClientId
  MICROSOFT__main__CLIENT_SECRET: microsoftCredential == 'secret' ? '${secrets}MICROSOFT--main--CLIENT-SECRET)' : ''
  MICROSOFT__main__CERTIFICATE: microsoftCredential == 'certificate' ? '${secrets}MICROSOFT--main--CERTIFICATE)' : ''
  MICROSOFT__main__MANAGED_IDENTITY_CLIENT_ID: microsoftCredential == 'managedIdentity' ? identityClientId : ''
  MICROSOFT__main__MODE: microsoftMode
  MICROSOFT__main__REFRESH_TOKEN: microsoftMode == 'gdap' ? '${secrets}MICROSOFT--main--REFRESH-TOKEN)' : ''
  MICROSOFT__main__CLOUD: microsoftCloud
  MICROSOFT__main__PARTNER_CENTER: partnerCenter ? 'true' : 'false'
}

var anyPsaSettings = {
  PSA__main__PROVIDER: psaProvider
  PSA__main__URL: psaUrl
  PSA__main__TIME_ZONE: psaTimeZone
  PSA__main__CREDITS: psaCredits
}

var connectWiseSettings = {
  PSA__main__COMPANY_ID: psaCompanyId
  PSA__main__CLIENT_ID: psaClientId
  PSA__main__PUBLIC_KEY: '${secrets}PSA--main--PUBLIC-KEY)'
  PSA__main__PRIVATE_KEY: '${secrets}PSA--main--PRIVATE-KEY)'
}

var autotaskSettings = {
  PSA__main__USERNAME: psaUsername
  PSA__main__SECRET: '${secrets}PSA--main--SECRET)'
  PSA__main__INTEGRATION_CODE: '${secrets}PSA--main--INTEGRATION-CODE)'
  PSA__main__UNITS_TO_ZERO: psaUnitsToZero ? 'true' : 'false'
  PSA__main__POSTED_PERIODS: psaPostedPeriods ? 'true' : 'false'
}

var haloSettings = {
  PSA__main__CLIENT_ID: psaClientId
  PSA__main__CLIENT_SECRET: '${secrets}PSA--main--CLIENT-SECRET)'
  PSA__main__AUTH_URL: psaAuthUrl
  PSA__main__TENANT: psaTenant
  PSA__main__SCOPES: psaScopes
  PSA__main__NEGATIVE_PRORATA: psaNegativeProrata ? 'true' : 'false'
  PSA__main__CALLS_PER_FIVE_MINUTES: string(psaCallsPerFiveMinutes)
}

var syncroSettings = {
  PSA__main__API_TOKEN: '${secrets}PSA--main--API-TOKEN)'
  PSA__main__CALLS_PER_MINUTE: string(psaCallsPerMinute)
}

var settingsByProvider = {
  connectwise: connectWiseSettings
  autotask: autotaskSettings
  halopsa: haloSettings
  syncro: syncroSettings
}

// A vault takes no underscores in names: vault.bicep names them alike.
var secretReferences = toObject(secretSettings, one => one, one => '${secrets}${replace(one, '_', '-')})')

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageName
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetName) ? null : resourceId('Microsoft.Network/virtualNetworks/subnets', networkName, subnetName)
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstances
      }
    }
  }
}

resource settings 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: app
  name: 'appsettings'
  properties: union({ SYNC_SCHEDULE: syncSchedule }, hostSettings, microsoftSettings, anyPsaSettings, settingsByProvider[psaProvider], extraSettings, secretReferences)
}

// Nobody comes in without signing in, but monitors to the health check, which tells no secrets.
resource authentication 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'RedirectToLoginPage'
      redirectToProvider: 'azureactivedirectory'
      excludedPaths: [
        '/api/health'
      ]
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          openIdIssuer: '${environment().authentication.loginEndpoint}${signInTenantId}/v2.0'
          clientId: signInClientId
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
        }
        validation: {
          allowedAudiences: [
            signInClientId
            'api://${signInClientId}'
          ]
        }
      }
    }
    login: {
      tokenStore: {
        enabled: false
      }
      cookieExpiration: {
        convention: 'FixedTime'
        timeToExpiration: '08:00:00'
      }
    }
  }
  dependsOn: [
    settings
  ]
}

// Passwords for deploying are off: the package comes with an Entra sign-in.
resource ftp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
