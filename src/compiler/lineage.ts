/**
 * Column lineage as OpenLineage run events (specification 2-0-2, facets schema 1-2-0 and columnLineage 1-2-0), out of the same trees that
 * are compiled: which columns a column is made of, and how. Pure: the same documents and facts, the same event.
 */
import { createHash } from 'node:crypto'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import { type CoreDocuments, type CoreFacts, planCore } from './core-plan.ts'
import type { DeliveryFacts } from './load-plan.ts'
import { bronzeTable, coreTable, type TableDefinition } from './tables.ts'
import { columnsOf } from './tree.ts'

const producer = 'urn:aiworkflow:compiler'
const spec = (path: string): string => `https://openlineage.io/spec/${path}`
/** The catalog's name: what tables are found under. */
const lake = 'aiworkflow'
/** Files are named by their place below it. */
const landing = 'landing'

interface Transformation {
  readonly type: 'DIRECT' | 'INDIRECT'
  readonly subtype: string
  readonly description: string
  readonly masking: boolean
}

interface InputField {
  readonly namespace: string
  readonly name: string
  readonly field: string
  readonly transformations: readonly Transformation[]
}

interface Dataset {
  readonly namespace: string
  readonly name: string
  readonly facets: Readonly<Record<string, unknown>>
}

export interface LineageEvent {
  readonly eventType: 'COMPLETE'
  readonly eventTime: string
  readonly run: { readonly runId: string }
  readonly job: { readonly namespace: string; readonly name: string }
  readonly inputs: readonly Dataset[]
  readonly outputs: readonly Dataset[]
  readonly producer: string
  readonly schemaURL: string
}

/** From the file of a delivery to its raw table. */
export function loadLineage(contract: FeedContract, facts: DeliveryFacts): LineageEvent {
  const sources = contract.columns.filter(({ retired }) => retired !== true)
  const file = { namespace: landing, name: facts.file }
  const fields = sources.map(({ name, sourceName, type }) => {
    const how =
      type === 'string' ? transformed('IDENTITY', 'as it stands') : transformed('TRANSFORMATION', `typed as ${type}`)
    return [name, [{ ...file, field: sourceName, transformations: [how] }]] as const
  })
  return event({
    what: 'load',
    facts: { runId: facts.runId, at: facts.ingestedAt },
    input: dataset(
      file,
      sources.map(({ sourceName }) => ({ name: sourceName, type: 'string' })),
    ),
    output: bronzeTable(contract),
    lineage: { fields, whole: [] },
  })
}

/**
 * From the raw table of a feed to the standard's. The key says which rows remain, and each rule that turns rows away looks at what its
 * columns are made of.
 * @throws Failure EXPRESSION_REFUSED as `planCore` does
 */
export function stageLineage(documents: CoreDocuments, facts: CoreFacts): LineageEvent {
  const { contract, standard } = documents
  const { columns, rules } = planCore(documents)
  const bronze = bronzeTable(contract)
  const input = datasetOf(bronze)
  const from = (field: string, transformation: Transformation): InputField => ({
    namespace: input.namespace,
    name: input.name,
    field,
    transformations: [transformation],
  })
  const types = new Map(contract.columns.map(({ name, type }) => [name, type]))
  const fields = columns.flatMap(({ column, sources, how }) => {
    if (sources.length === 0) return []
    const made = sources.map(name => {
      const isSame = how === name && types.get(name) === column.type
      return from(name, transformed(isSame ? 'IDENTITY' : 'TRANSFORMATION', how))
    })
    return [[column.name, made] as const]
  })
  const madeOf = new Map(columns.map(({ column, sources }) => [column.name, sources]))
  const sourcesOf = (names: readonly string[]) => [...new Set(names.flatMap(name => madeOf.get(name) ?? []))].sort()
  const keyed = sourcesOf(standard.key).map(name => from(name, indirect('WINDOW', 'the last row of each key remains')))
  const filtered = rules
    .filter(({ rule }) => rule.scope === 'row' && rule.severity === 'reject')
    .flatMap(({ rule, tree }) => sourcesOf(columnsOf(tree)).map(name => from(name, indirect('FILTER', rule.id))))
  return event({
    what: 'stage',
    facts: { runId: facts.runId, at: facts.ingestedAt },
    input,
    output: coreTable(standard),
    lineage: { fields, whole: merged([...keyed, ...filtered]) },
  })
}

const transformed = (subtype: 'IDENTITY' | 'TRANSFORMATION', description: string): Transformation => ({
  type: 'DIRECT',
  subtype,
  description,
  masking: false,
})

const indirect = (subtype: 'FILTER' | 'WINDOW', description: string): Transformation => ({
  type: 'INDIRECT',
  subtype,
  description,
  masking: false,
})

/** One entry per column, with everything that is done by it. */
function merged(fields: readonly InputField[]): InputField[] {
  const byField = Map.groupBy(fields, ({ field }) => field)
  return [...byField.values()].map(same => ({ ...same[0]!, transformations: same.flatMap(one => one.transformations) }))
}

interface Lineage {
  readonly fields: readonly (readonly [column: string, from: readonly InputField[]])[]
  /** What decides which rows there are, whatever column one looks at. */
  readonly whole: readonly InputField[]
}

function event(parts: {
  readonly what: string
  readonly facts: { readonly runId: string; readonly at: string }
  readonly input: Dataset
  readonly output: TableDefinition
  readonly lineage: Lineage
}): LineageEvent {
  const { what, facts, input, output, lineage } = parts
  const table = datasetOf(output)
  const columnLineage = facet('facets/1-2-0/ColumnLineageDatasetFacet.json', {
    fields: Object.fromEntries(lineage.fields.map(([column, inputFields]) => [column, { inputFields }])),
    ...(lineage.whole.length > 0 && { dataset: lineage.whole }),
  })
  return {
    eventType: 'COMPLETE',
    eventTime: facts.at,
    run: { runId: uuidOf(what, facts.runId) },
    job: { namespace: lake, name: `${what} ${table.name}` },
    inputs: [input],
    outputs: [{ ...table, facets: { ...table.facets, columnLineage } }],
    producer,
    schemaURL: spec('2-0-2/OpenLineage.json#/$defs/RunEvent'),
  }
}

const facet = (path: string, content: Readonly<Record<string, unknown>>) => ({
  _producer: producer,
  _schemaURL: spec(path),
  ...content,
})

const datasetOf = ({ table, columns }: TableDefinition): Dataset =>
  dataset(
    { namespace: lake, name: `${table.namespace}.${table.name}` },
    columns.map(({ name, type, doc }) => ({ name, type, ...(doc !== undefined && { description: doc }) })),
  )

const dataset = (
  named: Pick<Dataset, 'namespace' | 'name'>,
  fields: readonly { readonly name: string; readonly type: string; readonly description?: string }[],
): Dataset => ({ ...named, facets: { schema: facet('facets/1-2-0/SchemaDatasetFacet.json', { fields }) } })

/** A UUID of the form that names have (RFC 9562, version 8), for a run that has a name of its own. */
function uuidOf(what: string, runId: string): string {
  const bytes = createHash('sha256').update(`${what} ${runId}`).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
