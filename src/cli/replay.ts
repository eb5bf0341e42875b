import { userInfo } from 'node:os'
import type { Run } from '../../contracts/data/delivery.ts'
import { Failure } from '../../contracts/failures.ts'
import { type DeadLetter, DeadLetters } from '../runtime/dead-letters.ts'
import { peopleOutbox } from '../runtime/decide-approval.ts'
import { replayLimit } from '../runtime/replay-limit.ts'
import type { RunView } from '../runtime/run-records.ts'
import { outboxWrites } from '../state/outbox.ts'
import { unpackMessage } from '../state/record.ts'
import { takeAgain } from './rollback.ts'
import type { Workspace } from './workspace.ts'

export type Replayed =
  | { readonly kind: 'run'; readonly run: Run }
  /** A message that nobody could read is on its topic again: in its own trace, under its own id. */
  | { readonly kind: 'message'; readonly topic: string }

/**
 * Starts the delivery of a failed or refused run once more, or of one that was taken back, or puts a message that nobody could read on its topic again.
 * @throws Failure RUN_UNKNOWN; REPLAY_LIMIT; USAGE for a run that has not ended that way.
 */
export async function replay(workspace: Workspace, id: string): Promise<Replayed> {
  const { stores, intake } = workspace
  const view = await stores.runs.get(id)
  if (view !== undefined && (await isTakenBack(workspace, view)))
    return { kind: 'run', run: await takenAgain(workspace, view) }
  if (view?.state === 'refused') return { kind: 'run', run: await intake.replay(view.delivery.id, id) }
  if (view !== undefined && view.state !== 'failed')
    throw new Failure('USAGE', `Run ${id} is ${view.state}; only a failed or refused run is replayed.`, {
      wayOut: 'Look at it with `aiworkflow trace`.',
    })
  const letter = await stores.deadLetters.get(id)
  const { delivery } = letter.failed
  if (delivery === undefined) return replayMessage(workspace, letter)
  // The run is begun before the letter is settled: a crash between them leaves a letter too many, never a delivery too few.
  const run = await intake.replay(delivery.id, id)
  await stores.store.transact({ writes: [DeadLetters.settle(letter, 'replayed')] })
  return { kind: 'run', run }
}

/** A delivery that was taken back, here or, as the lakehouse says, before this state began. */
async function isTakenBack({ stores }: Workspace, { delivery, failure }: RunView): Promise<boolean> {
  const record = await stores.rollbacks.get(delivery.id)
  if (record?.state === 'asked')
    throw new Failure('USAGE', `Somebody asked to take ${delivery.file} back: that is decided first.`, {
      wayOut: 'Answer it: `aiworkflow approvals` lists it.',
    })
  return record?.state === 'done' || (failure?.code === 'DELIVERY_ROLLED_BACK' && record?.state !== 'taken-again')
}

async function takenAgain(workspace: Workspace, { run, delivery, failure }: RunView): Promise<Run> {
  const again = await takeAgain(workspace, delivery, run.id, userInfo().username)
  if (failure !== undefined) {
    const letter = await workspace.stores.deadLetters.get(run.id).catch(() => undefined)
    if (letter) await workspace.stores.store.transact({ writes: [DeadLetters.settle(letter, 'replayed')] })
  }
  return again
}

/** The letter is settled in the transaction that sends the message; an agent that refuses it again opens the letter anew. */
async function replayMessage({ stores, bus, catalog }: Workspace, letter: DeadLetter): Promise<Replayed> {
  const { id, message, replays, failed } = letter
  if (message === undefined)
    throw new Failure('USAGE', `${id} failed before there was a delivery, so there is nothing to replay.`, {
      wayOut: failed.failure.wayOut,
    })
  const { spending } = await catalog.policies()
  if (replays >= spending.replays.perLetter) throw replayLimit(`Message ${id}`, replays, spending.owner)
  await stores.store.transact({
    writes: [
      DeadLetters.settle({ ...letter, replays: replays + 1 }, 'replayed'),
      ...outboxWrites(peopleOutbox, `${new Date().toISOString()} ${id}`, [unpackMessage(message)]),
    ],
  })
  await stores.outbox.flush(peopleOutbox, messages => bus.publish(messages))
  return { kind: 'message', topic: message.topic }
}
