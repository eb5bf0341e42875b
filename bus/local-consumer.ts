/**
 * One subscription of the local bus: claims partitions, reads ahead into lanes, runs handlers, records outcomes.
 *
 * Owns: its owner id, the claims, the lanes, two timers. The lanes hold positions and keys; a body is read when its handler
 * starts, so reading far ahead of a held key costs little.
 *
 * Invariants:
 * 1. An outcome is recorded before the lane moves on, so a key's next message never starts before the last one's end is kept.
 * 2. Nothing is recorded for a claim that was lost: the new owner delivers the message again.
 * 3. A partition that another member should have is given back only when none of its handlers runs.
 * 4. While draining nothing new starts.
 *
 * Fails by: trying a busy database again on its next turn; any other database error ends the subscription and rejects `ended`.
 */
import { Failure } from '../contracts/failures.ts'
import type { DrainResult, ReceivedMessage, RetryPolicy, SubscribeOptions, Subscription } from './bus.ts'
import { IdleWaiters } from './idle-waiters.ts'
import { type LaneItem, Lanes } from './lanes.ts'
import type { Claim, LocalGroups, Member } from './local-groups.ts'
import { defaultRetry, type Settlement, settlementOfError } from './outcome.ts'
import { claimOwner } from './owner.ts'

export interface ConsumerTimings {
  readonly partitions: number
  readonly leaseMs: number
  readonly heartbeatMs: number
  readonly pollMs: number
  /** Messages read and not finished, bodies aside, at most. */
  readonly readAhead: number
}

interface Item extends LaneItem {
  readonly claim: Claim
  failures: number
}

interface Reading {
  readonly claim: Claim
  /** Where reading goes on. */
  cursor: number
  /** Whether there may be more to read. */
  more: boolean
  /** Another member should have it: nothing new starts, and it is given back when nothing of it runs. */
  leaving: boolean
}

type State = { readonly kind: 'running' } | { readonly kind: 'draining' } | { readonly kind: 'ended' }

const pageSize = 256

export class LocalConsumer implements Subscription {
  readonly ended: Promise<void>
  readonly #end: { resolve: () => void; reject: (error: unknown) => void }
  readonly #groups: LocalGroups
  readonly #options: SubscribeOptions
  readonly #timings: ConsumerTimings
  readonly #onEnd: () => void
  readonly #retry: RetryPolicy
  readonly #owner = claimOwner()
  readonly #me: Member
  readonly #lanes: Lanes<Item>
  readonly #readings = new Map<string, Reading>()
  readonly #idleWaiters = new IdleWaiters()
  #state: State = { kind: 'running' }
  #heartbeat: NodeJS.Timeout | undefined
  #wake: NodeJS.Timeout | undefined
  #dataVersion = -1
  #turnIsDue = false

