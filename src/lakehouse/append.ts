/**
 * Append: files first, then one commit that carries the write key. The history is asked for the key before any work and
 * again inside the commit, so two writers of one key end as one snapshot; the loser's files are removed.
 */
import type { Change, TableState } from './commit.ts'
import { writeRows } from './engine/copy.ts'
import { findWrite } from './expired-writes.ts'
import type { DataFile } from './iceberg/data-file.ts'
import type { NewManifest } from './iceberg/manifest-list.ts'
import type { Snapshot } from './iceberg/metadata.ts'
import { headOf, mainBranch, withSnapshot } from './iceberg/snapshots.ts'
import { summaryOf } from './iceberg/summary.ts'
import type { TableName } from './identifiers.ts'
import { ofCurrentSpec, writeManifests, writeSnapshot } from './snapshot-writer.ts'
import {
  type Append,
  type AppendResult,
  branchMissing,
  countOf,
  discardWrite,
  keyedSummary,
  onConnection,
  targetOf,
  type Workshop,
} from './write.ts'

export async function append(shop: Workshop, table: TableName, write: Append): Promise<AppendResult> {
  const branch = write.branch ?? mainBranch
  const { metadata } = await shop.tables.load(table)
  const before = await findWrite(shop.storage, metadata, branch, write.writeKey)
  if (before !== undefined) return doneBefore(before)
  if (branch !== mainBranch && headOf(metadata, branch) === undefined) throw branchMissing(branch)

  const target = await targetOf(shop, metadata)
  const files = await onConnection(shop, write, connection => writeRows(connection, write.select, target))
  const manifests = await writeManifests(shop.storage, metadata, [ofCurrentSpec(metadata, files)])
  const result = await shop.tables.change(table, current => appended(shop, current, branch, write, files, manifests))
  if (result.alreadyDone) await discardWrite(shop, files, manifests)
  return result
}

async function appended(
  shop: Workshop,
  { metadata }: TableState,
  branch: string,
  write: Append,
  files: readonly DataFile[],
  manifests: readonly NewManifest[],
): Promise<Change<AppendResult>> {
  const before = await findWrite(shop.storage, metadata, branch, write.writeKey)
  if (before !== undefined) return { kind: 'none', result: doneBefore(before) }
  const parent = headOf(metadata, branch)
  if (parent === undefined && branch !== mainBranch) throw branchMissing(branch)
  const summary = summaryOf(files, parent, keyedSummary(write))
  const snapshot = await writeSnapshot(shop, metadata, parent, manifests, summary)
  const result = {
    snapshotId: String(snapshot['snapshot-id']),
    addedRows: countOf(snapshot, 'added-records'),
    files: files.map(file => file.location),
    alreadyDone: false,
  }
  return {
    kind: 'write',
    metadata: withSnapshot(metadata, branch, snapshot),
    files: [snapshot['manifest-list']],
    result,
  }
}

function doneBefore(snapshot: Snapshot): AppendResult {
  const addedRows = countOf(snapshot, 'added-records')
  return { snapshotId: String(snapshot['snapshot-id']), addedRows, files: [], alreadyDone: true }
}
