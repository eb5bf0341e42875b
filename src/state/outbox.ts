/**
 * The outbox: events that a step has decided to send. They are written in the transaction of the step's checkpoint
 * (`add` gives the writes for the checkpointer's `attach`), published afterwards, and removed once the bus has them.
 *
 * Owns: pending messages per agent. Invariants:
 * 1. A message leaves only after it was published, so a crash in between publishes it again, with the same event id.
 * 2. Messages of one step keep their order, and so do steps of one thread: `order` is the checkpoint's id, which grows.
 * 3. Adding the same step again replaces its messages, it does not double them.
 */
import type { OutgoingMessage } from '../../bus/bus.ts'
import { keys } from './keys.ts'
import { decodeRecord, encodeRecord, messageRecord, packMessage, unpackMessage } from './record.ts'
import type { StateStore, Write } from './store.ts'

export interface PendingMessage {
  /** Names the entry, for `remove`. */
  readonly key: string
  readonly message: OutgoingMessage
}

/**
 * The writes that put messages into an agent's outbox.
 *
 * @param order sorts steps; the id of the checkpoint that decided on the messages
 */
export function outboxWrites(agent: string, order: string, messages: readonly OutgoingMessage[]): Write[] {
  return messages.map((message, index) => ({
    put: keys.outbox(agent, order, index),
    value: encodeRecord(packMessage(message)),
  }))
}

const batchSize = 100

export class Outbox {
  readonly #store: StateStore

  constructor(store: StateStore) {
    this.#store = store
  }

  /** The oldest pending messages of an agent. */
  async pending(agent: string, limit = batchSize): Promise<readonly PendingMessage[]> {
    const entries = await this.#store.scan({ prefix: keys.outboxOf(agent), limit })
    return entries.map(entry => ({ key: entry.key, message: unpackMessage(decodeRecord(messageRecord, entry)) }))
  }

  async remove(published: readonly PendingMessage[]): Promise<void> {
    if (published.length > 0) await this.#store.transact({ writes: published.map(({ key }) => ({ delete: key })) })
  }

  /** Publishes what is pending, in order, until nothing is left; returns how many. Throws what `publish` throws. */
  async flush(agent: string, publish: (messages: readonly OutgoingMessage[]) => Promise<void>): Promise<number> {
    let count = 0
    while (true) {
      const batch = await this.pending(agent)
      if (batch.length > 0) {
        await publish(batch.map(({ message }) => message))
        await this.remove(batch)
      }
      count += batch.length
      // What came since is flushed by who added it.
      if (batch.length < batchSize) return count
    }
  }
}
