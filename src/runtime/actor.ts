/**
 * The actor: one agent in one process. It takes a message, resumes the agent's graph where its thread stands, lets effects
 * happen through the tool host, records what came of it, emits what was decided, and only then acknowledges.
 *
 * Owns: nothing in memory that matters. A thread's state is its checkpoints, a feed's order is the lane it comes in plus the
 * messages parked behind a hold, and who may move a feed on is a lease in the state store.
 *
 * Invariants:
 * 1. One process at a time works for an agent on a feed: the lease; everything written names it and is refused without it.
 * 2. An event that was dealt with is in the inbox, in the transaction that ended its turn; a duplicate does nothing.
 * 3. What a turn emits is in the outbox with the checkpoint that decided it; the outbox is flushed before the message is
 *    acknowledged and whenever an agent starts, so an event may come twice and never not at all.
 * 4. A turn that waits for a person holds no lease and no thread. Later events of the feed are parked behind it in order; the
 *    transaction that ends the waiting run leaves the feed draining, and whoever next finds it so works the parked events off.
 * 5. A terminal failure ends the run, not the feed: it is recorded, said as `run.failed`, and the next event goes on.
 *
 * How it fails: a transient failure of the work is tried again here, with backoff, as policy says, and ends the run after that. One
 * that befalls the bookkeeping around the work, a server that is away, a lost lease and a drain hand the message back: it comes
 * again, however often.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Bus, HandlerOutcome, OutgoingMessage, ReceivedMessage, Subscription } from '../../bus/bus.ts'
import { chain, consumerGroup } from '../../contracts/chain.ts'
import type { SpendingPolicy } from '../../contracts/data/policy.ts'
import type { EventData, ToolCallReport } from '../../contracts/events/events.ts'
import { asFailure, Failure } from '../../contracts/failures.ts'
import type { InboxRecord } from '../state/inbox.ts'
import { keys } from '../state/keys.ts'
import type { LeaseReference } from '../state/store.ts'
import { withLease } from '../state/with-lease.ts'
import { processSpan } from '../telemetry/shapes.ts'
import { Backoff } from './backoff.ts'
import { fromMessage, type IncomingEvent } from './outgoing.ts'
import type { ActorStores } from './stores.ts'
import { Turn, type TurnOptions, Unrecorded } from './turn.ts'

export interface ActorOptions extends Omit<TurnOptions, 'stores' | 'signal'> {
  readonly bus: Bus
  readonly stores: ActorStores
  /** Names this process among those that hold leases. */
  readonly owner: string
  readonly spending: () => Promise<SpendingPolicy>
  /** Feeds worked on at once. */
  readonly concurrency: number
  readonly leaseMs?: number
}

export interface Actor {
  /** Stop taking; let running turns end at their next step; give everything back. */
  drain(timeoutMs: number): Promise<void>
  readonly ended: Promise<void>
}

const defaultLeaseMs = 30_000
const busyRetryMs = 100
/** What is away is looked for soon, then less often: every look is a turn in the trace. */
const awayRetryMs = 250
const longestAwayRetryMs = 4_000
/** Tries of what nobody can hand back. */
const patientTries = 50

export async function startActor(options: ActorOptions): Promise<Actor> {
  const running = new RunningActor(options)
  await running.recover()
  const subscription = await options.bus.subscribe({
    group: consumerGroup(options.agent.name),
    topics: chain[options.agent.name].consumes,
    handler: message => running.take(message),
    concurrency: options.concurrency,
  })
  return { drain: timeoutMs => running.drain(subscription, timeoutMs), ended: subscription.ended }
}

class RunningActor {
  readonly #options: ActorOptions
  readonly #stores: ActorStores
  readonly #name: ActorOptions['agent']['name']
  readonly #stop = new AbortController()
  readonly #turn: Turn

  constructor(options: ActorOptions) {
    this.#options = options
    this.#stores = options.stores
    this.#name = options.agent.name
    this.#turn = new Turn({ ...options, signal: this.#stop.signal })
  }

