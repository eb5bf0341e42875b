/** Asks for the taking back of a delivery: a run of its own, once however often it is asked for. */
import type { Delivery, Run } from '../../contracts/data/delivery.ts'
import type { SpendingPolicy } from '../../contracts/data/policy.ts'
import { Failure } from '../../contracts/failures.ts'
import { digest } from '../runtime/identity.ts'
import { RunRecords, type RunView } from '../runtime/run-records.ts'
import type { ActorStores } from '../runtime/stores.ts'
import { change } from '../state/change.ts'
import { decodeRecord } from '../state/record.ts'
import { runSpanIds } from '../telemetry/context.ts'
import { RollbackRecord, Rollbacks } from './records.ts'

export interface Asking {
  readonly stores: ActorStores
  readonly spending: SpendingPolicy
  readonly by: string
  readonly note: string
}

/** The rollback of a delivery as it stands: asked for now, asked for before, or done. @throws Failure USAGE while the delivery is on its way. */
export async function askRollback(delivery: Delivery, { stores, spending, by, note }: Asking): Promise<RollbackRecord> {
  const latest = latestRun(await stores.runs.all(), delivery.id)
  return change<RollbackRecord>(stores.store, async () => {
    const entry = await stores.rollbacks.entry(delivery.id)
    const before = entry && decodeRecord(RollbackRecord, entry)
    if (before?.state === 'asked' || before?.state === 'done') return { kind: 'answer', answer: before }
    refuseMoving(latest)
    const attempt = (before?.attempt ?? 0) + 1
    const id = `r_${digest('rollback', delivery.id, String(attempt)).slice(0, 24)}`
    const askedAt = new Date().toISOString()
    const { toolCalls, wallMs } = spending.run
    // To messages and approvals it is the delivery once more, as a person asked for it.
    const cause = { kind: 'replayed' as const, of: latest.run.id, attempt }
    const budget = { toolCalls, wallMs, startedAt: askedAt }
    const run: Run = { id, traceId: runSpanIds(id).traceId, cause, budget }
    const record: RollbackRecord = { run, delivery, attempt, by, note, askedAt, state: 'asked' }
    const writes = [Rollbacks.write(record), RunRecords.start({ run, delivery, rollback: { by, note } })]
    const check = entry ? { key: entry.key, version: entry.version } : undefined
    const checks = check ? [check] : []
    return { kind: 'write', transaction: { checks, writes }, answer: record }
  })
}

/** The latest run that took the delivery in, or tried to. */
export function latestRun(views: readonly RunView[], deliveryId: string): RunView {
  const found = views.findLast(({ delivery, rollback }) => delivery.id === deliveryId && rollback === undefined)
  if (found !== undefined) return found
  throw new Failure('RUN_UNKNOWN', `There is no run of delivery ${deliveryId}.`)
}

function refuseMoving({ run, delivery, state, progress }: RunView): void {
  if (state === 'running' || state === 'waiting')
    throw new Failure(
      'USAGE',
      `${delivery.file} is still on its way (run ${run.id} is ${state}): nothing is taken back.`,
      {
        wayOut: 'Let it end with `aiworkflow run`, or answer with `aiworkflow reject` what it waits for.',
      },
    )
  if (progress.bronze === undefined)
    throw new Failure('USAGE', `Nothing of ${delivery.file} was loaded, so there is nothing to take back.`)
}
