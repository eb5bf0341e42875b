/**
 * Publish: what a branch holds becomes `main`, in one commit that also drops the branch.
 *
 * If `main` is where the branch began, it moves to the branch's head. If it has moved, the staged manifests are applied
 * again on the new head: the rows are the same, and position deletes stay right as long as every file they speak of is
 * still there. If one is gone (a compaction, say), or if `main` took rows that this branch would have had to replace
 * (`replaces-within` of both is the same), what has to be deleted is no longer known, and it is for the caller to stage again.
 */
import type { Change, TableState } from './commit.ts'
import { findWrite } from './expired-writes.ts'
import { decodeManifest } from './iceberg/manifest.ts'
import type { ManifestListEntry } from './iceberg/manifest-list.ts'
import type { Snapshot, TableMetadata } from './iceberg/metadata.ts'
import {
  ancestors,
  findWriteIn,
  headOf,
  mainBranch,
  nextTimestamp,
  replacesWithinProperty,
  withBranch,
  withoutBranch,
  withSnapshot,
} from './iceberg/snapshots.ts'
import { summaryOnto } from './iceberg/summary.ts'
import type { TableName } from './identifiers.ts'
import { deletesSql } from './scan.ts'
import { writeSnapshot } from './snapshot-writer.ts'
import { branchMissing, type Publish, type PublishResult, type Workshop } from './write.ts'

export function publish(shop: Workshop, table: TableName, write: Publish): Promise<PublishResult> {
  return shop.tables.change(table, current => published(shop, current, write))
}

async function published(shop: Workshop, { metadata }: TableState, write: Publish): Promise<Change<PublishResult>> {
  const before = await findWrite(shop.storage, metadata, mainBranch, write.writeKey)
  if (before !== undefined) {
    const result = resultOf('already', before)
    if (headOf(metadata, write.branch) === undefined) return { kind: 'none', result }
    const next = { ...withoutBranch(metadata, write.branch), 'last-updated-ms': nextTimestamp(metadata) }
    return { kind: 'write', metadata: next, files: [], result }
  }
  const head = headOf(metadata, write.branch)
  if (head === undefined || findWriteIn(metadata, write.branch, write.writeKey) !== head)
    throw branchMissing(write.branch)

  if (isFastForward(metadata, head)) {
    const moved = withBranch(metadata, mainBranch, head['snapshot-id'], nextTimestamp(metadata))
    return {
      kind: 'write',
      metadata: withoutBranch(moved, write.branch),
      files: [],
      result: resultOf('published', head),
    }
  }
  if (!(await stagedStillApplies(shop, metadata, head))) return { kind: 'none', result: resultOf('stage-again', head) }

  const main = headOf(metadata, mainBranch)
  const manifests = await stagedManifests(shop, head)
  const snapshot = await writeSnapshot(shop, metadata, main, manifests, summaryOnto(head.summary, main))
  return {
    kind: 'write',
    metadata: withoutBranch(withSnapshot(metadata, mainBranch, snapshot), write.branch),
    files: [snapshot['manifest-list']],
    result: resultOf('published', snapshot),
  }
}

/** Whether what a branch head staged can be published on the `main` of this metadata, moved or not. */
export async function stagedStillApplies(shop: Workshop, metadata: TableMetadata, head: Snapshot): Promise<boolean> {
  if (isFastForward(metadata, head)) return true
  if (isOvertaken(metadata, head)) return false
  const deletes = (await stagedManifests(shop, head)).filter(manifest => manifest.content === 'position-deletes')
  if (deletes.length === 0) return true
  const live = await shop.reader.files(headOf(metadata, mainBranch))
  const paths = new Set(live.data.map(file => shop.storage.pathOf(file.location)))
  for (const manifest of deletes) {
    const files = decodeManifest(await shop.storage.read(manifest.location), manifest)
    const gone = await deletesSql(shop.storage, files)
    const named = await shop.engine.withConnection(connection =>
      connection.runAndReadAll(`SELECT DISTINCT __path FROM ${gone}`),
    )
    if (named.getRows().some(([path]) => !paths.has(String(path)))) return false
  }
  return true
}

function isFastForward(metadata: TableMetadata, head: Snapshot): boolean {
  return headOf(metadata, mainBranch)?.['snapshot-id'] === (head['parent-snapshot-id'] ?? undefined)
}

/** Whether `main` took a write since the branch began that replaces rows within the same; a base nobody knows any more counts as one. */
function isOvertaken(metadata: TableMetadata, head: Snapshot): boolean {
  const within = head.summary[replacesWithinProperty]
  if (within === undefined) return false
  const base = head['parent-snapshot-id'] ?? undefined
  for (const snapshot of ancestors(metadata, headOf(metadata, mainBranch))) {
    if (snapshot['snapshot-id'] === base) return false
    if (snapshot.summary[replacesWithinProperty] === within) return true
  }
  return base !== undefined
}

/** The manifests that the staged snapshot itself added. */
async function stagedManifests(shop: Workshop, head: Snapshot): Promise<ManifestListEntry[]> {
  const manifests = await shop.reader.manifests(head)
  return manifests.filter(manifest => manifest.snapshotId === head['snapshot-id'])
}

function resultOf(outcome: PublishResult['outcome'], snapshot: Snapshot): PublishResult {
  return { outcome, snapshotId: String(snapshot['snapshot-id']) }
}
