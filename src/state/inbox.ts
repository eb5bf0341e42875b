/**
 * The inbox: which events an agent has dealt with, so that a duplicate is recognised before it does anything.
 *
 * Owns: one record per agent and event id, for `ttlMs`. The time must be longer than a message can come late (the bus's
 * retention); a duplicate after that is met by the write keys of the lake and the effect ledger.
 */
import { z } from 'zod'
import { keys } from './keys.ts'
import { decodeRecord, encodeRecord } from './record.ts'
import type { StateStore, Write } from './store.ts'

const inboxRecord = z.object({
  /** What came of the event, in the runtime's words. */
  outcome: z.string(),
  runId: z.string().optional(),
  atMs: z.number(),
})

export type InboxRecord = z.infer<typeof inboxRecord>

export class Inbox {
  readonly #store: StateStore
  readonly #ttlMs: number

  constructor(store: StateStore, options: { readonly ttlMs: number }) {
    this.#store = store
    this.#ttlMs = options.ttlMs
  }

  /** What came of the event; undefined for one that is new to the agent. */
  async find(agent: string, eventId: string): Promise<InboxRecord | undefined> {
    const entry = await this.#store.get(keys.inbox(agent, eventId))
    return entry === undefined ? undefined : decodeRecord(inboxRecord, entry)
  }

  /** The write that marks the event as dealt with, for a transaction of the caller. */
  write(agent: string, eventId: string, record: InboxRecord): Write {
    return { put: keys.inbox(agent, eventId), value: encodeRecord(record), ttlMs: this.#ttlMs }
  }

  async record(agent: string, eventId: string, record: InboxRecord): Promise<void> {
    await this.#store.transact({ writes: [this.write(agent, eventId, record)] })
  }
}
