// What wakes an operator; docs/operations.md says what to do for each.
param email string
param workspaceId string
param location string
param tags object

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-seatsync'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'seatsync'
    emailReceivers: [
      {
        name: 'operator'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource poison 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'seatsync-poison'
  location: location
  tags: tags
  properties: {
    displayName: 'Seatsync: a message could not be worked on'
    description: 'A queue message was given up. The Runs page names customer, row and cause.'
    enabled: true
    severity: 2
    scopes: [
      workspaceId
    ]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: 'AppTraces | where tostring(Properties.event) in ("message_given_up", "message_unreadable")'
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: [
        people.id
      ]
    }
  }
}

resource noCycle 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'seatsync-no-cycle'
  location: location
  tags: tags
  properties: {
    displayName: 'Seatsync: no cycle for 26 hours'
    description: 'The daily cycle has not started. The app may be stopped, or its settings refused.'
    enabled: true
    severity: 1
    scopes: [
      workspaceId
    ]
    evaluationFrequency: 'PT1H'
    windowSize: 'P2D'
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: 'AppTraces | where tostring(Properties.event) == "run_started" and tostring(Properties.reason) == "scheduled" and TimeGenerated > ago(26h) | summarize Cycles = count()'
          timeAggregation: 'Total'
          metricMeasureColumn: 'Cycles'
          operator: 'LessThan'
          threshold: 1
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: [
        people.id
      ]
    }
  }
}

resource failures 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'seatsync-failures'
  location: location
  tags: tags
  properties: {
    displayName: 'Seatsync: much of the work fails'
    description: 'More than a fifth of at least 20 pieces of work failed within an hour.'
    enabled: true
    severity: 2
    scopes: [
      workspaceId
    ]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT1H'
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: 'AppDependencies | where Name in ("function sync_tenant", "function sync_license", "function sync_now") | summarize Work = count(), Failed = countif(Success == false) | where Work >= 20 | extend Percent = 100.0 * Failed / Work | where Percent > 20'
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: [
        people.id
      ]
    }
  }
}
