/**
 * Small files become few, and rows that were deleted leave their files. The rows are the same before and after.
 *
 * Files of one partition are read together and written once; the snapshot takes the old ones out and puts the new ones in, and delete
 * files go with the last file they spoke of. If `main` moved meanwhile in a way that touches what was rewritten, nothing is committed:
 * the next time will do. A branch that is staged on files that are gone is staged again by whoever publishes it.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Change, TableState } from '../commit.ts'
import { writeRows } from '../engine/copy.ts'
import type { DataFile, LiveFile } from '../iceberg/data-file.ts'
import { decodeEntries, encodeCarried, type ManifestEntry } from '../iceberg/manifest.ts'
import { carried, type ManifestListEntry } from '../iceberg/manifest-list.ts'
import { currentSchema, currentSpec, partitionSpecOf, type Snapshot, type TableMetadata } from '../iceberg/metadata.ts'
import { headOf, mainBranch, newSnapshotId, withSnapshot } from '../iceberg/snapshots.ts'
import { summaryOfRewrite } from '../iceberg/summary.ts'
import type { TableName } from '../identifiers.ts'
import { type LiveFiles, mayApply, positionsSql } from '../scan.ts'
import { ofCurrentSpec, writeManifests, writeSnapshotOf } from '../snapshot-writer.ts'
import { targetOf, type Workshop } from '../write.ts'
import { type CompactPolicy, chooseFiles } from './choose.ts'

export interface Compacted {
  readonly filesBefore: number
  readonly filesAfter: number
  readonly rows: number
  /** Others wrote to what was being rewritten: nothing was changed. */
  readonly overtaken: boolean
}

const nothing: Compacted = { filesBefore: 0, filesAfter: 0, rows: 0, overtaken: false }

export async function compact(shop: Workshop, table: TableName, policy: CompactPolicy): Promise<Compacted> {
  const { metadata } = await shop.tables.load(table)
  const base = headOf(metadata, mainBranch)
  const live = await shop.reader.files(base)
  const specId = currentSpec(metadata)['spec-id']
  const groups = chooseFiles({ ...live, data: live.data.filter(file => file.specId === specId) }, live.deletes, policy)
  if (groups.length === 0) return nothing
  const written: DataFile[] = []
  await shop.engine.withConnection(async connection => {
    for (const group of groups) written.push(...(await rewrite(shop, connection, metadata, group, live.deletes)))
  })
  const gone = groups.flat()
  const result = await shop.tables.change(table, state => compacted(shop, state, gone, live.deletes, written))
  if (result.overtaken) await shop.storage.discard(written.map(file => file.location))
  return result
}

/** The rows of some files in one; in the order they stand, file after file. */
async function rewrite(
  shop: Workshop,
  connection: DuckDBConnection,
  metadata: TableMetadata,
  group: readonly LiveFile[],
  deletes: readonly LiveFile[],
): Promise<DataFile[]> {
  const applied = deletes.filter(item => group.some(file => mayApply(item, file)))
  const rows = await positionsSql(shop.storage, currentSchema(metadata), { data: group, deletes: applied })
  const select = `SELECT * EXCLUDE (__path, __position) FROM ${rows} AS rows ORDER BY __path, __position`
  return writeRows(connection, select, await targetOf(shop, metadata))
}