  /** @param onEnd called once, whatever ends the subscription; who wants the reason awaits `ended` */
  constructor(groups: LocalGroups, options: SubscribeOptions, timings: ConsumerTimings, onEnd: () => void) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.ended = promise
    this.#end = { resolve, reject }
    this.#groups = groups
    this.#options = options
    this.#timings = timings
    this.#onEnd = onEnd
    this.#retry = { ...defaultRetry, ...options.retry }
    this.#me = { group: options.group, owner: this.#owner.id, topics: [...new Set(options.topics)] }
    this.#lanes = new Lanes(options.concurrency ?? 16)
  }

  /** Handlers at work. */
  get running(): number {
    return this.#lanes.running
  }

  /** Joins the group; throws what the database throws. */
  start(): void {
    try {
      this.#rebalance()
    } catch (error) {
      this.abandon()
      throw error
    }
    this.#heartbeat = setInterval(() => this.#guarded(() => this.#rebalance()), this.#timings.heartbeatMs)
    this.notify()
  }

  /** There may be something new on the log. */
  notify(): void {
    for (const reading of this.#readings.values()) reading.more = true
    this.#turn()
  }

  async drain(timeoutMs: number): Promise<DrainResult> {
    if (this.#state.kind === 'running') this.#state = { kind: 'draining' }
    if (this.#lanes.running > 0 && timeoutMs > 0) await this.#idleWaiters.wait(timeoutMs)
    const unfinished = this.#lanes.running
    await this.close()
    return unfinished === 0 ? { kind: 'drained' } : { kind: 'timeout', unfinished }
  }

  async close(): Promise<void> {
    if (this.#state.kind === 'ended') return
    this.#stop()
    try {
      this.#groups.leave(this.#me)
    } finally {
      this.#end.resolve()
    }
  }

  /** Stops as if the process were killed: nothing is given back, nothing more is recorded. */
  abandon(): void {
    if (this.#state.kind === 'ended') return
    this.#stop()
    this.#end.resolve()
  }

  #stop(): void {
    this.#state = { kind: 'ended' }
    clearInterval(this.#heartbeat)
    clearTimeout(this.#wake)
    this.#owner.release()
    this.#idleWaiters.tell()
    this.#onEnd()
  }

  /** Asks for one turn soon; many asks make one turn. */
  #turn(): void {
    if (this.#turnIsDue || this.#state.kind !== 'running') return
    this.#turnIsDue = true
    setImmediate(() => {
      this.#turnIsDue = false
      // Draining may have begun since the turn was asked for.
      if (this.#state.kind === 'running') this.#guarded(() => this.#takeTurn())
    })
  }

  #takeTurn(): void {
    const seen = this.#groups.dataVersion()
    if (seen !== this.#dataVersion) {
      this.#dataVersion = seen
      for (const reading of this.#readings.values()) reading.more = true
    }
    this.#surrender()
    for (const [source, reading] of this.#readings) if (!reading.leaving) this.#readAhead(source, reading)
    for (const item of this.#lanes.take(Date.now())) this.#run(item)
    const wakeInMs = (this.#lanes.nextWakeMs() ?? Infinity) - Date.now()
    clearTimeout(this.#wake)
    this.#wake = setTimeout(() => this.#turn(), Math.max(1, Math.min(wakeInMs, this.#timings.pollMs)))
  }

  #readAhead(source: string, reading: Reading): void {
    while (reading.more && this.#lanes.size < this.#timings.readAhead) {
      const page = this.#groups.read(reading.claim, reading.cursor, pageSize)
      reading.more = page.length === pageSize
      for (const { position, key, failures, retryAtMs, done } of page) {
        reading.cursor = position + 1
        if (done) this.#lanes.skip(source, position)
        else this.#lanes.add({ source, offset: position, key, claim: reading.claim, failures }, retryAtMs)
      }
    }
  }

  #run(item: Item): void {
    try {
      const message = this.#groups.start(item.claim, item.offset)
      if (message === undefined) this.#lose(item)
      else void this.#handle(item, message)
    } catch (error) {
      this.#lanes.hold(item, Date.now() + this.#timings.pollMs)
      if (!isTransient(error)) throw error
    }
  }

  async #handle(item: Item, message: ReceivedMessage): Promise<void> {
    let settlement: Settlement
    try {
      settlement = await this.#options.handler(message)
    } catch (error) {
      settlement = settlementOfError(error, item.failures, this.#retry)
      if (settlement.kind === 'retry') item.failures += 1
    }
    this.#settle(item, message, settlement)
  }

  /** Records the outcome; while the database is busy the message stays running and recording is tried again. */
  #settle(item: Item, message: ReceivedMessage, settlement: Settlement): void {
    if (this.#state.kind === 'ended') {
      this.#lanes.finish(item)
      if (this.#lanes.running === 0) this.#idleWaiters.tell()
      return
    }
    const recorded = this.#guarded(() => this.#record(item, message, settlement))
    if (!recorded) setTimeout(() => this.#settle(item, message, settlement), this.#timings.pollMs)
    else if (this.#lanes.running === 0 && this.#state.kind === 'draining') this.#idleWaiters.tell()
    this.#turn()
  }

  #record(item: Item, message: ReceivedMessage, settlement: Settlement): void {
    const { claim, offset, source, failures } = item
    const nowMs = Date.now()
    if (settlement.kind === 'done' || settlement.kind === 'dead') {
      const watermark = this.#lanes.watermark(source, offset) ?? 0
      const died = settlement.kind === 'dead' ? { failure: settlement.failure, atMs: nowMs } : undefined
      if (this.#groups.finish(claim, message, watermark, died)) this.#lanes.finish(item)
      else this.#lose(item)
      return
    }
    const back = settlement.kind === 'handed-back'
    const retryAtMs = nowMs + (back ? this.#retry.baseMs : settlement.afterMs)
    const next = { retryAtMs, failures, attempt: message.attempt - (back ? 1 : 0) }
    if (this.#groups.retry(claim, offset, next)) this.#lanes.hold(item, retryAtMs)
    else this.#lose(item)
  }

  /** Another consumer has the partition of this running message now. */
  #lose(item: Item): void {
    if (this.#readings.get(item.source)?.claim.epoch === item.claim.epoch) this.#forget(item.source)
    this.#lanes.finish(item)
  }

  #forget(source: string): void {
    this.#readings.delete(source)
    this.#lanes.drop(source)
  }

  #rebalance(): void {
    const { leaseMs, partitions } = this.#timings
    const owned = new Map<string, { claim: Claim; wanted: boolean }>()
    for (const assignment of this.#groups.rebalance(this.#me, Date.now(), leaseMs, partitions)) {
      owned.set(`${assignment.claim.partition}/${assignment.claim.topic}`, assignment)
    }
    for (const [source, { claim }] of this.#readings)
      if (owned.get(source)?.claim.epoch !== claim.epoch) this.#forget(source)
    for (const [source, { claim, wanted }] of owned) {
      const reading = this.#readings.get(source)
      if (reading === undefined)
        this.#readings.set(source, { claim, cursor: claim.committed, more: true, leaving: !wanted })
      else if (!wanted && !reading.leaving) {
        reading.leaving = true
        this.#lanes.drop(source)
      }
    }
    this.#turn()
  }

  #surrender(): void {
    for (const [source, { claim, leaving }] of this.#readings) {
      if (!leaving || this.#lanes.runningOf(source) > 0) continue
      this.#readings.delete(source)
      this.#groups.surrender(claim)
    }
  }

  /** False when the database was busy; any other error ends the subscription. */
  #guarded(body: () => void): boolean {
    if (this.#state.kind === 'ended') return true
    try {
      body()
      return true
    } catch (error) {
      if (isTransient(error)) {
        clearTimeout(this.#wake)
        this.#wake = setTimeout(() => this.#turn(), this.#timings.pollMs)
        return false
      }
      this.#stop()
      this.#end.reject(error)
      return true
    }
  }
}

function isTransient(error: unknown): boolean {
  return error instanceof Failure && error.kind === 'transient'
}
