/**
 * `npm run sim -- --schedules N --seed S`: N schedules, drawn from the seeds S, S + 1, …; prints the seed of each that fails.
 * `--each-await`: one schedule as often as it has awaits, and a death at each. `--workspace`: the real agents, in a workspace.
 * `--keep` leaves the files of what failed: state, bus and telemetry, to look into.
 */
import { rm } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { killTemplate } from '../chaos/template.ts'
import { simulateMany, tellOutcome } from './many.ts'
import { crashSchedule, drawSchedule } from './schedule.ts'
import { type Outcome, simulate } from './simulate.ts'
import { simulateWorkspace, unharmedRemains } from './workspace.ts'

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    'each-await': { type: 'boolean', default: false },
    workspace: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
})
const first = Number(values.seed)
const range = (from: number, length: number) => Array.from({ length }, (_, at) => from + at)
const seeds = range(first, Number(values.schedules))

let count = 0
let crashes = 0
let failed = 0
const onOutcome = (outcome: Outcome): void => {
  count += 1
  crashes += outcome.crashes
  if (outcome.faults.length === 0) return
  failed += 1
  console.log(tellOutcome(outcome))
}

const { keep } = values
const startMs = performance.now()
if (values.workspace) {
  const template = await killTemplate()
  const expected = await unharmedRemains(template)
  for (const seed of seeds) onOutcome(await simulateWorkspace(template, expected, seed))
  await rm(template, { recursive: true })
} else if (values['each-await']) {
  const { awaits } = await simulate(crashSchedule(0))
  await simulateMany(range(1, awaits).map(crashSchedule), { onOutcome, keep })
} else {
  await simulateMany(seeds.map(drawSchedule), { onOutcome, keep })
}
const from = values['each-await'] ? 'with a death at each await' : `from seed ${first}`
const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
console.log(`${count} schedules ${from}: ${crashes} crashes, ${failed} failed, ${seconds} s`)
process.exitCode = failed > 0 ? 1 : 0
