/** The fleet of the simulation from the chart's own numbers: what `helm install` without values would run. */
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { z } from 'zod'
import { agentNames } from '../contracts/chain.ts'
import { concurrency } from '../src/cli/chain.ts'
import type { SimulatedFleet } from './scaling.ts'

const Values = z.object({
  kafka: z.object({ partitions: z.int() }),
  scaling: z.object({
    enabled: z.boolean(),
    pollingIntervalSeconds: z.int(),
    cooldownSeconds: z.int(),
    lagThreshold: z.int(),
    step: z.int(),
    stabilizationSeconds: z.int(),
  }),
  agents: z.record(
    z.enum(agentNames),
    z.object({
      minReplicas: z.int(),
      maxReplicas: z.int(),
      resources: z.object({ requests: z.object({ cpu: z.string() }) }),
    }),
  ),
})

/** What the chart does not know: how long agents are at one delivery, and how long a copy takes to start. */
export interface Assumptions {
  readonly startSeconds: number
  readonly serviceSeconds: Readonly<Record<(typeof agentNames)[number], number>>
}

export async function chartFleet({ startSeconds, serviceSeconds }: Assumptions): Promise<SimulatedFleet> {
  const text = await readFile(new URL('../deploy/chart/values.yaml', import.meta.url), 'utf8')
  const { kafka, scaling, agents } = Values.parse(parse(text))
  return {
    agents: agentNames.map(name => {
      const { minReplicas, maxReplicas, resources } = agents[name]
      const cores = coresOf(resources.requests.cpu)
      return { name, minReplicas, maxReplicas, cores, serviceSeconds: serviceSeconds[name] }
    }),
    scaling,
    partitions: kafka.partitions,
    feedsAtOnce: concurrency,
    startSeconds,
  }
}

/** `200m` is a fifth of a core. */
export const coresOf = (cpu: string): number => (cpu.endsWith('m') ? Number(cpu.slice(0, -1)) / 1000 : Number(cpu))
