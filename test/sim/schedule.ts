/** What happens in one simulation, drawn from a seed before it begins: deliveries, how each goes, and which faults come how often. */
import type { Feed } from '../../contracts/data/common.ts'
import { type Random, seeded } from './random.ts'

export type Verdict = 'approved' | 'rejected'

/** How one delivery goes. */
export interface Script {
  /** The planner waits for a person, who answers so. */
  readonly planner?: Verdict
  /** Questions that modeling waits for, side by side. */
  readonly required: readonly Verdict[]
  /** Questions that modeling goes on without. */
  readonly optional: readonly Verdict[]
  /** Calls of the load that fail in passing, before one goes through. */
  readonly flakyLoads: number
  /** The load fails for good. */
  readonly brokenLoad: boolean
  /** How often main moves between staging and publishing. */
  readonly stageAgain: number
  readonly verdict: 'publish' | 'refuse'
}

export interface PlannedDelivery {
  readonly feed: Feed
  /** Place in the feed, from 1. */
  readonly number: number
  readonly script: Script
}

export interface Faults {
  /** Chance to die at each await of the state store, before and after; also at each publish and each effect. */
  readonly crash: number
  /** Dies at exactly this await of the first process. */
  readonly crashAt?: number
  /** The process dies at most this often, so that a schedule ends. */
  readonly mostCrashes: number
  /** A process is asked to stop, and another starts. */
  readonly restart: number
  readonly loseAcknowledgement: number
  readonly duplicate: number
  /** A published message comes again long after. */
  readonly lateDuplicate: number
  readonly delay: number
  /** Publishing fails in passing, with or without the messages on the log. */
  readonly refuse: number
  /** The state store is busy. */
  readonly busy: number
  /** Leases run out under a process that goes on working. */
  readonly loseLease: number
}

export interface Schedule {
  readonly seed: number
  readonly processes: number
  readonly deliveries: readonly PlannedDelivery[]
  readonly faults: Faults
}

export const noFaults: Faults = {
  crash: 0,
  mostCrashes: 0,
  restart: 0,
  loseAcknowledgement: 0,
  duplicate: 0,
  lateDuplicate: 0,
  delay: 0,
  refuse: 0,
  busy: 0,
  loseLease: 0,
}

export function drawSchedule(seed: number): Schedule {
  const random = seeded(seed)
  const processes = random.chance(0.3) ? 2 : 1
  const feeds = 1 + random.integer(2)
  const deliveries = Array.from({ length: feeds }, (_, at) => ({
    vendor: `vendor_${at + 1}`,
    table: 'products',
  })).flatMap(feed =>
    Array.from({ length: 1 + random.integer(3) }, (_, at) => ({ feed, number: at + 1, script: drawScript(random) })),
  )
  /** Each kind of fault is often missing altogether, so that faults are seen alone as well as together. */
  const some = (most: number) => (random.chance(0.5) ? 0 : random.next() * most)
  return {
    seed,
    processes,
    deliveries,
    faults: {
      crash: random.chance(0.2) ? 0 : random.next() * 0.01,
      mostCrashes: 6,
      restart: some(0.01),
      loseAcknowledgement: some(0.3),
      duplicate: some(0.3),
      lateDuplicate: some(0.3),
      delay: some(0.5),
      refuse: some(0.1),
      busy: some(0.005),
      loseLease: processes > 1 ? some(0.2) : 0,
    },
  }
}

function drawScript(random: Random): Script {
  const answer = (): Verdict => (random.chance(0.15) ? 'rejected' : 'approved')
  const answers = (chance: number, most: number) =>
    random.chance(chance) ? Array.from({ length: 1 + random.integer(most) }, answer) : []
  return {
    ...(random.chance(0.25) ? { planner: answer() } : {}),
    required: answers(0.25, 2),
    optional: answers(0.25, 1),
    flakyLoads: random.chance(0.2) ? 1 + random.integer(2) : 0,
    brokenLoad: random.chance(0.05),
    stageAgain: random.chance(0.15) ? 1 + random.integer(2) : 0,
    verdict: random.chance(0.1) ? 'refuse' : 'publish',
  }
}

/** One feed, every kind of turn, and no fault but a death at one await of the first process, counted from 1; 0 for none. */
export function crashSchedule(crashAt: number): Schedule {
  const feed = { vendor: 'vendor_1', table: 'products' }
  const plain = {
    required: [],
    optional: [],
    flakyLoads: 0,
    brokenLoad: false,
    stageAgain: 0,
    verdict: 'publish',
  } as const
  const scripts: Script[] = [
    { ...plain, planner: 'approved', stageAgain: 1 },
    { ...plain, required: ['approved', 'approved'], optional: ['approved'] },
    { ...plain, brokenLoad: true },
  ]
  return {
    seed: crashAt,
    processes: 1,
    deliveries: scripts.map((script, at) => ({ feed, number: at + 1, script })),
    faults: { ...noFaults, mostCrashes: 1, ...(crashAt > 0 ? { crashAt } : {}) },
  }
}