async function compacted(
  shop: Workshop,
  { metadata }: TableState,
  gone: readonly LiveFile[],
  knownDeletes: readonly LiveFile[],
  written: readonly DataFile[],
): Promise<Change<Compacted>> {
  const head = headOf(metadata, mainBranch)
  const live = await shop.reader.files(head)
  if (head === undefined || isOvertaken(live, gone, knownDeletes))
    return { kind: 'none', result: { ...nothing, overtaken: true } }
  const going = new Set(gone.map(file => file.location))
  // A delete file goes with the last data file that it may speak of.
  const left = live.data.filter(file => !going.has(file.location))
  const idle = live.deletes.filter(item => !left.some(file => mayApply(item, file)))
  for (const { location } of idle) going.add(location)
  const snapshotId = newSnapshotId()
  const lists = await carriedLists(shop, metadata, head, going, snapshotId)
  const added = await writeManifests(shop.storage, metadata, [ofCurrentSpec(metadata, written)])
  const sequence = BigInt(metadata['last-sequence-number'] + 1)
  const entries = [...added.map(manifest => carried(manifest, snapshotId, sequence)), ...lists.entries]
  const summary = summaryOfRewrite({ written, gone, idle }, head, { 'aiworkflow.maintenance': 'compaction' })
  const snapshot = await writeSnapshotOf(shop.storage, metadata, head, snapshotId, entries, summary)
  const rows = written.reduce((sum, file) => sum + file.rows, 0)
  return {
    kind: 'write',
    metadata: withSnapshot(metadata, mainBranch, snapshot),
    files: [snapshot['manifest-list'], ...lists.files, ...added.map(manifest => manifest.location)],
    result: { filesBefore: gone.length, filesAfter: written.length, rows, overtaken: false },
  }
}

/** Whether others took a file away, or deleted rows of one, since it was read. */
function isOvertaken(live: LiveFiles, gone: readonly LiveFile[], knownDeletes: readonly LiveFile[]): boolean {
  const there = new Set(live.data.map(file => file.location))
  const known = new Set(knownDeletes.map(file => file.location))
  const fresh = live.deletes.filter(item => !known.has(item.location))
  return gone.some(file => !there.has(file.location) || fresh.some(item => mayApply(item, file)))
}

/** The manifests of a snapshot without some files: those that name none of them stay as they are. */
async function carriedLists(
  shop: Workshop,
  metadata: TableMetadata,
  head: Snapshot,
  going: ReadonlySet<string>,
  snapshotId: bigint,
): Promise<{ entries: ManifestListEntry[]; files: string[] }> {
  const entries: ManifestListEntry[] = []
  const files: string[] = []
  const touched = new Map<string, { manifest: ManifestListEntry; stays: ManifestEntry[]; goes: ManifestEntry[] }>()
  for (const manifest of await shop.reader.manifests(head)) {
    const found = decodeEntries(await shop.storage.read(manifest.location), manifest)
    if (!found.some(entry => going.has(entry.location))) {
      if (found.length > 0) entries.push(manifest)
      continue
    }
    // What is left of all of them becomes one manifest per spec and kind.
    const key = `${manifest.specId} ${manifest.content}`
    const group = touched.get(key) ?? { manifest, stays: [], goes: [] }
    touched.set(key, group)
    for (const entry of found) (going.has(entry.location) ? group.goes : group.stays).push(entry)
  }
  for (const { manifest, stays, goes } of touched.values()) {
    const spec = partitionSpecOf(metadata, manifest.specId)
    const bytes = encodeCarried(currentSchema(metadata), spec, manifest.content, { stays, goes }, snapshotId)
    const location = `${metadata.location}/metadata/${snapshotId}-c${files.length}.avro`
    await shop.storage.writeNew(location, bytes)
    files.push(location)
    const sum = (of: readonly ManifestEntry[]) => ({
      files: of.length,
      rows: of.reduce((n, { rows }) => n + BigInt(rows), 0n),
    })
    const sequence = BigInt(metadata['last-sequence-number'] + 1)
    entries.push({
      ...manifest,
      location,
      sizeBytes: BigInt(bytes.length),
      sequence,
      minSequence: stays.reduce((least, entry) => earlier(entry.sequence, least), sequence),
      snapshotId,
      added: { files: 0, rows: 0n },
      existing: sum(stays),
      deleted: sum(goes),
      // Ranges of partitions are there to skip by; without them nothing is skipped wrongly.
      partitions: null,
    })
  }
  return { entries, files }
}

function earlier(one: bigint, other: bigint): bigint {
  if (one < other) return one
  return other
}
