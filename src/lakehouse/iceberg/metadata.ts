/**
 * The table metadata file, format version 2, in the spec's own spelling (iceberg.apache.org/spec, "Table Metadata").
 * Fields this room does not use are kept as they were read, so that a commit here never drops another engine's work.
 */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { Failure } from '../../../contracts/failures.ts'
import { parseMetadataJson } from './json.ts'

const field = z.looseObject({
  id: z.int(),
  name: z.string(),
  required: z.boolean(),
  type: z.unknown(),
  doc: z.string().optional(),
})
const schema = z.looseObject({ 'schema-id': z.int(), type: z.literal('struct'), fields: z.array(field) })
const partitionField = z.looseObject({
  'source-id': z.int(),
  'field-id': z.int(),
  name: z.string(),
  transform: z.string(),
})
const partitionSpec = z.looseObject({ 'spec-id': z.int(), fields: z.array(partitionField) })
const snapshot = z.looseObject({
  'snapshot-id': z.bigint(),
  'parent-snapshot-id': z.bigint().nullish(),
  'sequence-number': z.int(),
  'timestamp-ms': z.int(),
  'manifest-list': z.string(),
  'schema-id': z.int().nullish(),
  summary: z.record(z.string(), z.string()),
})
const reference = z.looseObject({ 'snapshot-id': z.bigint(), type: z.enum(['branch', 'tag']) })
const tableMetadata = z.looseObject({
  'format-version': z.literal(2),
  'table-uuid': z.string(),
  location: z.string(),
  'last-sequence-number': z.int(),
  'last-updated-ms': z.int(),
  'last-column-id': z.int(),
  'current-schema-id': z.int(),
  schemas: z.array(schema),
  'default-spec-id': z.int(),
  'partition-specs': z.array(partitionSpec),
  'last-partition-id': z.int(),
  'default-sort-order-id': z.int(),
  'sort-orders': z.array(z.unknown()),
  properties: z.record(z.string(), z.string()).default({}),
  'current-snapshot-id': z.bigint().nullish(),
  snapshots: z.array(snapshot).default([]),
  'snapshot-log': z.array(z.looseObject({ 'snapshot-id': z.bigint(), 'timestamp-ms': z.int() })).default([]),
  'metadata-log': z.array(z.looseObject({ 'metadata-file': z.string(), 'timestamp-ms': z.int() })).default([]),
  refs: z.record(z.string(), reference).default({}),
})

export type SchemaField = z.infer<typeof field>
export type TableSchema = z.infer<typeof schema>
export type PartitionField = z.infer<typeof partitionField>
export type PartitionSpec = z.infer<typeof partitionSpec>
export type Snapshot = z.infer<typeof snapshot>
export type TableMetadata = z.infer<typeof tableMetadata>

/** Throws TABLE_INCOMPATIBLE when the text is no version 2 metadata. */
export function parseMetadata(text: string, location: string): TableMetadata {
  const parsed = tableMetadata.safeParse(parseMetadataJson(text))
  if (parsed.success) return parsed.data
  throw new Failure('TABLE_INCOMPATIBLE', `${location} is no Iceberg v2 metadata: ${z.prettifyError(parsed.error)}`)
}

export function currentSchema(metadata: TableMetadata): TableSchema {
  return byId(metadata.schemas, 'schema-id', metadata['current-schema-id'])
}

export function currentSpec(metadata: TableMetadata): PartitionSpec {
  return partitionSpecOf(metadata, metadata['default-spec-id'])
}

export function partitionSpecOf(metadata: TableMetadata, specId: number): PartitionSpec {
  return byId(metadata['partition-specs'], 'spec-id', specId)
}

function byId<K extends string, T extends Record<K, number>>(items: readonly T[], key: K, id: number): T {
  const found = items.find(item => item[key] === id)
  if (found === undefined)
    throw new Failure('TABLE_INCOMPATIBLE', `The table metadata names ${key} ${id} and lacks it.`)
  return found
}

/** The metadata of a table without snapshots. */
export function emptyTable(parts: {
  location: string
  schema: TableSchema
  spec: PartitionSpec
  properties: Readonly<Record<string, string>>
}): TableMetadata {
  return {
    'format-version': 2,
    'table-uuid': randomUUID(),
    location: parts.location,
    'last-sequence-number': 0,
    'last-updated-ms': Date.now(),
    'last-column-id': Math.max(0, ...parts.schema.fields.map(item => item.id)),
    'current-schema-id': parts.schema['schema-id'],
    schemas: [parts.schema],
    'default-spec-id': parts.spec['spec-id'],
    'partition-specs': [parts.spec],
    'last-partition-id': Math.max(999, ...parts.spec.fields.map(item => item['field-id'])),
    'default-sort-order-id': 0,
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    properties: { ...parts.properties },
    snapshots: [],
    'snapshot-log': [],
    'metadata-log': [],
    refs: {},
  }
}
