/**
 * What is known of the taking back of deliveries. Owns the keys `rollback/…`: one record per delivery, about its latest rollback.
 * Whether rows count is said by the marks in the lakehouse; this says who asked, and how far it has come.
 */
import { z } from 'zod'
import { Instant } from '../../contracts/data/common.ts'
import { Delivery, Run } from '../../contracts/data/delivery.ts'
import { keys } from '../state/keys.ts'
import { decodeRecord, encodeRecord } from '../state/record.ts'
import { type Entry, type StateStore, scanAll, type Write } from '../state/store.ts'

export const RollbackRecord = z.strictObject({
  run: Run,
  delivery: Delivery,
  /** From 1: a delivery that was taken in again may be taken back again. */
  attempt: z.int().min(1),
  by: z.string(),
  note: z.string(),
  askedAt: Instant,
  /** Asked: not yet decided, or decided and not yet done. */
  state: z.enum(['asked', 'done', 'failed', 'taken-again']),
})
export type RollbackRecord = z.infer<typeof RollbackRecord>

export class Rollbacks {
  readonly #store: StateStore

  constructor(store: StateStore) {
    this.#store = store
  }

  async get(deliveryId: string): Promise<RollbackRecord | undefined> {
    const entry = await this.entry(deliveryId)
    return entry && decodeRecord(RollbackRecord, entry)
  }

  entry(deliveryId: string): Promise<Entry | undefined> {
    return this.#store.get(keys.rollback(deliveryId))
  }

  /** Those that somebody asked for and that are neither done nor refused. */
  async open(): Promise<RollbackRecord[]> {
    const found: RollbackRecord[] = []
    for await (const entry of scanAll(this.#store, keys.rollbacks())) {
      const record = decodeRecord(RollbackRecord, entry)
      if (record.state === 'asked') found.push(record)
    }
    return found
  }

  static write(record: RollbackRecord): Write {
    return { put: keys.rollback(record.delivery.id), value: encodeRecord(record) }
  }
}
