/**
 * How agents come and go with the lag of their topics: a simulation, second by second, of what KEDA and the chart's numbers make of
 * arrivals. Pure and deterministic.
 *
 * What it knows: a feed is in one partition, and an agent works on one delivery of it at a time, in order; a copy owns the partitions
 * that fall to it and works on some feeds at once; lag is what Kafka sees of it, all from the oldest message that is not finished;
 * what an agent has finished arrives at the next. KEDA looks in intervals, wants a copy for each `lagThreshold` messages and no more
 * copies than partitions with lag; copies come and go `step` at a time, go only when nothing wanted them for a while, take a while to
 * start, and cost from the moment they are asked for.
 * What it leaves out: rebalances, retries, people who are asked, tool servers that are busy, nodes that have to be made first.
 */

export interface ScalingNumbers {
  readonly enabled: boolean
  readonly pollingIntervalSeconds: number
  readonly cooldownSeconds: number
  readonly lagThreshold: number
  readonly step: number
  readonly stabilizationSeconds: number
}

export interface SimulatedAgent {
  readonly name: string
  readonly minReplicas: number
  readonly maxReplicas: number
  /** What one copy asks the cluster for. */
  readonly cores: number
  /** How long it is at one message. */
  readonly serviceSeconds: number
}

export interface SimulatedFleet {
  /** In the order of the chain. */
  readonly agents: readonly SimulatedAgent[]
  readonly scaling: ScalingNumbers
  readonly partitions: number
  readonly feedsAtOnce: number
  /** From the wish for a copy to its first message. */
  readonly startSeconds: number
}

export interface Arrival {
  readonly second: number
  readonly feed: number
}

export interface SimulatedPart {
  readonly name: string
  /** By second: messages behind, copies that are paid for, and copies that work. */
  readonly lag: readonly number[]
  readonly replicas: readonly number[]
  readonly ready: readonly number[]
  readonly coreHours: number
  /** Deliveries in the order in which they were finished. */
  readonly finished: readonly Arrival[]
}

export interface Simulation {
  readonly agents: readonly SimulatedPart[]
  /** From arrival to the end of the chain, for each delivery, in the order of their ends. */
  readonly throughSeconds: readonly number[]
}

/** Runs for so many seconds, or, where deliveries are still under way then, until the last one is through. */
export function simulateScaling(fleet: SimulatedFleet, arrivals: readonly Arrival[], seconds: number): Simulation {
  if (!fleet.scaling.enabled && fleet.agents.some(({ minReplicas }) => minReplicas === 0))
    throw new RangeError('An agent without a copy, and with nothing that would start one, would never be through.')
  const parts = fleet.agents.map(agent => new Part(agent, fleet))
  const incoming = [...arrivals].sort((a, b) => a.second - b.second)
  const throughSeconds: number[] = []
  for (let second = 0, next = 0; second < seconds || throughSeconds.length < arrivals.length; second += 1) {
    for (; next < incoming.length && incoming[next]!.second <= second; next += 1) parts[0]?.take(incoming[next]!)
    parts.forEach((part, at) => {
      for (const delivery of part.finish(second)) {
        const following = parts[at + 1]
        if (following) following.take(delivery)
        else throughSeconds.push(second - delivery.second)
      }
    })
    for (const part of parts) part.go(second)
  }
  return { agents: parts.map(part => part.result()), throughSeconds }
}

interface Message {
  readonly delivery: Arrival
  state: 'waiting' | 'running' | 'done'
  endsAt: number
}

/** One agent: its topic, and its copies. */
class Part {
  readonly #agent: SimulatedAgent
  readonly #fleet: SimulatedFleet
  readonly #partitions: Message[][]
  readonly #finished: Arrival[] = []
  readonly #lag: number[] = []
  readonly #replicas: number[] = []
  readonly #ready: number[] = []
  /** When each copy is ready, the longest there first. */
  readonly #copies: number[]
  /** What was wanted at the latest looks. */
  #wanted: { readonly second: number; readonly copies: number }[] = []
  #busyAt = 0

