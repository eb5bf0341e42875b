/**
 * Stage: new rows and the deletes of the rows they replace, on a branch that starts at the head of `main`. `main` does
 * not move; whoever reads the branch sees the table as it would be.
 *
 * Which rows go is decided on the files of that head alone (`going.ts`). The deletes are v2 position deletes, one file per
 * partition, sorted by file and position.
 */
import { Failure } from '../../contracts/failures.ts'
import type { Change, TableState } from './commit.ts'
import { writeRows } from './engine/copy.ts'
import { findWrite } from './expired-writes.ts'
import { writeStagedDeletes } from './going.ts'
import type { NewManifest } from './iceberg/manifest-list.ts'
import type { Snapshot, TableMetadata } from './iceberg/metadata.ts'
import { findWriteIn, headOf, mainBranch, snapshotOf, withoutBranch, withSnapshot } from './iceberg/snapshots.ts'
import { summaryOf } from './iceberg/summary.ts'
import type { TableName } from './identifiers.ts'
import { stagedStillApplies } from './publish.ts'
import { type FilesOfSpec, ofCurrentSpec, writeManifests, writeSnapshot } from './snapshot-writer.ts'
import {
  countOf,
  discardWrite,
  keyedSummary,
  onConnection,
  type Stage,
  type StageResult,
  targetOf,
  type Workshop,
} from './write.ts'

export async function stage(shop: Workshop, table: TableName, write: Stage): Promise<StageResult> {
  if (write.branch === mainBranch) {
    throw new Failure('TABLE_INCOMPATIBLE', 'Rows are staged on a branch of their own: main is for publish.')
  }
  const { metadata } = await shop.tables.load(table)
  const before = await heldBefore(shop, metadata, write)
  if (before !== undefined) return before
  const base = headOf(metadata, mainBranch)
  try {
    return await stageOn(shop, table, metadata, base, write)
  } catch (error) {
    // Its files may have gone with it in the middle of this: on what is there now it goes through.
    const hasExpired = base !== undefined && !isKept((await shop.tables.load(table)).metadata, base)
    if (hasExpired && write.connection === undefined) return stage(shop, table, write)
    throw error
  }
}

const isKept = (metadata: TableMetadata, snapshot: Snapshot): boolean =>
  snapshotOf(metadata, snapshot['snapshot-id']) !== undefined

async function stageOn(
  shop: Workshop,
  table: TableName,
  metadata: TableMetadata,
  base: Snapshot | undefined,
  write: Stage,
): Promise<StageResult> {
  const target = await targetOf(shop, metadata)
  const groups = await onConnection(shop, write, async connection => {
    const added = await writeRows(connection, write.rows, target)
    const deletes = await writeStagedDeletes(connection, shop.reader, { metadata, base, added, write, target })
    return [ofCurrentSpec(metadata, added), ...deletes]
  })
  const manifests = await writeManifests(shop.storage, metadata, groups)
  const result = await shop.tables.change(table, current => staged(shop, current, base, write, groups, manifests))
  if (result.alreadyDone)
    await discardWrite(
      shop,
      groups.flatMap(group => group.files),
      manifests,
    )
  return result
}

async function staged(
  shop: Workshop,
  { metadata }: TableState,
  base: Snapshot | undefined,
  write: Stage,
  groups: readonly FilesOfSpec[],
  manifests: readonly NewManifest[],
): Promise<Change<StageResult>> {
  const before = await heldBefore(shop, metadata, write)
  if (before !== undefined) return { kind: 'none', result: before }
  const summary = summaryOf(
    groups.flatMap(group => group.files),
    base,
    keyedSummary(write),
  )
  const snapshot = await writeSnapshot(shop, metadata, base, manifests, summary)
  return {
    kind: 'write',
    metadata: withSnapshot(withoutBranch(metadata, write.branch), write.branch, snapshot),
    files: [snapshot['manifest-list']],
    result: resultOf(write.branch, snapshot, false),
  }
}

/** The result of this write if `main` holds it, or the branch does and can still be published from there. */
async function heldBefore(shop: Workshop, metadata: TableMetadata, write: Stage): Promise<StageResult | undefined> {
  const published = await findWrite(shop.storage, metadata, mainBranch, write.writeKey)
  if (published !== undefined) return resultOf(write.branch, published, true)
  const head = headOf(metadata, write.branch)
  if (head === undefined || findWriteIn(metadata, write.branch, write.writeKey) !== head) return undefined
  return (await stagedStillApplies(shop, metadata, head)) ? resultOf(write.branch, head, true) : undefined
}

function resultOf(branch: string, snapshot: Snapshot, alreadyDone: boolean): StageResult {
  const parent = snapshot['parent-snapshot-id']
  return {
    branch,
    snapshotId: String(snapshot['snapshot-id']),
    baseSnapshotId: parent == null ? undefined : String(parent),
    addedRows: countOf(snapshot, 'added-records'),
    deletedRows: countOf(snapshot, 'added-position-deletes'),
    alreadyDone,
  }
}
