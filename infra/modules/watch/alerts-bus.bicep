// What a Service Bus namespace tells by itself, within a minute and without the app: it works when the app does not.
param base string
param tags object
param namespaceId string
param actionGroupIds array
@description('Messages that may wait on a queue of people\'s changes; a backfill may be as long as it likes.')
param messages int
param runbook string

var everyQueue = ['*']
var rules = [
  {
    name: 'dead-letters-unread'
    severity: 1
    says: 'Dead messages lie unread: the functions that record them do not run.'
    metric: 'DeadletteredMessages'
    aggregation: 'Minimum'
    limit: 0
    queues: everyQueue
    over: 'PT30M'
  }
  {
    name: 'backlog'
    severity: 2
    says: 'More changes come in than are worked on.'
    metric: 'ActiveMessages'
    aggregation: 'Minimum'
    limit: messages
    queues: ['changes', 'dataverse-events']
    over: 'PT15M'
  }
]

resource rule 'Microsoft.Insights/metricAlerts@2018-03-01' = [for one in rules: {
  name: 'alert-${base}-${one.name}'
  location: 'global'
  tags: tags
  properties: {
    description: '${one.says} ${runbook}#${one.name}'
    severity: one.severity
    enabled: true
    scopes: [namespaceId]
    evaluationFrequency: 'PT5M'
    windowSize: one.over
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: one.name
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: one.metric
          timeAggregation: one.aggregation
          dimensions: [{ name: 'EntityName', operator: 'Include', values: one.queues }]
          operator: 'GreaterThan'
          threshold: one.limit
        }
      ]
    }
    actions: [for id in actionGroupIds: { actionGroupId: id }]
  }
}]
