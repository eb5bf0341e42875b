/**
 * Runs one schedule to its end: starts processes and starts them again when they die, brings the deliveries, answers what waits for
 * a person, and then looks whether everything is as it must be.
 *
 * A seed fixes what comes, what is answered and which faults are drawn; when timers of the system fire it does not, so a failure that
 * needs an unlucky moment may want the same seed several times.
 */
import { rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { LocalBus } from '../../bus/local.ts'
import { agentNames, consumerGroup } from '../../contracts/chain.ts'
import { feedKey } from '../../contracts/data/common.ts'
import type { Delivery } from '../../contracts/data/delivery.ts'
import { Failure } from '../../contracts/failures.ts'
import { Deliveries } from '../../src/intake/deliveries.ts'
import { decideApproval, peopleOutbox } from '../../src/runtime/decide-approval.ts'
import { deliveryId, digest, runId } from '../../src/runtime/identity.ts'
import { intakeOutbox, startRun } from '../../src/runtime/start-run.ts'
import { type ActorStores, actorStores } from '../../src/runtime/stores.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import { spending } from './documents.ts'
import { answerOf } from './expected.ts'
import { faultsOf } from './invariants.ts'
import { memoryFolder } from './memory-folder.ts'
import { busTimings, files, type Place, type Sabotage, type SimProcess, startProcess } from './process.ts'
import { type Random, seeded } from './random.ts'
import type { PlannedDelivery, Schedule } from './schedule.ts'
import { World } from './world.ts'

export interface Outcome {
  readonly seed: number
  /** What is not as it must be; empty for a good end. */
  readonly faults: readonly string[]
  readonly crashes: number
  /** Awaits of the state store by the processes that came to a good end. */
  readonly awaits: number
}

export interface SimulateOptions {
  readonly sabotage?: Sabotage
  /** Leaves the files of a schedule that failed where they are, and says where. */
  readonly keep?: boolean
}

const unharmed: Sabotage = stores => stores
/** Nothing that moves needs longer. */
const patienceMs = 60_000
/** A schedule that stands still this long, with runs that have not ended, will never end. */
const stillMs = 1_500

export async function simulate(schedule: Schedule, options: SimulateOptions = {}): Promise<Outcome> {
  const folder = await memoryFolder('sim')
  const simulation = new Simulation(schedule, folder, options.sabotage ?? unharmed)
  let keeps = false
  try {
    const outcome = await simulation.run()
    keeps = options.keep === true && outcome.faults.length > 0
    return keeps ? { ...outcome, faults: [...outcome.faults, `its files are in ${folder}`] } : outcome
  } finally {
    await simulation.close()
    if (!keeps) await rm(folder, { recursive: true, force: true })
  }
}

class Simulation {
  readonly #schedule: Schedule
  readonly #place: Place
  readonly #random: Random
  readonly #deliveries: readonly { readonly planned: PlannedDelivery; readonly delivery: Delivery }[]
  /** Read what is there, and are no part of what is simulated. */
  readonly #stores: ActorStores
  readonly #bus: LocalBus
  #processes: SimProcess[] = []
  #started = 0
  #crashes = 0
  #awaits = 0

  constructor(schedule: Schedule, folder: string, sabotage: Sabotage) {
    this.#schedule = schedule
    this.#random = seeded(schedule.seed ^ 0x5eed)
    // Where a call may go on behind the back of whoever takes over, only write keys can tell.
    const world = new World(schedule.faults.loseLease + schedule.faults.restart > 0)
    this.#place = { folder, world, sabotage, faults: schedule.faults, random: this.#random }
    this.#deliveries = schedule.deliveries.map(planned => {
      const delivery = deliveryOf(planned)
      world.plan(delivery.id, planned)
      return { planned, delivery }
    })
    this.#stores = actorStores(new SqliteStateStore({ path: files(folder).state }))
    this.#bus = new LocalBus({ path: files(folder).bus, ...busTimings })
  }

  async run(): Promise<Outcome> {
    await this.#untilStill()
    for (const process of this.#processes.splice(0)) await this.#stop(process)
    const planned = new Map(this.#deliveries.map(({ delivery, planned }) => [runOf(delivery), planned]))
    const { world, folder, faults } = this.#place
    const remains = { world, planned, stores: this.#stores, bus: this.#bus, journalFile: files(folder).journal, faults }
    return {
      seed: this.#schedule.seed,
      faults: await faultsOf(remains),
      crashes: this.#crashes,
      awaits: this.#awaits,
    }
  }

  async #untilStill(): Promise<void> {
    const deadlineMs = Date.now() + patienceMs
    let stillSinceMs: number | undefined
    while (Date.now() < deadlineMs) {
      const still = this.#processes.length > 0 && (await this.#isStill())
      if (still && (await this.#haveEnded())) return
      stillSinceMs = still ? (stillSinceMs ?? Date.now()) : undefined
      if (stillSinceMs !== undefined && Date.now() - stillSinceMs > stillMs) return
      await this.#keepAlive()
      const process = this.#processes[this.#random.integer(this.#processes.length)]
      if (process !== undefined) await this.#outside(process)
      await delay(4)
    }
  }

  async close(): Promise<void> {
    for (const { life } of this.#processes.splice(0)) life.end('after the end')
    await this.#bus.close()
    await this.#stores.store.close()
  }

  /** As many processes as the schedule says, whatever became of those before. */
  async #keepAlive(): Promise<void> {
    const { faults, processes } = this.#schedule
    const dead = this.#processes.filter(({ life }) => life.crash !== undefined)
    this.#crashes += dead.length
    this.#processes = this.#processes.filter(({ life }) => life.crash === undefined)
    const [first] = this.#processes
    if (first !== undefined && this.#random.chance(faults.restart)) {
      this.#processes.shift()
      await this.#stop(first)
    }
    while (this.#processes.length < processes) {
      this.#started += 1
      const mayDie = this.#started <= faults.mostCrashes
      await startProcess(this.#place, this.#started, mayDie).then(
        process => this.#processes.push(process),
        () => {
          this.#crashes += 1
        },
      )
    }
  }

  async #stop(process: SimProcess): Promise<void> {
    await process.stop().catch(() => process.life.end('while it stopped'))
    this.#awaits += process.awaits()
  }

  /** What comes from outside of the chain, by way of one of the processes. */
  async #outside(process: SimProcess): Promise<void> {
    try {
      await this.#deliver(process)
      await this.#answer(process)
    } catch (error) {
      const inPassing = error instanceof Failure && error.kind !== 'terminal'
      if (process.life.crash === undefined && !inPassing) throw error
    }
  }

  async #deliver({ stores, telemetry, bus }: SimProcess): Promise<void> {
    const known = new Deliveries(stores.store)
    for (const { delivery } of this.#deliveries) {
      if ((await known.get(delivery.id)) !== undefined) continue
      if (this.#random.chance(0.7)) break
      const { run, writes } = await startRun(
        delivery,
        { kind: 'delivered' },
        spending,
        telemetry,
        Date.now(),
        this.#bus.system,
      )
      const mark = { sizeBytes: 1, modifiedAtMs: 1, deliveryId: delivery.id }
      await known.add({ delivery, runs: [run] }, mark, delivery.file, writes)
    }
    for (const outbox of [intakeOutbox, peopleOutbox])
      await stores.outbox.flush(outbox, messages => bus.publish(messages))
  }

  async #answer(process: SimProcess): Promise<void> {
    const { stores } = process
    for (const { approval } of await stores.approvals.open()) {
      if (this.#random.chance(0.7)) continue
      const { runId: run, agent, question } = approval
      const { script } = this.#place.world.planned(run)
      const [kind = '', at] = question.subject.split(':')
      const verdict = kind === 'contract' ? script.planner : script[kind as 'required' | 'optional'][Number(at)]
      if (verdict === undefined) throw new Error(`nobody expects ${question.subject}`)
      this.#place.world.happenings.push({ kind: 'answered', runId: run, agent, subject: question.subject })
      await decideApproval(process, approval.id, { verdict, answer: answerOf(approval.id), by: 'somebody' })
    }
  }

  /** Whether nothing is on its way, nor waits for anybody. */
  async #isStill(): Promise<boolean> {
    const { store, approvals } = this.#stores
    for (const { delivery } of this.#deliveries)
      if ((await this.#stores.runs.get(runOf(delivery))) === undefined) return false
    if ((await store.scan({ prefix: 'outbox/', limit: 1 })).length > 0) return false
    for (const name of agentNames) if ((await this.#bus.lag(consumerGroup(name))).length > 0) return false
    return (await approvals.open()).length === 0
  }

  async #haveEnded(): Promise<boolean> {
    const views = await this.#stores.runs.all()
    return views.every(({ state }) => state !== 'running' && state !== 'waiting')
  }
}

const runOf = ({ id }: Delivery): string => runId(id, { kind: 'delivered' })

function deliveryOf({ feed, number }: PlannedDelivery): Delivery {
  const file = `${feed.vendor}/${feed.table}-${number}.ndjson`
  const sha256 = digest(feedKey(feed), String(number))
  const receivedAt = new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString()
  const ingestionDate = receivedAt.slice(0, 10)
  return { id: deliveryId(feed, sha256), feed, file, stored: file, sha256, sizeBytes: 1, receivedAt, ingestionDate }
}
