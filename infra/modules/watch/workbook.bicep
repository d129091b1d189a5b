// One workbook: parameters at the top, tiles below, two in a row where they are half as wide.
param title string
param location string = resourceGroup().location
param tags object
param workspaceId string
@description('What the page answers, in Markdown.')
param about string
@description('Name of a text that the reader types, for queries to name: Correlation. Empty: none.')
param asks string
@description('The time range that is chosen at first, in hours.')
param hours int
@description('{name, says, query, chart: timechart | barchart | table, width: percent}')
param tiles array

var logs = 'microsoft.operationalinsights/workspaces'
var times = {
  id: guid(title, 'TimeRange')
  version: 'KqlParameterItem/1.0'
  name: 'TimeRange'
  label: 'Time'
  type: 4
  isRequired: true
  value: { durationMs: hours * 3600000 }
  typeSettings: {
    selectableValues: [
      { durationMs: 3600000 }
      { durationMs: 14400000 }
      { durationMs: 86400000 }
      { durationMs: 604800000 }
      { durationMs: 2592000000 }
    ]
    allowCustom: true
  }
}
var typed = {
  id: guid(title, asks)
  version: 'KqlParameterItem/1.0'
  name: asks
  type: 1
  isRequired: true
  value: ''
}
var head = [
  { type: 1, name: 'about', content: { json: about } }
  {
    type: 9
    name: 'parameters'
    content: {
      version: 'KqlParameterItem/1.0'
      parameters: empty(asks) ? [times] : [times, typed]
      style: 'pills'
      queryType: 0
      resourceType: logs
    }
  }
]
var body = [for tile in tiles: {
  type: 3
  name: tile.name
  customWidth: string(tile.width)
  content: {
    version: 'KqlItem/1.0'
    title: tile.says
    query: tile.query
    size: 0
    timeContextFromParameter: 'TimeRange'
    queryType: 0
    resourceType: logs
    crossComponentResources: [workspaceId]
    visualization: tile.chart
  }
}]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, title)
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: title
    category: 'workbook'
    sourceId: workspaceId
    version: '1.0'
    serializedData: string({
      '$schema': 'https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json'
      version: 'Notebook/1.0'
      items: concat(head, body)
      fallbackResourceIds: [workspaceId]
    })
  }
}
