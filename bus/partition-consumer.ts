/**
 * One member of a consumer group over a partitioned log: takes what is read of its partitions into lanes, runs handlers, notes
 * outcomes, and says how far the log may be acknowledged. It knows nothing of how the log is read: kafka.ts feeds it.
 *
 * Owns: an owner id, a claim for every partition it works on, the lanes with the messages read and not finished, three timers.
 *
 * Invariants:
 * 1. A message starts only under a claim of its partition, noted before with its attempt; so a crash counts.
 * 2. An outcome that the acknowledged offset cannot tell is noted before the lane moves on: a retry, a message finished above an
 *    unfinished one, a dead letter.
 * 3. The offset acknowledged is the watermark of the lanes: everything below it is finished.
 * 4. A partition that goes to another member is let go when nothing of it runs any more, or after `rebalanceTimeoutMs`; until then
 *    the claim keeps the other from starting. Outcomes of a claim that was lost are not recorded: the message is delivered again.
 * 5. While draining nothing new starts.
 *
 * Fails by: trying again while the notes cannot be written; acknowledging later what cannot be acknowledged now.
 */
import { asFailure } from '../contracts/failures.ts'
import type { DrainResult, ReceivedMessage, RetryPolicy, SubscribeOptions } from './bus.ts'
import type { DeliveryNote, DeliveryNotes, GroupPartition, NoteChanges, PartitionClaim } from './delivery-notes.ts'
import { IdleWaiters } from './idle-waiters.ts'
import { type LaneItem, Lanes } from './lanes.ts'
import { defaultRetry, type Settlement, settlementOfError } from './outcome.ts'
import { claimOwner } from './owner.ts'
import type { LogMessage, PartitionLog, PartitionTimings } from './partition-log.ts'

interface Item extends LaneItem {
  readonly reading: Reading
  readonly message: LogMessage
  note: DeliveryNote
}

/** A partition this member works on. */
interface Reading extends GroupPartition {
  readonly source: string
  readonly claim: PartitionClaim
  readonly notes: ReadonlyMap<number, DeliveryNote>
  /** One past the last message taken in; undefined before the first. */
  next: number | undefined
  committed: number
  /** Offsets with a note that has come to mean nothing. */
  readonly stale: Set<number>
  /** Offsets noted as finished above the watermark. */
  readonly doneAbove: Set<number>
  full: boolean
  leaving: boolean
}

type State = { readonly kind: 'running' } | { readonly kind: 'draining' } | { readonly kind: 'ended' }

const claimPollMs = 50
const troubleMs = 200

export class PartitionConsumer {
  readonly #options: SubscribeOptions
  readonly #notes: DeliveryNotes
  readonly #log: PartitionLog
  readonly #timings: PartitionTimings
  readonly #retry: RetryPolicy
  readonly #owner = claimOwner()
  readonly #lanes: Lanes<Item>
  readonly #readings = new Map<string, Reading>()
  /** What the group has given this member, by source. */
  #assigned = new Map<string, GroupPartition>()
  readonly #admitting = new Set<string>()
  readonly #idleWaiters = new IdleWaiters()
  readonly #renewal: NodeJS.Timeout
  #wake: NodeJS.Timeout | undefined
  #committing: Promise<void> | undefined
  #commitTimer: NodeJS.Timeout | undefined
  #turnIsDue = false
  #state: State = { kind: 'running' }

  constructor(options: SubscribeOptions, notes: DeliveryNotes, log: PartitionLog, timings: PartitionTimings) {
    this.#options = options
    this.#notes = notes
    this.#log = log
    this.#timings = timings
    this.#retry = { ...defaultRetry, ...options.retry }
    this.#lanes = new Lanes(options.concurrency ?? 16)
    this.#renewal = setInterval(() => void this.#renew(), timings.claimMs / 3)
  }

  /** Handlers at work. */
  get running(): number {
    return this.#lanes.running
  }

