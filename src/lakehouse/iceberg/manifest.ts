/**
 * Manifests (iceberg.apache.org/spec, "Manifests"): lists of files with their partition and metrics.
 *
 * A manifest written here names no snapshot and no sequence number: both are inherited from the manifest list that
 * carries it. So one manifest serves a commit however often it is tried again, and a staged one is published as it is.
 */
import { Failure } from '../../../contracts/failures.ts'
import { type AvroRecord, type AvroSchema, decodeAvro, encodeAvro, optional, record, required } from './avro.ts'
import { type DataFile, deletePathId, type FileContent, type LiveFile } from './data-file.ts'
import type { ManifestListEntry } from './manifest-list.ts'
import type { PartitionSpec, TableSchema } from './metadata.ts'
import { type PartitionColumn, partitionColumns } from './partition.ts'
import type { Value } from './values.ts'

const status = { existing: 0, added: 1, deleted: 2 } as const
const content = { data: 0, 'position-deletes': 1 } as const

export function encodeManifest(
  schema: TableSchema,
  spec: PartitionSpec,
  kind: FileContent,
  files: readonly DataFile[],
): Buffer {
  const columns = partitionColumns(spec, schema)
  const records = files.map(file => ({
    status: status.added,
    snapshot_id: null,
    sequence_number: null,
    file_sequence_number: null,
    data_file: fileRecord(file, columns),
  }))
  return encodeAvro(entrySchema(columns), manifestMetadata(schema, spec, kind), records)
}

const manifestMetadata = (schema: TableSchema, spec: PartitionSpec, kind: FileContent) => ({
  schema: JSON.stringify(schema),
  'schema-id': String(schema['schema-id']),
  'partition-spec': JSON.stringify(spec.fields),
  'partition-spec-id': String(spec['spec-id']),
  'format-version': '2',
  content: kind === 'data' ? 'data' : 'deletes',
})

/** The files alive in a manifest. Throws TABLE_INCOMPATIBLE for what would be read wrongly: equality deletes, other formats. */
export function decodeManifest(bytes: Buffer, manifest: ManifestListEntry): LiveFile[] {
  return decodeAvro(bytes, manifest.location)
    .filter(entry => entry.status !== status.deleted)
    .map(entry => liveFile(entry, manifest))
}

/** An entry as its manifest has it, with what it inherits from the list spelled out. */
export interface ManifestEntry {
  readonly location: string
  readonly rows: number
  readonly snapshotId: bigint
  readonly sequence: bigint
  readonly fileSequence: bigint
  /** Everything said of the file, by whichever engine. */
  readonly record: AvroRecord
}

/** The live entries of a manifest, to be carried over into another. */
export function decodeEntries(bytes: Buffer, manifest: ManifestListEntry): ManifestEntry[] {
  return decodeAvro(bytes, manifest.location)
    .filter(entry => entry.status !== status.deleted)
    .map(entry => {
      const record = entry.data_file as AvroRecord
      return {
        location: String(record.file_path),
        rows: Number(record.record_count),
        snapshotId: (entry.snapshot_id as bigint | null) ?? manifest.snapshotId,
        sequence: (entry.sequence_number as bigint | null) ?? manifest.sequence,
        fileSequence: (entry.file_sequence_number as bigint | null) ?? manifest.sequence,
        record,
      }
    })
}

/** A manifest of files that other manifests named before: what stays, and what goes in the snapshot of this id. */
export function encodeCarried(
  schema: TableSchema,
  spec: PartitionSpec,
  kind: FileContent,
  entries: { readonly stays: readonly ManifestEntry[]; readonly goes: readonly ManifestEntry[] },
  snapshotId: bigint,
): Buffer {
  const columns = partitionColumns(spec, schema)
  const entryOf = (entry: ManifestEntry, how: number, id: bigint) => ({
    status: how,
    snapshot_id: id,
    sequence_number: entry.sequence,
    file_sequence_number: entry.fileSequence,
    data_file: carriedRecord(entry.record, columns),
  })
  const records = [
    ...entries.stays.map(entry => entryOf(entry, status.existing, entry.snapshotId)),
    ...entries.goes.map(entry => entryOf(entry, status.deleted, snapshotId)),
  ]
  return encodeAvro(entrySchema(columns), manifestMetadata(schema, spec, kind), records)
}

/** What this layout has no place for is left out, what it lacks is null. */
function carriedRecord(record: AvroRecord, columns: readonly PartitionColumn[]): AvroRecord {
  const values = Object.values(record.partition as AvroRecord)
  const partition = Object.fromEntries(columns.map(({ field }, index) => [avroName(field.name), values[index] ?? null]))
  const optionals = optionalFileFields.map(name => [name, record[name] ?? null])
  return { ...record, ...Object.fromEntries(optionals), content: record.content ?? content.data, partition }
}

const optionalFileFields = [
  ...['column_sizes', 'value_counts', 'null_value_counts', 'nan_value_counts', 'lower_bounds', 'upper_bounds'],
  ...['key_metadata', 'split_offsets', 'equality_ids', 'sort_order_id', 'referenced_data_file'],
]

