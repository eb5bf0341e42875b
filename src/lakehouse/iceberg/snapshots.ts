/**
 * Snapshots and refs of a table: pure steps from one metadata to the next. None of them touches a file; a commit writes
 * the result and moves the catalog row.
 */
import { randomBytes } from 'node:crypto'
import type { Snapshot, TableMetadata } from './metadata.ts'

export const mainBranch = 'main'

/** The summary key that says which write a snapshot holds. Other engines find it in `snapshots` too. */
export const writeKeyProperty = 'aiworkflow.write-key'

/**
 * The summary key that says within what a staged write replaces rows. Two writes that replace within the same are not free of
 * each other: the later one has to see the rows of the earlier.
 */
export const replacesWithinProperty = 'aiworkflow.replaces-within'

/** A positive 63-bit number nobody else will draw. */
export function newSnapshotId(): bigint {
  return randomBytes(8).readBigUInt64BE() >> 1n || 1n
}

/** The newest snapshot of a branch; undefined for an unknown branch and for an empty `main`. */
export function headOf(metadata: TableMetadata, branch: string): Snapshot | undefined {
  const id =
    metadata.refs[branch]?.['snapshot-id'] ?? (branch === mainBranch ? metadata['current-snapshot-id'] : undefined)
  return id == null ? undefined : snapshotOf(metadata, id)
}

export function snapshotOf(metadata: TableMetadata, id: bigint): Snapshot | undefined {
  return metadata.snapshots.find(item => item['snapshot-id'] === id)
}

/** A snapshot and its parents, newest first, as far as they have not been expired. */
export function* ancestors(metadata: TableMetadata, head: Snapshot | undefined): Generator<Snapshot> {
  const byId = new Map(metadata.snapshots.map(item => [item['snapshot-id'], item]))
  for (let at = head; at !== undefined; at = byId.get(at['parent-snapshot-id'] ?? -1n)) yield at
}

/** The snapshot of a branch that holds a write, if any. */
export function findWriteIn(metadata: TableMetadata, branch: string, writeKey: string): Snapshot | undefined {
  for (const snapshot of ancestors(metadata, headOf(metadata, branch))) {
    if (snapshot.summary[writeKeyProperty] === writeKey) return snapshot
  }
  return undefined
}

/** Adds a snapshot and points a branch at it. */
export function withSnapshot(metadata: TableMetadata, branch: string, snapshot: Snapshot): TableMetadata {
  const added = {
    ...metadata,
    'last-sequence-number': Math.max(metadata['last-sequence-number'], snapshot['sequence-number']),
    snapshots: [...metadata.snapshots, snapshot],
  }
  return withBranch(added, branch, snapshot['snapshot-id'], snapshot['timestamp-ms'])
}

/** Points a branch at a snapshot the table has; for `main` this is what readers see from then on. */
export function withBranch(metadata: TableMetadata, branch: string, id: bigint, timestampMs: number): TableMetadata {
  const refs = { ...metadata.refs, [branch]: { ...metadata.refs[branch], 'snapshot-id': id, type: 'branch' as const } }
  const moved = { ...metadata, refs, 'last-updated-ms': timestampMs }
  if (branch !== mainBranch) return moved
  const entry = { 'snapshot-id': id, 'timestamp-ms': timestampMs }
  return { ...moved, 'current-snapshot-id': id, 'snapshot-log': [...metadata['snapshot-log'], entry] }
}

/** Removes a branch and the snapshots that only it could reach. Their files become orphans. */
export function withoutBranch(metadata: TableMetadata, branch: string): TableMetadata {
  const { [branch]: dropped, ...refs } = metadata.refs
  if (dropped === undefined) return metadata
  const kept = new Set<bigint>()
  for (const reference of [...Object.values(refs), { 'snapshot-id': metadata['current-snapshot-id'] ?? -1n }]) {
    for (const item of ancestors(metadata, snapshotOf(metadata, reference['snapshot-id'])))
      kept.add(item['snapshot-id'])
  }
  const gone = new Set<bigint>()
  for (const item of ancestors(metadata, snapshotOf(metadata, dropped['snapshot-id']))) {
    if (!kept.has(item['snapshot-id'])) gone.add(item['snapshot-id'])
  }
  return { ...metadata, refs, snapshots: metadata.snapshots.filter(item => !gone.has(item['snapshot-id'])) }
}

/** The clock of a table never runs backwards, whatever the clocks of its writers do. */
export function nextTimestamp(metadata: TableMetadata): number {
  return Math.max(Date.now(), metadata['last-updated-ms'] + 1)
}
