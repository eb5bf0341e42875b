/**
 * The notes that a bus keeps beside its log, in the state store: a claim is a lease, and what is written under it is checked
 * against it. Notes and dead letters go away after a time; a note that has outlived its message says nothing to anybody.
 */
import { z } from 'zod'
import type { DeadLetter, ReceivedMessage } from '../../bus/bus.ts'
import type {
  DeliveryNote,
  DeliveryNotes,
  GroupPartition,
  NoteChanges,
  PartitionClaim,
} from '../../bus/delivery-notes.ts'
import { Failure, failureCodes } from '../../contracts/failures.ts'
import { keyParts, keys } from './keys.ts'
import { decodeRecord, encodeRecord, messageRecord, packMessage, unpackMessage } from './record.ts'
import { type StateStore, scanAll, type Write } from './store.ts'

const note = z.strictObject({
  attempts: z.int(),
  failures: z.int(),
  retryAtMs: z.number().optional(),
  done: z.boolean().optional(),
})

const letter = z.strictObject({
  group: z.string(),
  message: messageRecord,
  partition: z.int(),
  offset: z.int(),
  attempt: z.int(),
  publishedAtMs: z.number(),
  failure: z.strictObject({
    code: z.enum(failureCodes),
    message: z.string(),
    wayOut: z.string(),
    owner: z.string().optional(),
  }),
  atMs: z.number(),
})

export interface StateDeliveryNotesOptions {
  /** How long notes and dead letters are kept: at least as long as the log keeps its messages. */
  readonly ttlMs: number
}

export class StateDeliveryNotes implements DeliveryNotes {
  readonly #store: StateStore
  readonly #ttlMs: number

  constructor(store: StateStore, options: StateDeliveryNotesOptions) {
    this.#store = store
    this.#ttlMs = options.ttlMs
  }

  async claim(place: GroupPartition, owner: string, ttlMs: number): Promise<PartitionClaim | undefined> {
    const { group, topic, partition } = place
    const held = await this.#store.acquireLease(leaseOf(place), owner, ttlMs)
    return held && { group, topic, partition, token: held.token }
  }

  renew(claim: PartitionClaim, ttlMs: number): Promise<boolean> {
    return this.#store.renewLease({ name: leaseOf(claim), token: claim.token }, ttlMs)
  }

  async release(claim: PartitionClaim): Promise<void> {
    await this.#store.releaseLease({ name: leaseOf(claim), token: claim.token })
  }

  async write(claim: PartitionClaim, { put = [], forget = [], buried }: NoteChanges): Promise<boolean> {
    const { group, topic, partition, token } = claim
    const keyOf = (offset: number) => keys.deliveryNote(group, topic, partition, offset)
    const noted = new Set(put.map(([offset]) => offset))
    const writes: Write[] = [
      ...put.map(([offset, said]) => ({ put: keyOf(offset), value: encodeRecord(said), ttlMs: this.#ttlMs })),
      ...forget.filter(offset => !noted.has(offset)).map(offset => ({ delete: keyOf(offset) })),
      ...(buried ? [this.#burial(buried)] : []),
    ]
    const result = await this.#store.transact({ checks: [{ lease: { name: leaseOf(claim), token } }], writes })
    if (result.kind === 'conflict') throw new Failure('INTERNAL', `A note is written without a check of a key.`)
    return result.kind === 'committed'
  }

  async read(place: GroupPartition, fromOffset: number): Promise<ReadonlyMap<number, DeliveryNote>> {
    const { group, topic, partition } = place
    const found = new Map<number, DeliveryNote>()
    for await (const entry of scanAll(this.#store, keys.deliveryNotesOf(group, topic, partition))) {
      const offset = Number(keyParts(entry.key).at(-1))
      if (offset >= fromOffset) found.set(offset, decodeRecord(note, entry))
    }
    return found
  }

  async join(group: string, topics: readonly string[]): Promise<void> {
    const writes = topics.map(topic => ({ put: keys.groupTopic(group, topic), value: encodeRecord({}) }))
    await this.#store.transact({ writes })
  }

  async topicsOf(group: string): Promise<readonly string[]> {
    const found: string[] = []
    for await (const { key } of scanAll(this.#store, keys.groupTopicsOf(group))) found.push(keyParts(key).at(-1)!)
    return found
  }

  async deadLetters(group?: string): Promise<readonly DeadLetter[]> {
    const found: DeadLetter[] = []
    const below = group === undefined ? keys.allBuried() : keys.buriedOf(group)
    for await (const entry of scanAll(this.#store, below)) {
      const { message, partition, offset, attempt, publishedAtMs, failure, ...rest } = decodeRecord(letter, entry)
      const { owner, ...said } = failure
      const received: ReceivedMessage = { ...unpackMessage(message), partition, offset, attempt, publishedAtMs }
      found.push({ ...rest, message: received, failure: { ...said, ...(owner !== undefined && { owner }) } })
    }
    return found.sort((a, b) => a.atMs - b.atMs)
  }

  #burial(dead: DeadLetter): Write {
    const { group, message, failure, atMs } = dead
    const { topic, partition, offset, attempt, publishedAtMs } = message
    const value = { group, message: packMessage(message), partition, offset, attempt, publishedAtMs, failure, atMs }
    return {
      put: keys.buried(group, atMs, topic, partition, offset),
      value: encodeRecord(value),
      ttlMs: this.#ttlMs,
    }
  }
}

const leaseOf = ({ group, topic, partition }: GroupPartition): string => keys.partitionClaim(group, topic, partition)
