import { chartFleet } from '../chart-fleet.ts'
import { type Benchmark, quantile, rounded } from '../measure.ts'
import { type Arrival, type SimulatedFleet, type SimulatedPart, simulateScaling } from '../scaling.ts'

const daySeconds = 86_400
const hourSeconds = 3_600
const nightlyFeeds = 400
const nightlyFromHour = 2
const nightlySeconds = 300
const hourlyFeeds = 40

/** What the chart does not know, on the small side of what deliveries of some hundred megabytes take. */
const assumptions = {
  startSeconds: 20,
  serviceSeconds: { planner: 3, ingestion: 20, modeling: 15, validator: 6 },
}

/** What the chart's numbers make of a day of arrivals, against the same agents at their most and at their fewest all day. */
export const scaling: Benchmark = {
  name: 'scaling',
  async run(tell) {
    const fleet = await chartFleet(assumptions)
    const arrivals = aDay()
    const scaled = simulateScaling(fleet, arrivals, daySeconds)
    const most = simulateScaling(fixed(fleet, 'maxReplicas'), arrivals, daySeconds)
    const fewest = simulateScaling(fixed(fleet, 'minReplicas'), arrivals, daySeconds)
    for (const part of scaled.agents) tell(`${part.name.padEnd(10)} copies by hour: ${byHour(part).join(' ')}`)
    const cost = (parts: readonly SimulatedPart[]) => parts.reduce((sum, { coreHours }) => sum + coreHours, 0)
    const p95 = ({ throughSeconds }: { readonly throughSeconds: readonly number[] }) => quantile(throughSeconds, 0.95)
    const note = `A simulation (bench/scaling.ts) of ${arrivals.length} deliveries in a day, ${nightlyFeeds} feeds between ${nightlyFromHour}:00 and ${nightlyFromHour}:05 and ${hourlyFeeds} an hour besides, with the scaling, bounds, partitions and CPU requests of deploy/chart/values.yaml. Assumed: ${Object.entries(
      assumptions.serviceSeconds,
    )
      .map(([name, each]) => `${name} ${each} s`)
      .join(
        ', ',
      )} a delivery, ${assumptions.startSeconds} s to start a copy. Left out: rebalances, busy tool servers, nodes that have to be made first.`
    return [
      {
        name: 'scaling.cost',
        value: rounded(cost(scaled.agents)),
        unit: 'core hours',
        against: `all copies all day, ${rounded(cost(most.agents))}`,
        ratio: rounded(cost(scaled.agents) / cost(most.agents)),
        note,
      },
      {
        name: 'scaling.through.p95',
        value: rounded(p95(scaled)),
        unit: 's',
        against: `all copies all day, ${rounded(p95(most))} s; the fewest, ${rounded(p95(fewest))} s`,
        ratio: rounded(p95(scaled) / p95(most)),
        note: 'As scaling.cost.',
      },
      ...scaled.agents.map((part, at) => {
        const { maxReplicas } = fleet.agents[at]!
        const mean = part.replicas.reduce((sum, copies) => sum + copies, 0) / part.replicas.length
        return {
          name: `scaling.copies.${part.name}`,
          value: Math.max(...part.replicas),
          unit: 'copies at most',
          against: `its bound of ${maxReplicas}, of which the day's mean is ${rounded(mean)}; lag at most ${Math.max(...part.lag)}`,
          ratio: rounded(mean / maxReplicas),
          note: 'As scaling.cost.',
        }
      }),
    ]
  },
}

/** Every agent at one of its bounds, whatever comes. */
const fixed = (fleet: SimulatedFleet, bound: 'minReplicas' | 'maxReplicas'): SimulatedFleet => ({
  ...fleet,
  scaling: { ...fleet.scaling, enabled: false },
  agents: fleet.agents.map(agent => ({ ...agent, minReplicas: Math.max(1, agent[bound]) })),
})

/** Evenly over five minutes of the night and over every hour: no chance in it, so that two runs say the same. */
function aDay(): Arrival[] {
  const nightly = Array.from({ length: nightlyFeeds }, (_, feed) => ({
    feed,
    second: nightlyFromHour * hourSeconds + Math.floor((feed * nightlySeconds) / nightlyFeeds),
  }))
  const hourly = Array.from({ length: 24 * hourlyFeeds }, (_, number) => ({
    feed: (number * 7) % nightlyFeeds,
    second: Math.floor((number * hourSeconds) / hourlyFeeds),
  }))
  return [...nightly, ...hourly]
}

/** The most copies of each hour. */
const byHour = ({ replicas }: SimulatedPart): number[] =>
  Array.from({ length: Math.ceil(replicas.length / hourSeconds) }, (_, hour) =>
    Math.max(...replicas.slice(hour * hourSeconds, (hour + 1) * hourSeconds)),
  )
