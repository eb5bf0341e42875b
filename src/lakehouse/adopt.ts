/**
 * Adopt: what another engine appended to a branch becomes part of `main`, in one commit of ours that carries the write key and drops
 * the branch. Only the files that the head of the branch itself added are taken, so that a branch made from an older `main` does no harm.
 */
import { Failure } from '../../contracts/failures.ts'
import type { Change, TableState } from './commit.ts'
import { findWrite } from './expired-writes.ts'
import { headOf, mainBranch, nextTimestamp, withoutBranch, withSnapshot } from './iceberg/snapshots.ts'
import { type Summary, summaryOnto } from './iceberg/summary.ts'
import type { TableName } from './identifiers.ts'
import { writeSnapshot } from './snapshot-writer.ts'
import { type AppendResult, branchMissing, countOf, keyedSummary, type Workshop } from './write.ts'

export interface Adopt {
  readonly branch: string
  readonly writeKey: string
  readonly summary?: Summary | undefined
  /** How many rows the branch's head has to have added: what the other engine said that it wrote. */
  readonly rows: number
}

/** @throws Failure BRANCH_MISSING; RECONCILIATION_FAILED where the branch has other rows than were counted */
export function adopt(shop: Workshop, table: TableName, write: Adopt): Promise<Omit<AppendResult, 'files'>> {
  return shop.tables.change(table, current => adopted(shop, current, write))
}

async function adopted(
  shop: Workshop,
  { metadata }: TableState,
  write: Adopt,
): Promise<Change<Omit<AppendResult, 'files'>>> {
  const before = await findWrite(shop.storage, metadata, mainBranch, write.writeKey)
  if (before !== undefined) {
    const result = {
      snapshotId: String(before['snapshot-id']),
      addedRows: countOf(before, 'added-records'),
      alreadyDone: true,
    }
    if (headOf(metadata, write.branch) === undefined) return { kind: 'none', result }
    const next = { ...withoutBranch(metadata, write.branch), 'last-updated-ms': nextTimestamp(metadata) }
    return { kind: 'write', metadata: next, files: [], result }
  }
  const head = headOf(metadata, write.branch)
  if (head === undefined) throw branchMissing(write.branch)
  const addedRows = countOf(head, 'added-records')
  if (addedRows !== write.rows) {
    throw new Failure(
      'RECONCILIATION_FAILED',
      `The engine counted ${write.rows} rows, and the branch ${write.branch} brings ${addedRows}.`,
    )
  }
  const main = headOf(metadata, mainBranch)
  const own = (await shop.reader.manifests(head)).filter(manifest => manifest.snapshotId === head['snapshot-id'])
  const summary = summaryOnto({ 'added-records': '0', ...head.summary, ...keyedSummary(write) }, main)
  const snapshot = await writeSnapshot(shop, metadata, main, own, summary)
  return {
    kind: 'write',
    metadata: withoutBranch(withSnapshot(metadata, mainBranch, snapshot), write.branch),
    files: [snapshot['manifest-list']],
    result: { snapshotId: String(snapshot['snapshot-id']), addedRows, alreadyDone: false },
  }
}