  /** One past the last finished message of a partition, as far as this member knows. */
  finishedUpTo(topic: string, partition: number): number | undefined {
    return this.#lanes.watermark(sourceOf(topic, partition))
  }

  /** The group has given this member these partitions, and no others. */
  assign(partitions: readonly GroupPartition[]): void {
    if (this.#state.kind === 'ended') return
    this.#assigned = new Map(partitions.map(each => [sourceOf(each.topic, each.partition), each]))
    for (const reading of this.#readings.values()) if (!this.#assigned.has(reading.source)) this.#leave(reading)
    for (const [source, { topic, partition }] of this.#assigned) {
      const reading = this.#readings.get(source)
      if (reading !== undefined && !reading.leaving) continue
      this.#log.pause(topic, partition)
      this.#admitSoon(source)
    }
  }

  /**
   * Takes in what was read of a partition, in order of offsets. What was taken in before is passed over. Returns how many are taken
   * care of: the rest is to be read again.
   */
  receive(topic: string, partition: number, messages: readonly LogMessage[]): number {
    const reading = this.#readings.get(sourceOf(topic, partition))
    if (this.#state.kind === 'ended' || reading === undefined || reading.leaving) return 0
    for (const message of messages) {
      const { offset, key } = message
      if (reading.next !== undefined && offset < reading.next) continue
      reading.next = offset + 1
      const note = reading.notes.get(offset) ?? { attempts: 0, failures: 0 }
      if (note.done) {
        this.#lanes.skip(reading.source, offset)
        reading.doneAbove.add(offset)
      } else this.#lanes.add({ source: reading.source, offset, key, reading, message, note }, note.retryAtMs)
    }
    if (this.#lanes.size >= this.#timings.readAhead) {
      reading.full = true
      this.#log.pause(topic, partition)
    }
    this.#commitSoon()
    this.#turn()
    return messages.length
  }

  async drain(timeoutMs: number): Promise<DrainResult> {
    if (this.#state.kind === 'running') this.#state = { kind: 'draining' }
    if (this.#lanes.running > 0 && timeoutMs > 0) await this.#idleWaiters.wait(timeoutMs)
    const unfinished = this.#lanes.running
    return unfinished === 0 ? { kind: 'drained' } : { kind: 'timeout', unfinished }
  }

  /** Acknowledges what is finished and gives every partition back; running handlers come to nothing. */
  async close(): Promise<void> {
    if (this.#state.kind === 'ended') return
    this.#stop()
    await this.#committing
    await this.#commit().catch(() => undefined)
    await Promise.all([...this.#readings.values()].map(reading => this.#release(reading)))
    this.#owner.release()
  }

  /** Stops as if the process were killed. */
  abandon(): void {
    if (this.#state.kind === 'ended') return
    this.#stop()
    this.#owner.release()
  }

  #stop(): void {
    this.#state = { kind: 'ended' }
    clearInterval(this.#renewal)
    clearTimeout(this.#wake)
    clearTimeout(this.#commitTimer)
    this.#idleWaiters.tell()
  }

  #admitSoon(source: string): void {
    void this.#admit(source).catch(error => this.#log.fault(error))
  }

  /** Claims a partition as soon as it is free, reads its notes, and lets reading begin. */
  async #admit(source: string): Promise<void> {
    if (this.#admitting.has(source)) return
    this.#admitting.add(source)
    try {
      while (this.#state.kind === 'running') {
        const wanted = this.#assigned.get(source)
        if (wanted === undefined || this.#readings.get(source)?.leaving === false) return
        const reading = await this.#claim(source, wanted).catch(error => {
          if (asFailure(error).kind !== 'transient') throw error
          return undefined
        })
        if (reading === undefined) await pause(claimPollMs)
        else {
          // It may have gone to another member while its notes were read.
          if (!this.#assigned.has(source) || this.#state.kind !== 'running') await this.#release(reading)
          else {
            this.#readings.set(source, reading)
            this.#log.resume(wanted.topic, wanted.partition)
          }
          return
        }
      }
    } finally {
      this.#admitting.delete(source)
    }
  }

  async #claim(source: string, { group, topic, partition }: GroupPartition): Promise<Reading | undefined> {
    const claim = await this.#notes.claim({ group, topic, partition }, this.#owner.id, this.#timings.claimMs)
    if (claim === undefined) return undefined
    const notes = await this.#notes.read(claim, 0)
    const own = { next: undefined, committed: -1, full: false, leaving: false }
    return { group, topic, partition, source, claim, notes, ...own, stale: new Set(), doneAbove: new Set() }
  }

  /** Another member is to have the partition: what has not begun is its, what runs may end. */
  #leave(reading: Reading): void {
    if (reading.leaving) return
    reading.leaving = true
    this.#lanes.drop(reading.source)
    if (this.#lanes.runningOf(reading.source) === 0) void this.#release(reading)
    else setTimeout(() => void this.#release(reading), this.#timings.rebalanceTimeoutMs).unref()
  }

  async #release(reading: Reading): Promise<void> {
    if (this.#readings.get(reading.source) === reading) this.#readings.delete(reading.source)
    // One that cannot be given back runs out.
    await this.#notes.release(reading.claim).catch(() => undefined)
  }

  /** The claim was lost: somebody else may be at work. What the group still gives to this member is claimed anew and read again. */
  #lose(reading: Reading): void {
    if (this.#readings.get(reading.source) !== reading) return
    const from = this.#lanes.watermark(reading.source)
    this.#readings.delete(reading.source)
    this.#lanes.drop(reading.source)
    if (!this.#assigned.has(reading.source) || this.#state.kind === 'ended') return
    this.#log.pause(reading.topic, reading.partition)
    if (from !== undefined) this.#log.seek(reading.topic, reading.partition, from)
    this.#admitSoon(reading.source)
  }

  async #renew(): Promise<void> {
    await Promise.all(
      [...this.#readings.values()].map(async reading => {
        const held = await this.#notes.renew(reading.claim, this.#timings.claimMs).catch(() => true)
        if (!held) this.#lose(reading)
      }),
    )
  }

  /** Asks for one turn soon; many asks make one turn. */
  #turn(): void {
    if (this.#turnIsDue || this.#state.kind !== 'running') return
    this.#turnIsDue = true
    setImmediate(() => {
      this.#turnIsDue = false
      if (this.#state.kind === 'running') this.#takeTurn()
    })
  }

  #takeTurn(): void {
    for (const item of this.#lanes.take(Date.now())) void this.#run(item).catch(error => this.#log.fault(error))
    clearTimeout(this.#wake)
    const wakeMs = this.#lanes.nextWakeMs()
    if (wakeMs !== undefined) this.#wake = setTimeout(() => this.#turn(), Math.max(1, wakeMs - Date.now()))
    if (this.#lanes.size > this.#timings.readAhead / 2) return
    for (const reading of this.#readings.values()) {
      if (!reading.full || reading.leaving) continue
      reading.full = false
      this.#log.resume(reading.topic, reading.partition)
    }
  }

  async #run(item: Item): Promise<void> {
    const { attempts, failures } = item.note
    item.note = { attempts: attempts + 1, failures }
    const begun = await this.#note(item, { put: [[item.offset, item.note]] })
    if (!begun) return
    const message: ReceivedMessage = { ...item.message, attempt: item.note.attempts }
    let settlement: Settlement
    try {
      settlement = await this.#options.handler(message)
    } catch (error) {
      settlement = settlementOfError(error, failures, this.#retry)
      if (settlement.kind === 'retry') item.note = { ...item.note, failures: failures + 1 }
    }
    await this.#settle(item, message, settlement)
    if (this.#lanes.running === 0) this.#idleWaiters.tell()
    const { reading } = item
    if (reading.leaving && this.#lanes.runningOf(reading.source) === 0) void this.#release(reading)
    this.#turn()
  }

  async #settle(item: Item, message: ReceivedMessage, settlement: Settlement): Promise<void> {
    const { reading, offset, note } = item
    if (settlement.kind === 'retry' || settlement.kind === 'handed-back') {
      const back = settlement.kind === 'handed-back'
      const retryAtMs = Date.now() + (back ? this.#retry.baseMs : settlement.afterMs)
      item.note = { ...note, attempts: note.attempts - (back ? 1 : 0), retryAtMs }
      if (!(await this.#note(item, { put: [[offset, item.note]] }))) return
      if (this.#state.kind === 'ended') this.#lanes.finish(item)
      else this.#lanes.hold(item, retryAtMs)
      return
    }
    const { group } = reading
    const buried = settlement.kind === 'dead' ? { buried: letterOf(group, message, settlement.failure) } : {}
    const isOldest =
      this.#readings.get(reading.source) === reading &&
      !reading.leaving &&
      this.#lanes.watermark(reading.source) === offset
    const put = isOldest ? {} : { put: [[offset, { ...note, done: true }]] as const }
    // The oldest one that went well is told by the offset that is acknowledged, and by nothing else.
    const plain = isOldest && settlement.kind === 'done'
    if (!plain && !(await this.#note(item, { ...put, ...buried }))) return
    if (this.#state.kind === 'ended' && plain) {
      this.#lanes.finish(item)
      return
    }
    if (isOldest) reading.stale.add(offset)
    else reading.doneAbove.add(offset)
    this.#lanes.finish(item)
    this.#commitSoon()
  }

  /** Writes notes until they are written; false when the claim is lost or the member has ended, and then the item is out of the lanes. */
  async #note(item: Item, changes: NoteChanges): Promise<boolean> {
    const { reading } = item
    while (this.#state.kind !== 'ended') {
      const forget = [...reading.stale]
      try {
        if (await this.#notes.write(reading.claim, { ...changes, forget })) {
          for (const offset of forget) reading.stale.delete(offset)
          return true
        }
        this.#lose(reading)
        break
      } catch (error) {
        if (asFailure(error).kind !== 'transient') throw error
        await pause(troubleMs)
      }
    }
    this.#lanes.finish(item)
    return false
  }

  #commitSoon(): void {
    if (this.#commitTimer !== undefined || this.#state.kind === 'ended') return
    this.#commitTimer = setTimeout(() => {
      this.#committing = this.#commit()
        .catch(() => pause(troubleMs).then(() => true))
        .then(more => {
          this.#commitTimer = undefined
          if (more) this.#commitSoon()
        })
    }, this.#timings.commitEveryMs)
  }

  /** Acknowledges the watermarks; true when one has moved meanwhile. */
  async #commit(): Promise<boolean> {
    const due = this.#due()
    if (due.length === 0) return false
    await this.#log.commit(due.map(({ reading, offset }) => ({ ...reading, offset })))
    for (const { reading, offset } of due) {
      reading.committed = offset
      for (const above of reading.doneAbove) {
        if (above >= offset) continue
        reading.doneAbove.delete(above)
        reading.stale.add(above)
      }
    }
    return this.#due().length > 0
  }

  #due(): { readonly reading: Reading; readonly offset: number }[] {
    return [...this.#readings.values()].flatMap(reading => {
      const offset = reading.leaving ? undefined : this.#lanes.watermark(reading.source)
      return offset === undefined || offset <= reading.committed ? [] : [{ reading, offset }]
    })
  }
}

const sourceOf = (topic: string, partition: number): string => `${topic}/${partition}`

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

function letterOf(group: string, message: ReceivedMessage, failure: ReturnType<typeof asFailure>) {
  const { code, message: said, wayOut, owner } = failure
  const told = { code, message: said, wayOut, ...(owner !== undefined && { owner }) }
  return { group, message, failure: told, atMs: Date.now() }
}
