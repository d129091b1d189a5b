// Who is told, about what, how soon. Each rule's name is a section of docs/operate/runbook.md: `alert dead-letters`.
// The queries are infra/queries/alerts/*.kql; how much is too much stands here.
param base string
param location string = resourceGroup().location
param tags object
param workspaceId string
@description('Service Bus namespaces to watch.')
param namespaceIds array
param vaultName string
@description('Mail addresses of those on call.')
param emails array
@description('Resource ids of action groups that exist already.')
param actionGroupIds array
@description('Limits that differ from those below, by name.')
param limits object
@description('Systems that are expected to send events; one that is only swept is silent by nature.')
param eventSources array
@description('Where the runbook can be read by those who are told.')
param runbook string

var limit = union({
  lagSeconds: 300
  parkedGrowth: 50 // a day and flow
  deltaTokenDays: 3 // of seven, after which Dataverse has forgotten the token
  sweptWithoutEvent: 3
  refusedEvents: 20
  messages: 10000
}, limits)
var byFlow = [{ name: 'flow', operator: 'Include', values: ['*'] }]
var byFlowAndSide = concat(byFlow, [{ name: 'side', operator: 'Include', values: ['*'] }])
var byQueue = [{ name: 'queue', operator: 'Include', values: ['*'] }]
var bySystem = [{ name: 'system', operator: 'Include', values: ['*'] }]
var bySender = [{ name: 'system', operator: 'Include', values: eventSources }]
var byWhat = [{ name: 'what', operator: 'Include', values: ['*'] }]

