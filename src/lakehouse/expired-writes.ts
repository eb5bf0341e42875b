/**
 * Writes whose snapshots have expired: what was done stays known, so that it is not done again.
 *
 * When snapshots of `main` expire, what each said of itself goes into a file beside the metadata, with all that went before; the
 * table's property `aiworkflow.expired-writes` names it and moves in the same commit. A file never changes.
 */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { Failure } from '../../contracts/failures.ts'
import { formatMetadataJson, parseMetadataJson } from './iceberg/json.ts'
import type { Snapshot, TableMetadata } from './iceberg/metadata.ts'
import { findWriteIn, headOf, mainBranch, writeKeyProperty } from './iceberg/snapshots.ts'
import type { Storage } from './storage/storage.ts'

export const expiredWritesProperty = 'aiworkflow.expired-writes'

const expired = z.looseObject({
  'snapshot-id': z.bigint(),
  'parent-snapshot-id': z.bigint().nullish(),
  'sequence-number': z.int(),
  'timestamp-ms': z.int(),
  'manifest-list': z.string(),
  summary: z.record(z.string(), z.string()),
})
const file = z.strictObject({ writes: z.array(expired) })

/** The snapshot that holds a write, in the history of a branch or expired from it. */
export async function findWrite(
  storage: Storage,
  metadata: TableMetadata,
  branch: string,
  writeKey: string,
): Promise<Snapshot | undefined> {
  const found = findWriteIn(metadata, branch, writeKey)
  if (found !== undefined || (branch !== mainBranch && headOf(metadata, branch) === undefined)) return found
  return (await load(storage, metadata)).byKey.get(writeKey)
}

/** Newest first. */
export async function expiredWrites(storage: Storage, metadata: TableMetadata): Promise<readonly Snapshot[]> {
  return (await load(storage, metadata)).writes
}

/** Writes the file of all that have expired, these newest ones first, and answers where it is. */
export async function keepExpired(
  storage: Storage,
  metadata: TableMetadata,
  expiring: readonly Snapshot[],
): Promise<string> {
  const kept = expiring.filter(({ summary }) => summary[writeKeyProperty] !== undefined)
  const location = `${metadata.location}/metadata/expired-writes-${randomUUID()}.json`
  const writes = [...kept, ...(await expiredWrites(storage, metadata))]
  await storage.writeNew(location, formatMetadataJson({ writes }))
  return location
}

interface Loaded {
  readonly writes: readonly Snapshot[]
  readonly byKey: ReadonlyMap<string, Snapshot>
}

const none: Loaded = { writes: [], byKey: new Map() }
const loaded = new Map<string, Loaded>()
const mostLoaded = 50

async function load(storage: Storage, { properties }: TableMetadata): Promise<Loaded> {
  const location = properties[expiredWritesProperty]
  if (location === undefined) return none
  const known = loaded.get(location)
  if (known !== undefined) return known
  const parsed = file.safeParse(parseMetadataJson((await storage.read(location)).toString('utf8')))
  if (!parsed.success)
    throw new Failure(
      'TABLE_INCOMPATIBLE',
      `${location} is no list of expired writes: ${z.prettifyError(parsed.error)}`,
    )
  const { writes } = parsed.data
  const found = { writes, byKey: new Map(writes.map(write => [write.summary[writeKeyProperty] ?? '', write])) }
  if (loaded.size >= mostLoaded) loaded.delete(loaded.keys().next().value ?? '')
  loaded.set(location, found)
  return found
}
