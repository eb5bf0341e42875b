import type { Run } from '../../contracts/data/delivery.ts'
import { Failure } from '../../contracts/failures.ts'
import { DeadLetters } from '../runtime/dead-letters.ts'
import type { Workspace } from './workspace.ts'

/**
 * Starts the delivery of a failed or refused run once more. The new run is begun before the dead letter is settled: a crash between
 * them leaves a letter too many, never a delivery too few.
 * @throws Failure RUN_UNKNOWN; USAGE for a run that has not ended that way, or that never got as far as a delivery.
 */
export async function replay({ stores, intake }: Workspace, runId: string): Promise<Run> {
  const view = await stores.runs.get(runId)
  if (view?.state === 'refused') return intake.replay(view.delivery.id, runId)
  if (view !== undefined && view.state !== 'failed')
    throw new Failure('USAGE', `Run ${runId} is ${view.state}; only a failed or refused run is replayed.`, {
      wayOut: 'Look at it with `aiworkflow trace`.',
    })
  const letter = await stores.deadLetters.get(runId)
  const delivery = letter.failed.delivery
  if (delivery === undefined)
    throw new Failure('USAGE', `${runId} failed before there was a delivery, so there is nothing to replay.`, {
      wayOut: letter.failed.failure.wayOut,
    })
  const run = await intake.replay(delivery.id, runId)
  await stores.store.transact({ writes: [DeadLetters.settle(letter, 'replayed')] })
  return run
}
