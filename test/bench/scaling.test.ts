import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chartFleet, coresOf } from '../../bench/chart-fleet.ts'
import { type Arrival, type SimulatedFleet, simulateScaling } from '../../bench/scaling.ts'
import { agentNames } from '../../contracts/chain.ts'

const fleets: fc.Arbitrary<SimulatedFleet> = fc.record({
  agents: fc.array(
    fc
      .record({
        minReplicas: fc.integer({ min: 0, max: 3 }),
        more: fc.integer({ min: 1, max: 6 }),
        cores: fc.double({ min: 0.1, max: 4, noNaN: true }),
        serviceSeconds: fc.integer({ min: 1, max: 40 }),
      })
      .map(({ minReplicas, more, ...rest }) => ({
        name: 'agent',
        minReplicas,
        maxReplicas: minReplicas + more,
        ...rest,
      })),
    { minLength: 1, maxLength: 3 },
  ),
  scaling: fc.record({
    enabled: fc.constant(true),
    pollingIntervalSeconds: fc.integer({ min: 1, max: 30 }),
    cooldownSeconds: fc.integer({ min: 0, max: 120 }),
    lagThreshold: fc.integer({ min: 1, max: 10 }),
    step: fc.integer({ min: 1, max: 4 }),
    stabilizationSeconds: fc.integer({ min: 0, max: 120 }),
  }),
  partitions: fc.integer({ min: 1, max: 8 }),
  feedsAtOnce: fc.integer({ min: 1, max: 3 }),
  startSeconds: fc.integer({ min: 0, max: 30 }),
})
const deliveries: fc.Arbitrary<Arrival[]> = fc.array(
  fc.record({ second: fc.nat({ max: 300 }), feed: fc.nat({ max: 12 }) }),
  { maxLength: 60 },
)
const seconds = 600
const runs = { numRuns: 60 }

/** By feed, in the order given. */
const byFeed = (all: readonly Arrival[]) => Map.groupBy(all, ({ feed }) => feed)

describe('any fleet, any arrivals', () => {
  test('every delivery gets through every agent once, those of a feed in order, and lag ends at none', () => {
    fc.assert(
      fc.property(fleets, deliveries, (fleet, arrivals) => {
        const { agents, throughSeconds } = simulateScaling(fleet, arrivals, seconds)
        expect(throughSeconds).toHaveLength(arrivals.length)
        const sent = byFeed(arrivals.toSorted((a, b) => a.second - b.second))
        const work = fleet.agents.reduce((sum, { serviceSeconds }) => sum + serviceSeconds, 0)
        for (const through of throughSeconds) expect(through).toBeGreaterThanOrEqual(work)
        for (const { finished, lag } of agents) {
          expect(byFeed(finished)).toEqual(new Map([...byFeed(finished).keys()].map(feed => [feed, sent.get(feed)])))
          expect(finished).toHaveLength(arrivals.length)
          expect(lag.at(-1)).toBe(0)
        }
      }),
      runs,
    )
  })

  test('copies stay within their bounds, move by steps, and are paid for from the wish on', () => {
    fc.assert(
      fc.property(fleets, deliveries, (fleet, arrivals) => {
        const { agents } = simulateScaling(fleet, arrivals, seconds)
        agents.forEach(({ replicas, ready, coreHours }, at) => {
          const { minReplicas, maxReplicas, cores } = fleet.agents[at]!
          const most = Math.max(minReplicas, Math.min(maxReplicas, fleet.partitions))
          const isBounded = (copies: number) => copies >= minReplicas && copies <= most
          expect(replicas.filter(copies => !isBounded(copies))).toEqual([])
          expect(ready.filter((working, second) => working > replicas[second]!)).toEqual([])
          const steps = replicas.map((copies, second) => Math.abs(copies - (replicas[second - 1] ?? minReplicas)))
          expect(Math.max(...steps)).toBeLessThanOrEqual(fleet.scaling.step)
          const paid = replicas.reduce((sum, copies) => sum + copies, 0)
          expect(coreHours).toBeCloseTo((paid * cores) / 3600, 9)
        })
      }),
      runs,
    )
  })

  test('the same twice over', () => {
    fc.assert(
      fc.property(fleets, deliveries, (fleet, arrivals) => {
        const once = simulateScaling(fleet, arrivals, seconds)
        expect(simulateScaling(fleet, arrivals, seconds)).toEqual(once)
      }),
      { numRuns: 10 },
    )
  })
})

const one: SimulatedFleet = {
  agents: [{ name: 'one', minReplicas: 0, maxReplicas: 4, cores: 1, serviceSeconds: 10 }],
  scaling: {
    enabled: true,
    pollingIntervalSeconds: 10,
    cooldownSeconds: 60,
    lagThreshold: 2,
    step: 2,
    stabilizationSeconds: 30,
  },
  partitions: 4,
  feedsAtOnce: 1,
  startSeconds: 5,
}

describe('one agent', () => {
  test('from none: a copy for the first message, none again when the cooldown is over', () => {
    const { agents, throughSeconds } = simulateScaling(one, [{ second: 12, feed: 1 }], 200)
    // Seen at 20, started by 25, done ten seconds later.
    expect(throughSeconds).toEqual([23])
    const { replicas } = agents[0]!
    expect([0, 19, 20, 90, 130, 199].map(second => replicas[second])).toEqual([0, 0, 1, 1, 0, 0])
  })

  test('one feed alone is never worth a second copy; many are, up to the bound', () => {
    const burst = (feeds: number) => Array.from({ length: 40 }, (_, number) => ({ second: 0, feed: number % feeds }))
    const most = (feeds: number) => Math.max(...simulateScaling(one, burst(feeds), 60).agents[0]!.replicas)
    expect([1, 2, 40].map(most)).toEqual([1, 2, 4])
  })

  test('without scaling there are as many as there are; with none at all nothing would ever end', () => {
    const still = { ...one, scaling: { ...one.scaling, enabled: false } }
    expect(() => simulateScaling(still, [], 10)).toThrow(RangeError)
    const [agent] = still.agents
    const two = { ...still, agents: [{ ...agent!, minReplicas: 2 }] }
    expect(new Set(simulateScaling(two, [{ second: 0, feed: 1 }], 50).agents[0]!.replicas)).toEqual(new Set([2]))
  })
})

test('the fleet of the chart is that of its values, and its scaling earns its keep', async () => {
  const serviceSeconds = { planner: 3, ingestion: 20, modeling: 15, validator: 6 }
  const fleet = await chartFleet({ startSeconds: 20, serviceSeconds })
  expect(fleet.agents.map(({ name }) => name)).toEqual(agentNames)
  expect([coresOf('200m'), coresOf('2')]).toEqual([0.2, 2])
  const burst = Array.from({ length: 100 }, (_, feed) => ({ second: feed, feed }))
  const alone = { ...fleet, scaling: { ...fleet.scaling, enabled: false } }
  const last = (given: SimulatedFleet) => Math.max(...simulateScaling(given, burst, 600).throughSeconds)
  expect(last(fleet)).toBeLessThan(last(alone) / 2)
})