function liveFile(entry: AvroRecord, manifest: ManifestListEntry): LiveFile {
  const file = entry.data_file as AvroRecord
  const location = String(file.file_path)
  if (file.content === 2) {
    throw new Failure('TABLE_INCOMPATIBLE', `${location} holds equality deletes, which are not read here.`, {
      wayOut: 'Let the engine that wrote it compact the table (Spark: CALL system.rewrite_data_files), then try again.',
    })
  }
  if (String(file.file_format).toUpperCase() !== 'PARQUET') {
    throw new Failure('TABLE_INCOMPATIBLE', `${location} is ${file.file_format}: only Parquet is read here.`)
  }
  const lowerBounds = boundsOf(file.lower_bounds)
  const upperBounds = boundsOf(file.upper_bounds)
  const lower = lowerBounds.get(deletePathId)?.toString('utf8')
  const upper = upperBounds.get(deletePathId)?.toString('utf8')
  return {
    content: file.content === content['position-deletes'] ? 'position-deletes' : 'data',
    location,
    specId: manifest.specId,
    partition: Object.values(file.partition as AvroRecord) as Value[],
    rows: Number(file.record_count),
    sizeBytes: Number(file.file_size_in_bytes),
    sequence: (entry.sequence_number as bigint | null) ?? manifest.sequence,
    lowerBounds,
    upperBounds,
    ...(lower !== undefined && upper !== undefined && { pathBounds: { lower, upper } }),
  }
}

function boundsOf(bounds: unknown): ReadonlyMap<number, Buffer> {
  return new Map(((bounds ?? []) as { key: number; value: Buffer }[]).map(({ key, value }) => [key, value]))
}

function fileRecord(file: DataFile, columns: readonly PartitionColumn[]): AvroRecord {
  const { metrics } = file
  return {
    content: content[file.content],
    file_path: file.location,
    file_format: 'PARQUET',
    partition: Object.fromEntries(columns.map((column, index) => [avroName(column.field.name), file.partition[index]])),
    record_count: BigInt(file.rows),
    file_size_in_bytes: BigInt(file.sizeBytes),
    column_sizes: longPairs(metrics.columnSizes),
    value_counts: longPairs(metrics.valueCounts),
    null_value_counts: longPairs(metrics.nullCounts),
    nan_value_counts: null,
    lower_bounds: pairs(metrics.lowerBounds),
    upper_bounds: pairs(metrics.upperBounds),
    key_metadata: null,
    split_offsets: null,
    equality_ids: null,
    sort_order_id: null,
    referenced_data_file: null,
  }
}

function longPairs(map: ReadonlyMap<number, number>): unknown {
  return pairs(new Map([...map].map(([key, value]) => [key, BigInt(value)])))
}

function pairs(map: ReadonlyMap<number, unknown>): unknown {
  return [...map].map(([key, value]) => ({ key, value }))
}

function entrySchema(columns: readonly PartitionColumn[]): AvroSchema {
  return record('manifest_entry', [
    required('status', 'int', 0),
    optional('snapshot_id', 'long', 1),
    optional('sequence_number', 'long', 3),
    optional('file_sequence_number', 'long', 4),
    required('data_file', fileSchema(columns), 2),
  ])
}

function fileSchema(columns: readonly PartitionColumn[]): AvroSchema {
  const partition = columns.map(({ field, type }) => optional(avroName(field.name), avroType(type), field['field-id']))
  return record('r2', [
    required('content', 'int', 134),
    required('file_path', 'string', 100),
    required('file_format', 'string', 101),
    required('partition', record('r102', partition), 102),
    required('record_count', 'long', 103),
    required('file_size_in_bytes', 'long', 104),
    optional('column_sizes', idMap(117, 118, 'long'), 108),
    optional('value_counts', idMap(119, 120, 'long'), 109),
    optional('null_value_counts', idMap(121, 122, 'long'), 110),
    optional('nan_value_counts', idMap(138, 139, 'long'), 137),
    optional('lower_bounds', idMap(126, 127, 'bytes'), 125),
    optional('upper_bounds', idMap(129, 130, 'bytes'), 128),
    optional('key_metadata', 'bytes', 131),
    optional('split_offsets', { type: 'array', items: 'long', 'element-id': 133 }, 132),
    optional('equality_ids', { type: 'array', items: 'int', 'element-id': 136 }, 135),
    optional('sort_order_id', 'int', 140),
    optional('referenced_data_file', 'string', 143),
  ])
}

/** A map by field id: Avro's own maps have text keys, so Iceberg keeps it as an array of pairs. */
function idMap(keyId: number, valueId: number, type: string): unknown {
  const pair = record(`k${keyId}_v${valueId}`, [
    required('key', 'int', keyId),
    { name: 'value', type, 'field-id': valueId },
  ])
  return { type: 'array', items: pair, logicalType: 'map' }
}

const avroTypes: Readonly<Record<string, unknown>> = {
  string: 'string',
  int: 'int',
  long: 'long',
  boolean: 'boolean',
  date: { type: 'int', logicalType: 'date' },
}

function avroType(type: string): unknown {
  const found = avroTypes[type]
  if (found !== undefined) return found
  throw new Failure('TABLE_INCOMPATIBLE', `Tables partitioned by a value of type ${type} are not written here.`)
}

/** Avro names are letters, digits and underscores; readers go by the field id. */
function avroName(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_')
}
