/**
 * Parked messages: what waits behind a run of the same feed that waits itself, for a person or for a time.
 *
 * Owns, per agent and feed: a hold that says why the feed waits, and the messages that came since, first in, first out.
 *
 * Invariants:
 * 1. A feed without a hold has no parked messages.
 * 2. A message is parked once, however often it is delivered.
 * 3. Whatever changes a feed's messages also rewrites its hold under the version that was read, so a message that comes
 *    while the feed is released is either parked in time or finds the feed open: never lost, never overtaking.
 * 4. While parked messages are worked off the feed stays held (`draining`), so new ones still queue behind them.
 *
 * Working off: `release` gives the first message and leaves it there; when it is dealt with, `release` with its number
 * removes it and gives the next, until the feed is open. A crash in between gives the same message again.
 */
import { z } from 'zod'
import type { OutgoingMessage } from '../../bus/bus.ts'
import { change, type Decision } from './change.ts'
import { keyParts, keys } from './keys.ts'
import { decodeRecord, encodeRecord, messageRecord, packMessage, unpackMessage } from './record.ts'
import { type Check, type StateStore, scanAll, type Write } from './store.ts'

const hold = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('approval'), approvalId: z.string(), runId: z.string(), sinceMs: z.number() }),
  z.object({ kind: z.literal('retry'), atMs: z.number(), runId: z.string(), reason: z.string(), sinceMs: z.number() }),
  z.object({ kind: z.literal('draining'), sinceMs: z.number() }),
])

const holdRecord = z.object({ hold, next: z.number() })
const parkedRecord = z.object({ id: z.string(), message: messageRecord })

/** Why a feed waits. */
export type Hold = z.infer<typeof hold>

/** What else the transaction checks and writes: a lease, an inbox record. */
export interface Along {
  readonly checks?: readonly Check[]
  readonly writes?: readonly Write[]
}

export type Parked = { readonly kind: 'open' } | { readonly kind: 'parked'; readonly hold: Hold }

export type Released =
  /** Nothing is parked and nothing holds the feed any more. */
  | { readonly kind: 'open' }
  /** Deal with this message, then release again with its number. */
  | { readonly kind: 'next'; readonly number: number; readonly message: OutgoingMessage }

interface Look {
  readonly record: z.infer<typeof holdRecord> | undefined
  readonly check: Check
}

export class ParkedMessages {
  readonly #store: StateStore
  readonly #clock: () => number

  constructor(store: StateStore, options: { readonly clock?: () => number } = {}) {
    this.#store = store
    this.#clock = options.clock ?? Date.now
  }

  /** Why the feed waits; undefined when it is open. */
  async holdOf(agent: string, feed: string): Promise<Hold | undefined> {
    return (await this.#look(agent, feed)).record?.hold
  }

  /** Every feed of the agent that waits. */
  async holds(agent: string): Promise<readonly { readonly feed: string; readonly hold: Hold }[]> {
    const found = []
    for await (const entry of scanAll(this.#store, keys.holdsOf(agent))) {
      found.push({ feed: keyParts(entry.key)[2]!, hold: decodeRecord(holdRecord, entry).hold })
    }
    return found
  }

  /** Makes the feed wait, or wait for something else; parked messages stay. Errors: LEASE_LOST by `along`. */
  async hold(agent: string, feed: string, hold: Hold, along: Along = {}): Promise<void> {
    await change(this.#store, async () => {
      const look = await this.#look(agent, feed)
      return write(look, along, [this.#holdWrite(agent, feed, hold, look.record?.next ?? 0)], undefined)
    })
  }

  /** Parks the message if the feed waits. `id` is the event's id. With `open` nothing was written: go on with the message. */
  async park(agent: string, feed: string, id: string, message: OutgoingMessage, along: Along = {}): Promise<Parked> {
    return change<Parked>(this.#store, async () => {
      const look = await this.#look(agent, feed)
      if (look.record === undefined) return { kind: 'answer', answer: { kind: 'open' } }
      const { hold, next } = look.record
      const idKey = keys.parkedId(agent, feed, id)
      const before = await this.#store.get(idKey)
      if (before !== undefined) return { kind: 'answer', answer: { kind: 'parked', hold } }
      const writes: Write[] = [
        this.#holdWrite(agent, feed, hold, next + 1),
        { put: keys.parked(agent, feed, next), value: encodeRecord({ id, message: packMessage(message) }) },
        { put: idKey, value: encodeRecord(next) },
      ]
      return write(look, along, writes, { kind: 'parked', hold })
    })
  }

  /**
   * The feed may go on. `finished` is the number of the parked message that was dealt with, which is removed.
   * A feed that is open already stays so.
   */
  async release(agent: string, feed: string, finished?: number, along: Along = {}): Promise<Released> {
    return change<Released>(this.#store, async () => {
      const look = await this.#look(agent, feed)
      if (look.record === undefined) return { kind: 'answer', answer: { kind: 'open' } }
      const waiting = await this.#store.scan({ prefix: keys.parkedOf(agent, feed), limit: 2 })
      const queue = waiting.map(entry => ({
        key: entry.key,
        number: Number(keyParts(entry.key)[3]),
        ...decodeRecord(parkedRecord, entry),
      }))
      const [first] = queue
      const writes: Write[] = []
      if (first !== undefined && first.number === finished) {
        writes.push({ delete: first.key }, { delete: keys.parkedId(agent, feed, first.id) })
        queue.shift()
      }
      const next = queue[0]
      if (next === undefined) {
        return write(look, along, [...writes, { delete: keys.hold(agent, feed) }], { kind: 'open' })
      }
      const draining: Hold = { kind: 'draining', sinceMs: this.#clock() }
      writes.push(this.#holdWrite(agent, feed, draining, look.record.next))
      return write(look, along, writes, { kind: 'next', number: next.number, message: unpackMessage(next.message) })
    })
  }

  /** What is parked behind the feed's hold, in order. */
  async waiting(agent: string, feed: string): Promise<readonly OutgoingMessage[]> {
    const found = []
    for await (const entry of scanAll(this.#store, keys.parkedOf(agent, feed))) {
      found.push(unpackMessage(decodeRecord(parkedRecord, entry).message))
    }
    return found
  }

  async #look(agent: string, feed: string): Promise<Look> {
    const key = keys.hold(agent, feed)
    const entry = await this.#store.get(key)
    if (entry === undefined) return { record: undefined, check: { key, absent: true } }
    return { record: decodeRecord(holdRecord, entry), check: { key, version: entry.version } }
  }

  #holdWrite(agent: string, feed: string, hold: Hold, next: number): Write {
    return { put: keys.hold(agent, feed), value: encodeRecord({ hold, next }) }
  }
}

function write<T>(look: Look, along: Along, writes: readonly Write[], answer: T): Decision<T> {
  const checks = [look.check, ...(along.checks ?? [])]
  return { kind: 'write', transaction: { checks, writes: [...writes, ...(along.writes ?? [])] }, answer }
}
