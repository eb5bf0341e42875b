/**
 * Feed contract ↔ Open Data Contract Standard 3.1.0, without loss: what is read back equals what was written.
 *
 * What the standard has a place for stands there: columns, types, keys, partitions, owner, checks as SQL that other tools can run.
 * What it has none for (dialect, record path, null tokens, value formats, confidence, evidence, transforms) stands in
 * `customProperties`, whose values are texts, JSON where they are no plain words: OpenMetadata 2.0 takes nothing else.
 * A document written by hand needs none of them but `format`.
 */
import { FeedContract } from '../../contracts/data/feed-contract.ts'
import { Failure } from '../../contracts/failures.ts'
import { quoteIdentifier } from '../lakehouse/identifiers.ts'
import { type CustomProperty, customProperties, readCustomProperties } from './odcs-custom.ts'
import { bronzeRef } from './tables.ts'

export const odcsVersion = 'v3.1.0'

export interface OdcsProperty {
  name: string
  physicalName: string
  logicalType: string
  physicalType: string
  required: boolean
  description?: string
  primaryKey?: boolean
  primaryKeyPosition?: number
  partitioned?: boolean
  partitionKeyPosition?: number
  /** The column's name in the source. */
  transformSourceObjects: string[]
  examples?: string[]
  customProperties?: CustomProperty[]
}

export interface OdcsCheck {
  type: 'sql'
  name: string
  description: string
  severity: string
  query: string
  mustBe: number
  customProperties: CustomProperty[]
}

export interface OdcsContract {
  apiVersion: string
  kind: 'DataContract'
  id: string
  name: string
  version: string
  status: string
  description: { purpose: string }
  contractCreatedTs: string
  team: { username: string; role: string }[]
  schema: {
    name: string
    physicalName: string
    logicalType: 'object'
    physicalType: 'table'
    properties: OdcsProperty[]
    quality?: OdcsCheck[]
  }[]
  customProperties: CustomProperty[]
}

export function contractToOdcs(contract: FeedContract): OdcsContract {
  const { vendor, table, version, status, owner, createdAt, columns, checks, ...own } = contract
  const { namespace, name: raw } = bronzeRef(contract)
  const key = contract.keys.find(({ kind }) => kind === 'primary')?.columns ?? []
  const partition = contract.partitionCandidates.map(({ column }) => column)
  return {
    apiVersion: odcsVersion,
    kind: 'DataContract',
    id: `${vendor}-${table}`,
    name: `${vendor}/${table}`,
    version: String(version),
    status,
    description: { purpose: `What ${vendor} delivers as ${table}, and how it is read.` },
    contractCreatedTs: createdAt,
    team: [{ username: owner, role: 'owner' }],
    schema: [
      {
        name: table,
        physicalName: `${namespace}.${raw}`,
        logicalType: 'object',
        physicalType: 'table',
        properties: columns.map(column => propertyOf(column, key.indexOf(column.name), partition.indexOf(column.name))),
        ...(checks.length === 0 ? {} : { quality: checks.map(check => checkOf(check, `${namespace}.${raw}`)) }),
      },
    ],
    customProperties: customProperties({ vendor, ...own }),
  }
}

function propertyOf(column: FeedContract['columns'][number], inKey: number, inPartition: number): OdcsProperty {
  const { name, sourceName, type, nullable, description, quality, ...own } = column
  const { samples, ...measured } = quality ?? { samples: [] }
  const custom = customProperties({ ...own, ...(quality === undefined ? {} : { quality: measured }) })
  return {
    name,
    physicalName: name,
    logicalType: logicalTypes[type] ?? 'number',
    physicalType: type,
    required: !nullable,
    ...(description === undefined ? {} : { description }),
    ...(inKey < 0 ? {} : { primaryKey: true, primaryKeyPosition: inKey + 1 }),
    ...(inPartition < 0 ? {} : { partitioned: true, partitionKeyPosition: inPartition + 1 }),
    transformSourceObjects: [sourceName],
    ...(samples.length === 0 ? {} : { examples: samples }),
    ...(custom.length === 0 ? {} : { customProperties: custom }),
  }
}

const logicalTypes: Readonly<Record<string, string>> = {
  string: 'string',
  boolean: 'boolean',
  int: 'integer',
  long: 'integer',
  date: 'date',
  timestamp: 'timestamp',
  timestamptz: 'timestamp',
}