// `over` is the time looked at, `every` how often: half of it or less, because logs arrive some minutes late.
// Severity 1: somebody gets up, 2: today, 3: this week
var rules = [
  {
    name: 'app-silent'
    severity: 1
    says: 'The minute timer has not run: the app is down, or its telemetry is.'
    query: loadTextContent('../../queries/alerts/app-silent.kql')
    measure: 'sweeps'
    by: []
    operator: 'LessThan'
    limit: 1
    over: 'PT15M'
    every: 'PT5M'
  }
  {
    name: 'dead-letters'
    severity: 1
    says: 'Messages failed five times: a defect. Their records are on the parked list.'
    query: loadTextContent('../../queries/alerts/dead-letters.kql')
    measure: 'letters'
    by: byQueue
    operator: 'GreaterThan'
    limit: 0
    over: 'PT15M'
    every: 'PT5M'
  }
  {
    name: 'breaker-open'
    severity: 1
    says: 'The app has stopped calling a system that does not answer, or that refuses our user.'
    query: loadTextContent('../../queries/alerts/breaker-open.kql')
    measure: 'open'
    by: bySystem
    operator: 'GreaterThan'
    limit: 0
    over: 'PT2H'
    every: 'PT5M'
  }
  {
    name: 'access-refused'
    severity: 1
    says: 'A system refuses our user: password, role, licence or lock.'
    query: loadTextContent('../../queries/alerts/access-refused.kql')
    measure: 'refused'
    by: byFlow
    operator: 'GreaterThan'
    limit: 0
    over: 'PT15M'
    every: 'PT5M'
  }
  {
    name: 'lag'
    severity: 2
    says: 'People\'s changes take too long from the event to the last write.'
    query: loadTextContent('../../queries/alerts/lag.kql')
    measure: 'seconds'
    by: byFlow
    operator: 'GreaterThan'
    limit: limit.lagSeconds
    over: 'PT30M'
    every: 'PT15M'
  }
  {
    name: 'parked-growth'
    severity: 2
    says: 'Many more records than yesterday wait for a person.'
    query: loadTextContent('../../queries/alerts/parked-growth.kql')
    measure: 'grown'
    by: byFlow
    operator: 'GreaterThan'
    limit: limit.parkedGrowth
    over: 'P1D'
    every: 'PT1H'
  }
  {
    name: 'reconcile-failed'
    severity: 2
    says: 'The comparison of both systems could not be finished.'
    query: loadTextContent('../../queries/alerts/reconcile-failed.kql')
    measure: 'runs'
    by: byFlow
    operator: 'GreaterThan'
    limit: 0
    over: 'PT2H'
    every: 'PT1H'
  }
  {
    name: 'reconcile-waits'
    severity: 2
    says: 'A reconcile would write more than is allowed without a person, and waits.'
    query: loadTextContent('../../queries/alerts/reconcile-waits.kql')
    measure: 'runs'
    by: byFlow
    operator: 'GreaterThan'
    limit: 0
    over: 'PT2H'
    every: 'PT1H'
  }
  {
    name: 'paused'
    severity: 1
    says: 'The app paused a flow by itself: a system looks restored from an old copy.'
    query: loadTextContent('../../queries/alerts/paused.kql')
    measure: 'pauses'
    by: byWhat
    operator: 'GreaterThan'
    limit: 0
    over: 'PT15M'
    every: 'PT5M'
  }
  {
    name: 'delta-token-age'
    severity: 2
    says: 'A sweep does not move on; its delta token will be forgotten.'
    query: loadTextContent('../../queries/alerts/delta-token-age.kql')
    measure: 'days'
    by: byFlowAndSide
    operator: 'GreaterThan'
    limit: limit.deltaTokenDays
    over: 'PT2H'
    every: 'PT1H'
  }
  {
    name: 'webhook-silence'
    severity: 3
    says: 'Sweeps find changes of a system that sends no events any more.'
    query: loadTextContent('../../queries/alerts/webhook-silence.kql')
    measure: 'found'
    by: bySender
    operator: 'GreaterThanOrEqual'
    limit: limit.sweptWithoutEvent
    over: 'PT6H'
    every: 'PT1H'
  }
  {
    name: 'events-refused'
    severity: 3
    says: 'Events are turned away: a wrong secret, another organisation, or a stranger.'
    query: loadTextContent('../../queries/alerts/events-refused.kql')
    measure: 'refused'
    by: []
    operator: 'GreaterThan'
    limit: limit.refusedEvents
    over: 'PT30M'
    every: 'PT15M'
  }
  {
    name: 'log-cap'
    severity: 2
    says: 'The workspace takes no more logs today: all other alerts are blind.'
    query: loadTextContent('../../queries/alerts/log-cap.kql')
    measure: 'stops'
    by: []
    operator: 'GreaterThan'
    limit: 0
    over: 'PT2H'
    every: 'PT1H'
  }
]

// Without receivers an alert is still seen in the portal
resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${base}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: take(base, 12)
    enabled: true
    emailReceivers: [for (address, i) in emails: {
      name: 'mail-${i}'
      emailAddress: address
      useCommonAlertSchema: true
    }]
  }
}

var told = concat([people.id], actionGroupIds)

resource rule 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for one in rules: {
  name: 'alert-${base}-${one.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: '${base}: ${one.name}'
    description: '${one.says} ${runbook}#${one.name}'
    severity: one.severity
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: one.every
    windowSize: one.over
    autoMitigate: true
    skipQueryValidation: true // parsed before; a workspace that was made a minute ago does not know its tables yet
    criteria: {
      allOf: [
        {
          query: one.query
          timeAggregation: 'Maximum'
          metricMeasureColumn: one.measure
          dimensions: one.by
          operator: one.operator
          threshold: one.limit
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: told }
  }
}]

module messages 'alerts-bus.bicep' = [for (id, i) in namespaceIds: {
  name: 'alerts-bus-${i}'
  params: {
    base: '${base}-${last(split(id, '/'))}'
    tags: tags
    namespaceId: id
    actionGroupIds: told
    messages: limit.messages
    runbook: runbook
  }
}]

module expiry 'alerts-vault.bicep' = {
  name: 'alerts-vault'
  params: {
    base: base
    location: location
    tags: tags
    vaultName: vaultName
    actionGroupIds: told
    runbook: runbook
  }
}