  /** What a predecessor left: events not yet published, feeds it was about to release. */
  async recover(): Promise<void> {
    await patiently(() => this.#turn.flush())
    for (const { feed, hold } of await patiently(() => this.#stores.parked.holds(this.#name))) {
      if (hold.kind !== 'draining') continue
      // One feed's trouble is met again by its next event; the others start.
      await patiently(() => this.#withLease(feed, lease => this.#goOn(feed, lease))).catch(() => undefined)
    }
  }

  async take(message: ReceivedMessage): Promise<HandlerOutcome> {
    try {
      return await this.#take(message)
    } catch (error) {
      const failure = asFailure(error)
      if (failure.kind !== 'transient') throw error
      return {
        kind: 'retry',
        afterMs: failure.waits ? awayAfterMs(message.attempt) : busyRetryMs,
        reason: `${failure.code}: ${failure.message}`,
      }
    }
  }

  async #take(message: ReceivedMessage): Promise<HandlerOutcome> {
    let event: IncomingEvent
    try {
      event = fromMessage(message)
    } catch (error) {
      await this.#turn.refuse(message, asFailure(error))
      return { kind: 'done' }
    }
    if (event.topic === 'approval.decided' && (event.data as EventData<'approval.decided'>).agent !== this.#name)
      return { kind: 'done' }
    const outcome = await this.#withLease(event.key, lease => this.#inOrder(event, message, lease))
    return outcome ?? { kind: 'retry', afterMs: busyRetryMs, reason: `another process works on ${event.key}` }
  }

  async drain(subscription: Subscription, timeoutMs: number): Promise<void> {
    const draining = subscription.drain(timeoutMs)
    this.#stop.abort(new Failure('DRAINING', `${this.#name} is stopping.`))
    await draining
    await this.#turn.close()
  }

  /** An event takes its place in the feed: done before, parked behind a wait, or next. */
  async #inOrder(event: IncomingEvent, message: OutgoingMessage, lease: LeaseReference): Promise<HandlerOutcome> {
    const feed = event.key
    const { parked } = this.#stores
    let [known, hold] = await Promise.all([this.#known(event), parked.holdOf(this.#name, feed)])
    // Under the lease nobody else lets a feed wait.
    if (event.topic !== 'approval.decided' && known === undefined && hold !== undefined) {
      await this.#goOn(feed, lease)
      const place = await parked.park(this.#name, feed, event.id, message, { checks: [{ lease }] })
      if (place.kind === 'parked') return { kind: 'done' }
      // It may have been parked before, and been worked off just now.
      known = await this.#known(event)
    }
    await this.#once(event, lease, known)
    await this.#goOn(feed, lease)
    return { kind: 'done' }
  }

  #known(event: IncomingEvent): Promise<InboxRecord | undefined> {
    return this.#stores.inbox.find(this.#name, event.id)
  }

  /**
   * An event to the end of its turn; a duplicate only tidies up behind the first. What was decided goes out before anything is tidied
   * up: others wait for it. True when the run now waits for a person.
   */
  async #once(event: IncomingEvent, lease: LeaseReference, known: InboxRecord | undefined): Promise<boolean> {
    try {
      const how = known === undefined ? await this.#work(event, lease) : outcomeOf(known)
      await this.#turn.flush()
      if (how === 'waiting') return known === undefined
      await this.#turn.forget(event, how)
      return false
    } finally {
      this.#turn.leave(event)
    }
  }

  /** Works off what is parked behind a feed that waits no longer, in order, until it is open or waits again. */
  async #goOn(feed: string, lease: LeaseReference): Promise<void> {
    if ((await this.#stores.parked.holdOf(this.#name, feed))?.kind !== 'draining') return
    const along = { checks: [{ lease }] }
    let released = await this.#stores.parked.release(this.#name, feed, undefined, along)
    while (released.kind === 'next') {
      const event = fromMessage(released.message)
      if (await this.#once(event, lease, await this.#known(event))) return
      released = await this.#stores.parked.release(this.#name, feed, released.number, along)
    }
  }

  /** One event to its end, through transient failures. Waiting: for a person. */
  async #work(event: IncomingEvent, lease: LeaseReference): Promise<'done' | 'waiting' | 'failed'> {
    const { telemetry } = this.#options
    const shape = {
      system: this.#options.bus.system,
      topic: event.topic,
      key: event.key,
      group: consumerGroup(this.#name),
    }
    const parent = event.traceparent === undefined ? {} : { traceparent: event.traceparent }
    const [name, span] = processSpan(shape)
    return telemetry.withSpan(name, { ...span, parent, links: [parent], scope: { agent: this.#name } }, async () => {
      let backoff: Backoff | undefined
      const calls: ToolCallReport[] = []
      while (true) {
        try {
          return (await this.#turn.run(event, lease, backoff?.attempt ?? 1, calls)) ? 'waiting' : 'done'
        } catch (error) {
          const failure = asFailure(error)
          const handBack =
            error instanceof Unrecorded ||
            failure.kind === 'cancelled' ||
            failure.code === 'LEASE_LOST' ||
            failure.waits
          if (handBack) throw failure
          if (failure.kind === 'transient') {
            backoff ??= await this.#backoff()
            if (await backoff?.again()) continue
          }
          await this.#turn.fail(event, failure, lease, calls)
          return 'failed'
        }
      }
    })
  }

  /** Asked only when something is to be tried again; a policy that cannot be read grants no further try. */
  #backoff(): Promise<Backoff | undefined> {
    return this.#options.spending().then(
      ({ retry }) => new Backoff(retry, this.#stop.signal),
      () => undefined,
    )
  }

  /** Runs `work` under the feed's lease, renewed while it lasts; undefined when another process has it. */
  async #withLease<T>(feed: string, work: (lease: LeaseReference) => Promise<T>): Promise<T | undefined> {
    const { store } = this.#stores
    const { owner, leaseMs = defaultLeaseMs } = this.#options
    const name = keys.threadLease(`${this.#name}/${feed}`)
    const release = (lease: LeaseReference) => patiently(() => store.releaseLease(lease))
    return (await withLease(store, { name, owner, leaseMs }, work, release))?.value
  }
}

const outcomeOf = ({ outcome }: InboxRecord): 'done' | 'waiting' | 'failed' =>
  outcome === 'done' || outcome === 'waiting' ? outcome : 'failed'

const awayAfterMs = (attempt: number): number =>
  Math.min(awayRetryMs * 2 ** Math.min(attempt - 1, 10), longestAwayRetryMs)

/** For what nobody can hand back: tried again while it fails in passing. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      if (asFailure(error).kind !== 'transient' || tries >= patientTries) throw error
      await delay(busyRetryMs)
    }
  }
}