/** A check as a query that counts what breaks it; the expression itself is kept beside it. */
function checkOf(
  { id, expression, severity, message, owner }: FeedContract['checks'][number],
  table: string,
): OdcsCheck {
  return {
    type: 'sql',
    name: id,
    description: message,
    severity,
    query: `SELECT count(*) FROM ${table.split('.').map(quoteIdentifier).join('.')} WHERE NOT (${expression})`,
    mustBe: 0,
    customProperties: customProperties({ expression, ...(owner === undefined ? {} : { owner }) }),
  }
}

/**
 * The contract an ODCS document says, checked. Throws `DOCUMENT_INVALID` with the place of the first fault.
 */
export function contractFromOdcs(document: unknown): FeedContract {
  const odcs = asRecord(document, 'the document')
  if (odcs['kind'] !== 'DataContract' || !String(odcs['apiVersion']).startsWith('v3.')) {
    return invalid('kind has to be DataContract and apiVersion one of v3')
  }
  const schema = asRecord(asList(odcs['schema'], 'schema')[0], 'schema[0]')
  const columns = asList(schema['properties'], 'schema[0].properties').map((property, index) =>
    columnFrom(asRecord(property, `schema[0].properties[${index}]`)),
  )
  const custom = readCustomProperties(odcs['customProperties'])
  const found = FeedContract.safeParse({
    ...defaults(asList(schema['properties'], 'schema[0].properties') as Record<string, unknown>[]),
    ...custom,
    vendor: custom['vendor'] ?? String(odcs['name']).split('/')[0],
    table: schema['name'],
    version: Number(odcs['version']),
    status: odcs['status'],
    owner: ownerFrom(odcs['team']),
    createdAt: odcs['contractCreatedTs'],
    columns,
    checks: asList(schema['quality'] ?? [], 'schema[0].quality').flatMap((check, index) =>
      checkFrom(asRecord(check, `schema[0].quality[${index}]`)),
    ),
  })
  if (found.success) return found.data
  const [issue] = found.error.issues
  return invalid(`${issue?.path.join('.')}: ${issue?.message}`)
}

function columnFrom(property: Record<string, unknown>): Record<string, unknown> {
  const { quality, ...own } = readCustomProperties(property['customProperties'])
  const [source] = Array.isArray(property['transformSourceObjects']) ? property['transformSourceObjects'] : []
  return {
    ...own,
    name: property['name'],
    sourceName: source ?? property['physicalName'] ?? property['name'],
    type: property['physicalType'],
    nullable: property['required'] !== true,
    ...(property['description'] === undefined ? {} : { description: property['description'] }),
    ...(quality === undefined ? {} : { quality: { ...(quality as object), samples: property['examples'] ?? [] } }),
  }
}

/** Only checks that came from a contract can go back into one: other tools' queries are not ours to run. */
function checkFrom(check: Record<string, unknown>): Record<string, unknown>[] {
  const { expression, owner } = readCustomProperties(check['customProperties'])
  if (expression === undefined) return []
  const { name, severity, description } = check
  return [{ id: name, expression, severity, message: description, ...(owner === undefined ? {} : { owner }) }]
}

/** `team` is a list up to 3.0 and an object with members from 3.1 on; both are read. */
function ownerFrom(team: unknown): unknown {
  const members = Array.isArray(team) ? team : ((team as { members?: unknown[] } | undefined)?.members ?? [])
  const owner = members.find(member => (member as { role?: string }).role === 'owner') ?? members[0]
  return (owner as { username?: string } | undefined)?.username
}

/** What a document written by hand need not say. */
function defaults(properties: readonly Record<string, unknown>[]): Record<string, unknown> {
  const ordered = (flag: string, position: string) =>
    properties
      .filter(property => property[flag] === true)
      .sort((one, other) => Number(one[position]) - Number(other[position]))
      .map(({ name }) => name)
  const key = ordered('primaryKey', 'primaryKeyPosition')
  return {
    nullTokens: [],
    keys:
      key.length === 0 ? [] : [{ kind: 'primary', columns: key, evidence: 'written in the contract', confidence: 1 }],
    partitionCandidates: ordered('partitioned', 'partitionKeyPosition').map(column => ({
      column,
      transform: 'identity',
      reason: 'written in the contract',
    })),
    rowCount: null,
    sizeBytes: 0,
    quality: [],
    confidence: 1,
    deliveryMode: 'full',
  }
}

function asRecord(value: unknown, place: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  return invalid(`${place} has to be an object`)
}

function asList(value: unknown, place: string): unknown[] {
  return Array.isArray(value) ? value : invalid(`${place} has to be a list`)
}

function invalid(what: string): never {
  throw new Failure('DOCUMENT_INVALID', `This is no feed contract in ODCS ${odcsVersion}: ${what}.`)
}
