/**
 * How an unknown outcome is settled: a call was begun, and nobody said what came of it.
 *
 * - `repeat`: the arguments are the write's own key; doing it again changes nothing and answers the same.
 * - `ask`: the history of a table knows whether the write key was committed, and with which counts. What was not committed is
 *   called again, and commits at most once even if the first call is still under way.
 * - A tool that is not in this table cannot be settled by a machine: EFFECT_UNKNOWN.
 */
import type { ToolId, ToolInput, ToolOutput } from '../../contracts/tools/index.ts'
import { coreTableRef, stageBranch } from './lakehouse/names.ts'
import { bronzeCountsOf, coreCountsOf, rollbackOf } from './lakehouse/summary.ts'

type FindWrite = 'lakehouse.find_write'

export type Reconciliation =
  | { readonly kind: 'repeat' }
  | {
      readonly kind: 'ask'
      readonly question: ToolInput<FindWrite>
      /** The output the call would have given; undefined: the write is not there, or says too little. */
      readonly answer: (found: ToolOutput<FindWrite>) => Record<string, unknown> | undefined
    }

type Reconcile = { readonly [Id in ToolId]?: (input: ToolInput<Id>) => Reconciliation }

const repeat = (): Reconciliation => ({ kind: 'repeat' })

const table: Reconcile = {
  'metadata.put_contract': repeat,
  'metadata.put_mapping': repeat,
  'metadata.record_decisions': repeat,
  'lakehouse.create_table': repeat,
  'lakehouse.discard_branch': repeat,
  'lakehouse.run_load_plan': ({ plan }) => ({
    kind: 'ask',
    question: { table: plan.table, writeKey: plan.writeKey },
    answer: ({ snapshotId, summary }) => {
      const counts = bronzeCountsOf(summary)
      return snapshotId === null || !counts ? undefined : { counts, snapshotId, alreadyDone: true }
    },
  }),
  'lakehouse.stage_core': ({ standard, run, writeKey }) => {
    const core = coreTableRef(standard)
    const branch = stageBranch(run.id)
    return {
      kind: 'ask',
      question: { table: core, writeKey, branch },
      answer: ({ snapshotId, summary }) => {
        const counts = coreCountsOf(summary)
        return snapshotId === null || !counts
          ? undefined
          : { table: core, branch, snapshotId, counts, alreadyDone: true }
      },
    }
  },
  'lakehouse.mark_delivery': repeat,
  'lakehouse.stage_rollback': ({ standard, run, writeKey }) => {
    const table = coreTableRef(standard)
    const branch = stageBranch(run.id)
    return {
      kind: 'ask',
      question: { table, writeKey, branch },
      answer: ({ snapshotId, summary }) => {
        const found = rollbackOf(summary)
        return snapshotId === null || !found ? undefined : { table, branch, snapshotId, ...found, alreadyDone: true }
      },
    }
  },
  'lakehouse.publish': ({ table, writeKey }) => ({
    kind: 'ask',
    question: { table, writeKey },
    answer: ({ snapshotId }) => (snapshotId === null ? undefined : { outcome: 'already', snapshotId }),
  }),
}

export function reconciliationOf<Id extends ToolId>(tool: Id, input: ToolInput<Id>): Reconciliation | undefined {
  return (table[tool] as ((input: ToolInput<Id>) => Reconciliation) | undefined)?.(input)
}
