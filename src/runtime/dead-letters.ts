/**
 * Runs that failed for good, until a person replays or discards them. Owns the keys `failed/…`, one per run or, where the
 * failure came before there was a run, per what it was about. An entry is written in the transaction that ends the run.
 */
import { z } from 'zod'
import { type EventData, RunFailed } from '../../contracts/events/events.ts'
import { Failure } from '../../contracts/failures.ts'
import { keys } from '../state/keys.ts'
import { decodeRecord, encodeRecord } from '../state/record.ts'
import { type StateStore, scanAll, type Write } from '../state/store.ts'

const DeadLetter = z.strictObject({
  id: z.string(),
  failed: RunFailed,
  at: z.iso.datetime(),
  state: z.enum(['open', 'replayed', 'discarded']),
})
export type DeadLetter = z.infer<typeof DeadLetter>

const settledMs = 30 * 24 * 60 * 60 * 1000

export class DeadLetters {
  readonly #store: StateStore

  constructor(store: StateStore) {
    this.#store = store
  }

  static write(id: string, failed: EventData<'run.failed'>, at: string): Write {
    return { put: keys.failedRun(id), value: encodeRecord({ id, failed, at, state: 'open' } satisfies DeadLetter) }
  }

  async all(): Promise<DeadLetter[]> {
    const found: DeadLetter[] = []
    for await (const entry of scanAll(this.#store, keys.failedRuns())) found.push(decodeRecord(DeadLetter, entry))
    return found.sort((a, b) => a.at.localeCompare(b.at))
  }

  async get(id: string): Promise<DeadLetter> {
    const entry = await this.#store.get(keys.failedRun(id))
    if (entry) return decodeRecord(DeadLetter, entry)
    throw new Failure('RUN_UNKNOWN', `There is no dead letter ${id}.`, {
      wayOut: 'List them with `aiworkflow dead-letters DIR`.',
    })
  }

  /** The write that settles an entry: kept for a while, so that a person sees what was done with it. */
  static settle(letter: DeadLetter, state: 'replayed' | 'discarded'): Write {
    return { put: keys.failedRun(letter.id), value: encodeRecord({ ...letter, state }), ttlMs: settledMs }
  }

  async discard(id: string): Promise<void> {
    await this.#store.transact({ writes: [DeadLetters.settle(await this.get(id), 'discarded')] })
  }
}
