/**
 * Old snapshots of `main` go, and with them the files that only they named. What any branch or tag shows stays, and so does what each
 * expired snapshot wrote down of itself (`expired-writes.ts`): a write that was done is never done again.
 */
import type { Change, TableState } from '../commit.ts'
import { expiredWritesProperty, keepExpired } from '../expired-writes.ts'
import type { Snapshot, TableMetadata } from '../iceberg/metadata.ts'
import { ancestors, headOf, mainBranch, nextTimestamp } from '../iceberg/snapshots.ts'
import type { TableName } from '../identifiers.ts'
import type { ManifestReader } from '../scan.ts'
import type { Storage } from '../storage/storage.ts'
import type { Workshop } from '../write.ts'

export interface ExpirePolicy {
  readonly keptMs: number
  /** So many of the newest stay, however old. */
  readonly keptLeast: number
}

export interface Expired {
  readonly snapshots: number
  readonly files: number
}

export async function expire(shop: Workshop, table: TableName, policy: ExpirePolicy, nowMs: number): Promise<Expired> {
  const { snapshots, before, after } = await shop.tables.change(table, state =>
    expired(shop.storage, state, policy, nowMs),
  )
  if (snapshots === 0) return { snapshots, files: 0 }
  const kept = await named(shop.reader, after.snapshots)
  const keptIds = new Set(after.snapshots.map(item => item['snapshot-id']))
  const gone = await named(
    shop.reader,
    before.snapshots.filter(item => !keptIds.has(item['snapshot-id'])),
  )
  const files = [...gone].filter(location => !kept.has(location))
  // Who dies here leaves orphans, which the clean-up finds.
  await shop.storage.discard(files)
  return { snapshots, files: files.length }
}

interface Step {
  readonly snapshots: number
  readonly before: TableMetadata
  readonly after: TableMetadata
}

async function expired(
  storage: Storage,
  { metadata }: TableState,
  policy: ExpirePolicy,
  nowMs: number,
): Promise<Change<Step>> {
  const expiring = expiringOf(metadata, policy, nowMs)
  if (expiring.length === 0) return { kind: 'none', result: { snapshots: 0, before: metadata, after: metadata } }
  const location = await keepExpired(storage, metadata, expiring)
  const gone = new Set(expiring.map(item => item['snapshot-id']))
  const log = metadata['snapshot-log']
  const lastGone = log.findLastIndex(entry => gone.has(entry['snapshot-id']))
  const after = {
    ...metadata,
    'last-updated-ms': nextTimestamp(metadata),
    properties: { ...metadata.properties, [expiredWritesProperty]: location },
    snapshots: metadata.snapshots.filter(item => !gone.has(item['snapshot-id'])),
    // A log with a hole would tell wrongly what was shown in it.
    'snapshot-log': log.slice(lastGone + 1),
    ...withoutStatistics(metadata, gone),
  }
  return {
    kind: 'write',
    metadata: after,
    files: [location],
    result: { snapshots: expiring.length, before: metadata, after },
  }
}

/** Newest first: of `main` what is too old, but what a branch or tag stands on. */
function expiringOf(metadata: TableMetadata, { keptMs, keptLeast }: ExpirePolicy, nowMs: number): Snapshot[] {
  const standing = new Set<bigint>()
  for (const [name, reference] of Object.entries(metadata.refs)) {
    standing.add(reference['snapshot-id'])
    // A staged branch is published by comparing with what it began at.
    const head = name === mainBranch ? undefined : headOf(metadata, name)
    if (head?.['parent-snapshot-id'] != null) standing.add(head['parent-snapshot-id'])
  }
  const line = [...ancestors(metadata, headOf(metadata, mainBranch))]
  const old = line.slice(Math.max(1, keptLeast)).filter(item => item['timestamp-ms'] < nowMs - keptMs)
  // From the first that may go everything before it goes, but what is stood on.
  const [first] = old
  const from = first === undefined ? line.length : line.indexOf(first)
  return line.slice(from).filter(item => !standing.has(item['snapshot-id']))
}

/** Statistics of other engines about snapshots that are gone. */
function withoutStatistics(metadata: TableMetadata, gone: ReadonlySet<bigint>): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const name of ['statistics', 'partition-statistics']) {
    const items = (metadata as Record<string, unknown>)[name]
    if (Array.isArray(items)) found[name] = items.filter(item => !gone.has(item['snapshot-id']))
  }
  return found
}

/** Every file that snapshots name: lists, manifests, data and deletes. */
export async function named(reader: ManifestReader, snapshots: readonly Snapshot[]): Promise<Set<string>> {
  const found = new Set<string>()
  const seen = new Set<string>()
  for (const snapshot of snapshots) {
    found.add(snapshot['manifest-list'])
    const fresh = (await reader.manifests(snapshot)).filter(({ location }) => !seen.has(location))
    const { data, deletes } = await reader.files(snapshot, ({ location }) => !seen.has(location))
    for (const { location } of fresh) {
      found.add(location)
      seen.add(location)
    }
    for (const { location } of [...data, ...deletes]) found.add(location)
  }
  return found
}
