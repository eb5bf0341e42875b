/**
 * Runs that failed for good and messages nobody could read, until a person replays or discards them. Owns the keys `failed/…`, one
 * per run or, where there was none, per message and the agent that refused it. An entry is written in the transaction that ends
 * the run; a message is in its letter byte for byte.
 */
import { z } from 'zod'
import { RunFailed } from '../../contracts/events/events.ts'
import { Failure } from '../../contracts/failures.ts'
import { keys } from '../state/keys.ts'
import { decodeRecord, encodeRecord, messageRecord } from '../state/record.ts'
import { type StateStore, scanAll, type Write } from '../state/store.ts'

const DeadLetter = z.strictObject({
  id: z.string(),
  failed: RunFailed,
  at: z.iso.datetime(),
  state: z.enum(['open', 'replayed', 'discarded']),
  /** As it came; of a letter without a run. */
  message: messageRecord.optional(),
  /** How often the message was put on its topic again. */
  replays: z.number().default(0),
})
export type DeadLetter = z.infer<typeof DeadLetter>

const settledMs = 30 * 24 * 60 * 60 * 1000

export class DeadLetters {
  readonly #store: StateStore

  constructor(store: StateStore) {
    this.#store = store
  }

  static write(letter: Omit<z.input<typeof DeadLetter>, 'state'>): Write {
    return { put: keys.failedRun(letter.id), value: encodeRecord({ ...letter, state: 'open' }) }
  }

  async all(): Promise<DeadLetter[]> {
    const found: DeadLetter[] = []
    for await (const entry of scanAll(this.#store, keys.failedRuns())) found.push(decodeRecord(DeadLetter, entry))
    return found.sort((a, b) => a.at.localeCompare(b.at))
  }

  async find(id: string): Promise<DeadLetter | undefined> {
    const entry = await this.#store.get(keys.failedRun(id))
    return entry && decodeRecord(DeadLetter, entry)
  }

  async get(id: string): Promise<DeadLetter> {
    const letter = await this.find(id)
    if (letter !== undefined) return letter
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
