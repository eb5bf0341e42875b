/**
 * `npm run chaos -- --kills N --seed S`: kills processes of a fleet over real Kafka and Redis, two copies of every agent, and counts
 * what is lost, doubled or orphaned. With `--embedded` it kills runs of a small workspace that needs no server, and compares what
 * others make of it.
 */
import { rm } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { startServers } from '../rig/fleet.ts'
import { killFleet } from './fleet-kill.ts'
import { killAtSeededPoints } from './kill.ts'
import { killTemplate } from './template.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    embedded: { type: 'boolean', default: false },
    /** Embedded: a workspace of your own that has not run yet. */
    template: { type: 'string' },
    /** Of every agent, over Kafka and Redis. */
    copies: { type: 'string', default: '2' },
    /** Kills among one round of six deliveries, over Kafka and Redis. */
    'per-round': { type: 'string', default: '4' },
  },
})
const [kills, seed] = [Number(values.kills), Number(values.seed)]
const say = (line: string) => console.log(line)
process.exitCode = (await (values.embedded ? embedded() : fleet())) ? 0 : 1

async function fleet(): Promise<boolean> {
  console.log(`${kills} kills from seed ${seed} over Kafka and Redis, ${values.copies} copies of every agent`)
  const servers = await startServers()
  try {
    const report = await killFleet(servers, {
      kills,
      seed,
      copies: Number(values.copies),
      perRound: Number(values['per-round']),
      say,
    })
    for (const fault of report.faults) console.log(`  ${fault}`)
    console.log(`${report.kills} kills among ${report.deliveries} deliveries`)
    const { lost, doubled, orphanSpans, slowestRecoverySeconds } = report
    console.log(
      `lost ${lost}, doubled ${doubled}, orphan spans ${orphanSpans}, slowest recovery ${slowestRecoverySeconds} s`,
    )
    return lost + doubled + orphanSpans + report.faults.length === 0
  } finally {
    await servers.stop()
  }
}

async function embedded(): Promise<boolean> {
  const template = values.template ?? (await killTemplate())
  const startMs = performance.now()
  const { died, faults } = await killAtSeededPoints(template, kills, seed, say)
  if (values.template === undefined) await rm(template, { recursive: true })
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  console.log(`${kills} kills from seed ${seed}: ${died} died, ${faults.length} faults, ${seconds} s`)
  for (const fault of faults) console.log(`  ${fault}`)
  return faults.length === 0
}
