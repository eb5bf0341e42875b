/**
 * Faults on top of the embedded twins, for the simulator. A wrapper does nothing that the interface does not allow.
 *
 * A `Crash` is the death of the process whose `Life` the wrapped store and bus share: from then on every call of either
 * throws it, and a handler that saw it never settles. The simulator then abandons the twins and opens fresh ones.
 */
import type { Bus, HandlerOutcome, OutgoingMessage, ReceivedMessage } from '../../bus/bus.ts'
import { Failure } from '../../contracts/failures.ts'
import type { StateStore } from '../../src/state/store.ts'
import type { Random } from './random.ts'

/** Not a Failure on purpose: no code under test may recover from it. */
export class Crash extends Error {
  constructor(where: string) {
    super(`The simulated process died ${where}.`)
    this.name = 'Crash'
  }
}

/** One simulated process. */
export class Life {
  readonly #atDeath: ((crash: Crash) => void)[]
  #crash: Crash | undefined

  constructor(...atDeath: readonly ((crash: Crash) => void)[]) {
    this.#atDeath = [...atDeath]
  }

  /** What else ends with it. */
  atDeath(work: (crash: Crash) => void): void {
    this.#atDeath.push(work)
  }

  /** What the process died of, if it did. */
  get crash(): Crash | undefined {
    return this.#crash
  }

  /** Dies here if `now`; throws if it is dead. */
  risk(where: string, now: boolean): void {
    if (now) this.end(where)
    if (this.#crash !== undefined) throw this.#crash
  }

  /** Dies of something outside. */
  end(where: string): void {
    if (this.#crash !== undefined) return
    this.#crash = new Crash(where)
    for (const work of this.#atDeath) work(this.#crash)
  }
}

export interface BusFaults {
  /** The handler is done, but its acknowledgement is lost: the message comes again. */
  readonly loseAcknowledgement?: number
  /** A published message is on the log twice. */
  readonly duplicate?: number
  /** A published message is on the log once more, behind others: as a process that was replaced sends it. */
  readonly lateDuplicate?: number
  /** Publishing fails in passing; the messages may be on the log all the same. */
  readonly refuse?: number
  /** A handler starts late, so that messages of other keys overtake. */
  readonly delay?: number
  readonly maxDelayMs?: number
  /** Dies before or after publishing. */
  readonly crash?: number
  readonly life?: Life
}

const never = () => new Promise<never>(() => {})

export function faultyBus(bus: Bus, random: Random, faults: BusFaults): Bus {
  const happens = (probability = 0) => random.chance(probability)
  const life = faults.life ?? new Life()
  const lossy =
    (handler: (message: ReceivedMessage) => Promise<HandlerOutcome>) => async (message: ReceivedMessage) => {
      if (happens(faults.delay)) {
        await new Promise(resolve => setTimeout(resolve, random.integer(faults.maxDelayMs ?? 5)))
      }
      try {
        const outcome = await handler(message)
        const lost = outcome.kind === 'done' && happens(faults.loseAcknowledgement)
        return lost ? ({ kind: 'retry', afterMs: 0, reason: 'the acknowledgement was lost' } as const) : outcome
      } catch (error) {
        if (error instanceof Crash) return never()
        throw error
      }
    }
  const late: OutgoingMessage[] = []
  const refuse = () => {
    if (happens(faults.refuse)) throw new Failure('STATE_BUSY', 'The simulated bus is busy.')
  }
  return {
    system: bus.system,
    get running() {
      return bus.running
    },
    async publish(messages) {
      life.risk('before publishing', happens(faults.crash))
      refuse()
      const again = late.splice(0, random.integer(late.length + 1))
      late.push(...messages.filter(() => happens(faults.lateDuplicate)))
      const twice = messages.flatMap(message => (happens(faults.duplicate) ? [message, message] : [message]))
      await bus.publish([...twice, ...again])
      refuse()
      life.risk('after publishing', happens(faults.crash))
    },
    subscribe: options => bus.subscribe({ ...options, handler: lossy(options.handler) }),
    lag: group => bus.lag(group),
    idle: () => bus.idle(),
    deadLetters: group => bus.deadLetters(group),
    close: () => bus.close(),
  }
}

export interface StoreFaults {
  /** The chance to die at each await, once before and once after the call took effect. */
  readonly crash?: number
  /** Dies at exactly this await, counted from 1: two per call. */
  readonly crashAt?: number
  /** A call fails in passing and has done nothing. */
  readonly busy?: number
  /** A lease is not renewed, though whoever holds it goes on. */
  readonly loseLease?: number
  readonly life?: Life
}

export interface FaultyStore extends StateStore {
  /** Awaits so far, to choose a `crashAt` from. */
  readonly awaits: number
}

export function faultyStore(store: StateStore, random: Random, faults: StoreFaults): FaultyStore {
  const life = faults.life ?? new Life()
  let awaits = 0
  const mayCrash = (where: string) => {
    awaits += 1
    life.risk(`${where} (await ${awaits})`, awaits === faults.crashAt || random.chance(faults.crash ?? 0))
  }
  const dangerous =
    <Arguments extends unknown[], Result>(name: string, call: (...args: Arguments) => Promise<Result>) =>
    async (...args: Arguments): Promise<Result> => {
      mayCrash(`before ${name}`)
      if (random.chance(faults.busy ?? 0)) throw new Failure('STATE_BUSY', 'The simulated store is busy.')
      const result = await call(...args)
      mayCrash(`after ${name}`)
      return result
    }
  return {
    get awaits() {
      return awaits
    },
    get: dangerous('get', key => store.get(key)),
    getMany: dangerous('getMany', keys => store.getMany(keys)),
    scan: dangerous('scan', options => store.scan(options)),
    transact: dangerous('transact', transaction => store.transact(transaction)),
    acquireLease: dangerous('acquireLease', (name, owner, ttlMs) => store.acquireLease(name, owner, ttlMs)),
    renewLease: dangerous('renewLease', async (lease, ttlMs) =>
      random.chance(faults.loseLease ?? 0) ? true : store.renewLease(lease, ttlMs),
    ),
    releaseLease: dangerous('releaseLease', lease => store.releaseLease(lease)),
    sweep: dangerous('sweep', limit => store.sweep(limit)),
    close: () => store.close(),
  }
}
