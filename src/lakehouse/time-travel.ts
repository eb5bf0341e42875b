/**
 * Which snapshot a reader means: `AT (VERSION => 123)`, `AT (VERSION => 'branch or tag')`, `AT (TIMESTAMP => '2026-11-24')`.
 * Pure: a table's metadata and the words in, a snapshot or a Failure that says what there is out.
 */
import { Failure } from '../../contracts/failures.ts'
import { currentSchema, type Snapshot, type TableMetadata, type TableSchema } from './iceberg/metadata.ts'
import { snapshotOf } from './iceberg/snapshots.ts'
import { type TableName, tableText } from './identifiers.ts'

/** A moment in the history of a table. */
export type Moment =
  | { readonly kind: 'version'; readonly version: string }
  | { readonly kind: 'time'; readonly timeMs: number }

const mostListed = 5

/** @throws Failure SNAPSHOT_MISSING for what the table never had, and for what it has no longer. */
export function snapshotAtMoment(table: TableName, metadata: TableMetadata, moment: Moment): Snapshot {
  return moment.kind === 'version' ? ofVersion(table, metadata, moment.version) : ofTime(table, metadata, moment.timeMs)
}

/** The columns as they were: a snapshot is read by the schema it was written under. */
export function schemaOfSnapshot(metadata: TableMetadata, snapshot: Snapshot): TableSchema {
  return metadata.schemas.find(schema => schema['schema-id'] === snapshot['schema-id']) ?? currentSchema(metadata)
}

function ofVersion(table: TableName, metadata: TableMetadata, version: string): Snapshot {
  const reference = Object.hasOwn(metadata.refs, version) ? metadata.refs[version] : undefined
  const id = reference?.['snapshot-id'] ?? (/^\d{1,19}$/.test(version) ? BigInt(version) : undefined)
  const found = id === undefined ? undefined : snapshotOf(metadata, id)
  if (found !== undefined) return found
  const what = id === undefined ? `branch or tag "${version}"` : `snapshot ${version}`
  throw missing(table, metadata, `has no ${what}: it never had, or the snapshot has expired`)
}

/** What `main` showed at a time, by the log of its moves. */
function ofTime(table: TableName, metadata: TableMetadata, timeMs: number): Snapshot {
  const moved = metadata['snapshot-log'].filter(entry => entry['timestamp-ms'] <= timeMs).at(-1)
  const found = moved && snapshotOf(metadata, moved['snapshot-id'])
  if (found !== undefined) return found
  const time = new Date(timeMs).toISOString()
  throw missing(
    table,
    metadata,
    moved === undefined ? `has no snapshot as old as ${time}` : `shows at ${time} a snapshot that has expired`,
  )
}

function missing(table: TableName, metadata: TableMetadata, what: string): Failure {
  const newest = metadata.snapshots.toSorted((a, b) => b['timestamp-ms'] - a['timestamp-ms'])
  const listed = newest
    .slice(0, mostListed)
    .map(item => `${item['snapshot-id']} (${new Date(item['timestamp-ms']).toISOString()})`)
  const more = newest.length > mostListed ? `, and ${newest.length - mostListed} older ones` : ''
  const there = listed.length === 0 ? 'It has none.' : `It has ${listed.join(', ')}${more}.`
  return new Failure('SNAPSHOT_MISSING', `${tableText(table)} ${what}. ${there}`, {
    wayOut: `List them with: SELECT * FROM ${tableText(table)}.snapshots`,
  })
}
