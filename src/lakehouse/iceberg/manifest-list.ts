/** Manifest lists (iceberg.apache.org/spec, "Manifest Lists"): one Avro file per snapshot, naming all of its manifests. */
import { type AvroRecord, decodeAvro, encodeAvro, optional, record, required } from './avro.ts'
import type { DataFile, FileContent } from './data-file.ts'
import type { PartitionColumn } from './partition.ts'
import { encodeValue, type Value } from './values.ts'

/** One manifest of a snapshot. `sequence` and `snapshotId` are those of the commit that added it. */
export interface ManifestListEntry {
  readonly location: string
  readonly sizeBytes: bigint
  readonly specId: number
  readonly content: FileContent
  readonly sequence: bigint
  readonly minSequence: bigint
  readonly snapshotId: bigint
  readonly added: Count
  readonly existing: Count
  readonly deleted: Count
  readonly partitions: readonly FieldSummary[] | null
}

export interface Count {
  readonly files: number
  readonly rows: bigint
}

/** The range of one partition field over a manifest, by which readers skip it. */
export interface FieldSummary {
  readonly contains_null: boolean
  readonly contains_nan: boolean | null
  readonly lower_bound: Buffer | null
  readonly upper_bound: Buffer | null
}

/** A manifest that no list carries yet: the commit gives it snapshot and sequence. */
export type NewManifest = Pick<
  ManifestListEntry,
  'location' | 'sizeBytes' | 'specId' | 'content' | 'added' | 'partitions'
>

export function carried(manifest: NewManifest, snapshotId: bigint, sequence: bigint): ManifestListEntry {
  const none = { files: 0, rows: 0n }
  return { ...manifest, snapshotId, sequence, minSequence: sequence, existing: none, deleted: none }
}

export function encodeManifestList(
  snapshot: { snapshotId: bigint; parentId: bigint | null; sequence: bigint },
  entries: readonly ManifestListEntry[],
): Buffer {
  const metadata = {
    'snapshot-id': String(snapshot.snapshotId),
    'parent-snapshot-id': String(snapshot.parentId),
    'sequence-number': String(snapshot.sequence),
    'format-version': '2',
  }
  return encodeAvro(listSchema, metadata, entries.map(entryRecord))
}

export function decodeManifestList(bytes: Buffer, location: string): ManifestListEntry[] {
  return decodeAvro(bytes, location).map(record => ({
    location: String(record.manifest_path),
    sizeBytes: record.manifest_length as bigint,
    specId: Number(record.partition_spec_id),
    content: record.content === 1 ? 'position-deletes' : 'data',
    sequence: record.sequence_number as bigint,
    minSequence: record.min_sequence_number as bigint,
    snapshotId: record.added_snapshot_id as bigint,
    added: count(record, 'added'),
    existing: count(record, 'existing'),
    deleted: count(record, 'deleted'),
    partitions: record.partitions as FieldSummary[] | null,
  }))
}

/** The range of each partition field over some files. */
export function summarize(columns: readonly PartitionColumn[], files: readonly DataFile[]): FieldSummary[] {
  return columns.map(({ type }, index) => {
    const values = files.map(file => file.partition[index] ?? null)
    const present = values.filter((value): value is Exclude<Value, null> => value !== null).sort(byValue)
    const [lower] = present
    const upper = present.at(-1)
    return {
      contains_null: present.length < values.length,
      contains_nan: false,
      lower_bound: lower === undefined ? null : (encodeValue(type, lower) ?? null),
      upper_bound: upper === undefined ? null : (encodeValue(type, upper) ?? null),
    }
  })
}

/** Text sorts by its UTF-8 bytes, which is not JavaScript's order. */
function byValue(left: Exclude<Value, null>, right: Exclude<Value, null>): number {
  if (typeof left === 'string') return Buffer.compare(Buffer.from(left), Buffer.from(String(right)))
  return left === right ? 0 : left < right ? -1 : 1
}

/** Older writers say `added_data_files_count` where the spec now says `added_files_count`; the field id is one. */
function count(record: AvroRecord, kind: string): Count {
  const files = record[`${kind}_files_count`] ?? record[`${kind}_data_files_count`]
  return { files: Number(files), rows: record[`${kind}_rows_count`] as bigint }
}

function entryRecord(entry: ManifestListEntry): AvroRecord {
  return {
    manifest_path: entry.location,
    manifest_length: entry.sizeBytes,
    partition_spec_id: entry.specId,
    content: entry.content === 'data' ? 0 : 1,
    sequence_number: entry.sequence,
    min_sequence_number: entry.minSequence,
    added_snapshot_id: entry.snapshotId,
    added_files_count: entry.added.files,
    existing_files_count: entry.existing.files,
    deleted_files_count: entry.deleted.files,
    added_rows_count: entry.added.rows,
    existing_rows_count: entry.existing.rows,
    deleted_rows_count: entry.deleted.rows,
    partitions: entry.partitions,
    key_metadata: null,
  }
}

const summarySchema = record('r508', [
  required('contains_null', 'boolean', 509),
  optional('contains_nan', 'boolean', 518),
  optional('lower_bound', 'bytes', 510),
  optional('upper_bound', 'bytes', 511),
])

const listSchema = record('manifest_file', [
  required('manifest_path', 'string', 500),
  required('manifest_length', 'long', 501),
  required('partition_spec_id', 'int', 502),
  required('content', 'int', 517),
  required('sequence_number', 'long', 515),
  required('min_sequence_number', 'long', 516),
  required('added_snapshot_id', 'long', 503),
  required('added_files_count', 'int', 504),
  required('existing_files_count', 'int', 505),
  required('deleted_files_count', 'int', 506),
  required('added_rows_count', 'long', 512),
  required('existing_rows_count', 'long', 513),
  required('deleted_rows_count', 'long', 514),
  optional('partitions', { type: 'array', items: summarySchema, 'element-id': 508 }, 507),
  optional('key_metadata', 'bytes', 519),
])
