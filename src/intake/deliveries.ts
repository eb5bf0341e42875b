/**
 * What the intake remembers. Owns the keys `delivery/…` (a delivery and the runs it had), `landed/…` (which delivery the file
 * at a path was, by size and time of change) and `feed-clock/…` (the time of the latest delivery of a feed).
 *
 * Invariants: a delivery is written once, together with its first run and the event that starts it; a feed's deliveries have
 * strictly increasing times; a run is added with the event that starts it.
 */
import { z } from 'zod'
import { feedKey } from '../../contracts/data/common.ts'
import { Delivery, Run } from '../../contracts/data/delivery.ts'
import { keys } from '../state/keys.ts'
import { decodeRecord, encodeRecord } from '../state/record.ts'
import { type StateStore, scanAll, type Write } from '../state/store.ts'

const KnownDelivery = z.strictObject({ delivery: Delivery, runs: z.array(Run).min(1) })
export type KnownDelivery = z.infer<typeof KnownDelivery>

const LandedFile = z.strictObject({ sizeBytes: z.number(), modifiedAtMs: z.number(), deliveryId: z.string() })
export type LandedFile = z.infer<typeof LandedFile>

const FeedClock = z.strictObject({ lastMs: z.number() })

export class Deliveries {
  readonly #store: StateStore

  constructor(store: StateStore) {
    this.#store = store
  }

  async landed(path: string): Promise<LandedFile | undefined> {
    const entry = await this.#store.get(keys.landed(path))
    return entry && decodeRecord(LandedFile, entry)
  }

  async get(id: string): Promise<KnownDelivery | undefined> {
    const entry = await this.#store.get(keys.delivery(id))
    return entry && decodeRecord(KnownDelivery, entry)
  }

  async all(): Promise<KnownDelivery[]> {
    const found: KnownDelivery[] = []
    for await (const entry of scanAll(this.#store, keys.deliveries())) found.push(decodeRecord(KnownDelivery, entry))
    return found.sort((a, b) => a.delivery.receivedAt.localeCompare(b.delivery.receivedAt))
  }

  /** A time for the next delivery of a feed: now, or just after the one before. */
  async nextTimeMs(feed: string, nowMs: number): Promise<number> {
    const entry = await this.#store.get(keys.feedClock(feed))
    return Math.max(nowMs, entry ? decodeRecord(FeedClock, entry).lastMs + 1 : 0)
  }

  /** False when somebody else took the same delivery in, or another of the feed, in the meantime. */
  async add(known: KnownDelivery, landed: LandedFile, path: string, more: readonly Write[]): Promise<boolean> {
    const clock = keys.feedClock(feedKey(known.delivery.feed))
    const current = await this.#store.get(clock)
    const atMs = Date.parse(known.delivery.receivedAt)
    if (current && decodeRecord(FeedClock, current).lastMs >= atMs) return false
    const result = await this.#store.transact({
      checks: [
        { key: keys.delivery(known.delivery.id), absent: true },
        current ? { key: clock, version: current.version } : { key: clock, absent: true },
      ],
      writes: [
        { put: keys.delivery(known.delivery.id), value: encodeRecord(known) },
        { put: keys.landed(path), value: encodeRecord(landed) },
        { put: clock, value: encodeRecord({ lastMs: atMs }) },
        ...more,
      ],
    })
    return result.kind === 'committed'
  }

  /** Remembers that the file at a path is a delivery known already. */
  async land(path: string, landed: LandedFile): Promise<void> {
    await this.#store.transact({ writes: [{ put: keys.landed(path), value: encodeRecord(landed) }] })
  }

  /** False when the delivery got another run in the meantime. */
  async addRun(id: string, run: Run, more: readonly Write[]): Promise<boolean> {
    const entry = await this.#store.get(keys.delivery(id))
    if (!entry) return false
    const known = decodeRecord(KnownDelivery, entry)
    if (known.runs.some(earlier => earlier.id === run.id)) return false
    const result = await this.#store.transact({
      checks: [{ key: entry.key, version: entry.version }],
      writes: [{ put: entry.key, value: encodeRecord({ ...known, runs: [...known.runs, run] }) }, ...more],
    })
    return result.kind === 'committed'
  }
}
