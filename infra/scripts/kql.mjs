// Parses every query of infra/queries with Kusto's own parser, against the tables that queries/schema.json knows.
//   node infra/scripts/kql.mjs [FOLDER]              says what is wrong, as file:line: message; the exit code counts it
//   node infra/scripts/kql.mjs --columns [FOLDER]    and prints the columns of each query's result as JSON
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const load = createRequire(import.meta.url)
load('@kusto/language-service-next/bridge.min.js') // the two make globals, in this order
load('@kusto/language-service-next/Kusto.Language.Bridge.min.js')
const { Bridge, Kusto: { Language } } = globalThis

const queries = join(dirname(fileURLToPath(import.meta.url)), '..', 'queries')
const wanted = process.argv.slice(2).filter(one => !one.startsWith('--'))
const folder = wanted[0] ?? queries

// 'app' and 'azure' are columns that several tables share; tables begin with a capital or an underscore
function globals() {
  const schema = JSON.parse(readFileSync(join(queries, 'schema.json'), 'utf8'))
  const columns = name => schema[name].flatMap(one => (one.includes(':') ? [one] : columns(one)))
  const tables = Object.keys(schema).filter(name => /^[A-Z_]/.test(name))
    .map(name => Language.Symbols.TableSymbol.From(`(${columns(name).join(', ')})`).WithName(name))
  return Language.GlobalState.Default.WithDatabase(new Language.Symbols.DatabaseSymbol.ctor('workspace', tables))
}

function parsed(text, known) {
  const code = Language.KustoCode.ParseAndAnalyze(text, known)
  const faults = Bridge.toArray(code.GetDiagnostics()).filter(one => one.Severity !== 'Suggestion')
    .map(one => ({ line: text.slice(0, one.Start).split('\n').length, message: `${one.Message} (${one.Code})` }))
  const columns = code.ResultType?.Columns ? Bridge.toArray(code.ResultType.Columns).map(one => one.Name) : []
  if (!faults.length && !columns.length) faults.push({ line: 1, message: 'the query returns no table' })
  return { faults, columns }
}

const known = globals()
const found = {}
let faulty = 0
for (const path of readdirSync(folder, { recursive: true }).filter(one => one.endsWith('.kql')).sort()) {
  const { faults, columns } = parsed(readFileSync(join(folder, path), 'utf8'), known)
  for (const one of faults) console.error(`${relative('.', join(folder, path))}:${one.line}: ${one.message}`)
  found[path] = columns
  faulty += faults.length
}
if (!Object.keys(found).length) {
  console.error(`${folder}: no queries`)
  faulty = 1
}
if (process.argv.includes('--columns')) console.log(JSON.stringify(found))
process.exitCode = Math.min(faulty, 100)
