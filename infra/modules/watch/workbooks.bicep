// The three workbooks: what each shows. Each query stands once, in infra/queries, and is parsed in CI.
param base string
param tags object
param workspaceId string

module operations 'workbook.bicep' = {
  name: 'workbook-operations'
  params: {
    title: 'Sync ${base}: operations'
    tags: tags
    workspaceId: workspaceId
    about: 'Is it running, how fast, and what needs a person? Alerts lead to sections of docs/operate/runbook.md.'
    asks: ''
    hours: 24
    tiles: [
      {
        name: 'flows'
        says: 'Flows'
        query: loadTextContent('../../queries/operations/flows.kql')
        chart: 'table'
        width: 100
      }
      {
        name: 'outcomes'
        says: 'What became of the changes'
        query: loadTextContent('../../queries/operations/outcomes.kql')
        chart: 'timechart'
        width: 50
      }
      {
        name: 'lag'
        says: 'Seconds from the event to the last write'
        query: loadTextContent('../../queries/operations/lag.kql')
        chart: 'timechart'
        width: 50
      }
      {
        name: 'backlog'
        says: 'Age of the oldest change that waits, seconds'
        query: loadTextContent('../../queries/operations/backlog.kql')
        chart: 'timechart'
        width: 50
      }
      {
        name: 'messages'
        says: 'Messages that wait, are scheduled, or are dead'
        query: loadTextContent('../../queries/operations/messages.kql')
        chart: 'timechart'
        width: 50
      }
      {
        name: 'parked'
        says: 'Parked records by cause'
        query: loadTextContent('../../queries/operations/parked.kql')
        chart: 'table'
        width: 50
      }
      {
        name: 'parked-over-time'
        says: 'Parked records'
        query: loadTextContent('../../queries/operations/parked-over-time.kql')
        chart: 'timechart'
        width: 50
      }
      {
        name: 'throttling'
        says: 'Times that a system asked us to slow down'
        query: loadTextContent('../../queries/operations/throttling.kql')
        chart: 'timechart'
        width: 50
      }
      {
        name: 'statuses'
        says: 'What the systems answer'
        query: loadTextContent('../../queries/operations/statuses.kql')
        chart: 'timechart'
        width: 50
      }
      {
        name: 'calls'
        says: 'Calls'
        query: loadTextContent('../../queries/operations/calls.kql')
        chart: 'table'
        width: 50
      }
      {
        name: 'steps'
        says: 'Where a change spends its time, milliseconds'
        query: loadTextContent('../../queries/operations/steps.kql')
        chart: 'timechart'
        width: 50
      }
      {
        name: 'freshness'
        says: 'Sweeps and events: hours since'
        query: loadTextContent('../../queries/operations/freshness.kql')
        chart: 'table'
        width: 50
      }
      {
        name: 'trouble'
        says: 'What happened besides changes'
        query: loadTextContent('../../queries/operations/trouble.kql')
        chart: 'table'
        width: 50
      }
      {
        name: 'exceptions'
        says: 'Defects'
        query: loadTextContent('../../queries/operations/exceptions.kql')
        chart: 'table'
        width: 100
      }
    ]
  }
}

module business 'workbook.bicep' = {
  name: 'workbook-business'
  params: {
    title: 'Sync ${base}: business'
    tags: tags
    workspaceId: workspaceId
    about: 'What has the sync done for the business? Counts and amounts only: no name, no address, no key.'
    asks: ''
    hours: 168
    tiles: [
      {
        name: 'amounts-over-time'
        says: 'Amount of orders created each day, by currency'
        query: loadTextContent('../../queries/business/amounts-over-time.kql')
        chart: 'barchart'
        width: 50
      }
      {
        name: 'amounts'
        says: 'Orders by flow, day and currency'
        query: loadTextContent('../../queries/business/amounts.kql')
        chart: 'table'
        width: 50
      }
      {
        name: 'records'
        says: 'Records created and changed by day'
        query: loadTextContent('../../queries/business/records.kql')
        chart: 'table'
        width: 50
      }
      {
        name: 'fields'
        says: 'Fields that move most'
        query: loadTextContent('../../queries/business/fields.kql')
        chart: 'table'
        width: 50
      }
      {
        name: 'links'
        says: 'Linked records'
        query: loadTextContent('../../queries/business/links.kql')
        chart: 'table'
        width: 50
      }
      {
        name: 'waiting'
        says: 'Records that wait for another one'
        query: loadTextContent('../../queries/business/waiting.kql')
        chart: 'timechart'
        width: 50
      }
    ]
  }
}

module record 'workbook.bicep' = {
  name: 'workbook-record'
  params: {
    title: 'Sync ${base}: record'
    tags: tags
    workspaceId: workspaceId
    about: 'One change\'s journey: take a correlation id from the list, a journal, or the answer to *sync now*. Keys are hashed here; `GET /api/ops/links/FLOW/KEY` has the record itself.'
    asks: 'Correlation'
    hours: 24
    tiles: [
      {
        name: 'latest'
        says: 'Latest changes'
        query: loadTextContent('../../queries/record/latest.kql')
        chart: 'table'
        width: 100
      }
      {
        name: 'changes'
        says: 'Decisions'
        query: loadTextContent('../../queries/record/changes.kql')
        chart: 'table'
        width: 100
      }
      {
        name: 'journey'
        says: 'Every step'
        query: loadTextContent('../../queries/record/journey.kql')
        chart: 'table'
        width: 100
      }
    ]
  }
}