  constructor(agent: SimulatedAgent, fleet: SimulatedFleet) {
    this.#agent = agent
    this.#fleet = fleet
    this.#partitions = Array.from({ length: fleet.partitions }, () => [])
    this.#copies = Array.from({ length: agent.minReplicas }, () => 0)
  }

  take(delivery: Arrival): void {
    const partition = this.#partitions[delivery.feed % this.#partitions.length]!
    partition.push({ delivery, state: 'waiting', endsAt: 0 })
  }

  /** What ends in this second; the partition is behind by what is left from its oldest unfinished message on. */
  finish(second: number): Arrival[] {
    const ended: Arrival[] = []
    for (const partition of this.#partitions) {
      for (const message of partition) {
        if (message.state !== 'running' || message.endsAt > second) continue
        message.state = 'done'
        ended.push(message.delivery)
      }
      while (partition[0]?.state === 'done') partition.shift()
    }
    this.#finished.push(...ended)
    return ended
  }

  go(second: number): void {
    const lag = this.#partitions.reduce((sum, { length }) => sum + length, 0)
    if (lag > 0) this.#busyAt = second
    if (this.#fleet.scaling.enabled && second % this.#fleet.scaling.pollingIntervalSeconds === 0)
      this.#scale(second, lag)
    const ready = this.#copies.filter(readyAt => readyAt <= second).length
    if (ready > 0) this.#work(second, ready)
    this.#lag.push(lag)
    this.#replicas.push(this.#copies.length)
    this.#ready.push(ready)
  }

  #scale(second: number, lag: number): void {
    const { lagThreshold, step, stabilizationSeconds, cooldownSeconds } = this.#fleet.scaling
    const { minReplicas, maxReplicas } = this.#agent
    const busy = this.#partitions.filter(({ length }) => length > 0).length
    const least = lag > 0 || second - this.#busyAt < cooldownSeconds ? Math.max(1, minReplicas) : minReplicas
    const asked = Math.ceil(Math.min(lag, busy * lagThreshold) / lagThreshold)
    // Nobody has been there yet: there is nothing to cool down from.
    const idle = lag === 0 && this.#copies.length === 0
    const wanted = idle ? 0 : Math.max(least, Math.min(maxReplicas, asked))
    this.#wanted = [...this.#wanted, { second, copies: wanted }].filter(
      look => look.second > second - Math.max(1, stabilizationSeconds),
    )
    const copies = this.#copies.length
    const kept = Math.max(...this.#wanted.map(look => look.copies))
    const next = wanted > copies ? Math.min(wanted, copies + step) : Math.max(Math.min(kept, copies), copies - step)
    while (this.#copies.length < next) this.#copies.push(second + this.#fleet.startSeconds)
    this.#copies.length = next
  }

  /** Every copy begins what its partitions have for it, as long as it has a hand free. */
  #work(second: number, ready: number): void {
    const { feedsAtOnce } = this.#fleet
    for (let copy = 0; copy < ready; copy += 1) {
      const own = this.#partitions.filter((_, at) => at % ready === copy)
      let free = feedsAtOnce - own.flat().filter(({ state }) => state === 'running').length
      for (const partition of own) {
        // A feed whose earlier delivery is not finished waits for it.
        const held = new Set<number>()
        for (const message of partition) {
          if (free <= 0) break
          const { feed } = message.delivery
          if (message.state === 'waiting' && !held.has(feed)) {
            message.state = 'running'
            message.endsAt = second + this.#agent.serviceSeconds
            free -= 1
          }
          if (message.state !== 'done') held.add(feed)
        }
      }
    }
  }

  result(): SimulatedPart {
    const copySeconds = this.#replicas.reduce((sum, copies) => sum + copies, 0)
    return {
      name: this.#agent.name,
      lag: this.#lag,
      replicas: this.#replicas,
      ready: this.#ready,
      coreHours: (copySeconds * this.#agent.cores) / 3600,
      finished: this.#finished,
    }
  }
}
