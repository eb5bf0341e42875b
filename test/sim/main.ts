/**
 * `npm run sim -- --schedules N --seed S`: N schedules, drawn from the seeds S, S + 1, …; prints the seed of each that fails.
 * `npm run sim -- --each-await`: one schedule as often as it has awaits, and a death at each.
 */
import { parseArgs } from 'node:util'
import { simulateMany, tellOutcome } from './many.ts'
import { crashSchedule, drawSchedule } from './schedule.ts'
import { simulate } from './simulate.ts'

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    'each-await': { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed)
const range = (from: number, length: number) => Array.from({ length }, (_, at) => from + at)
const schedules = values['each-await']
  ? range(1, (await simulate(crashSchedule(0))).awaits).map(crashSchedule)
  : range(seed, Number(values.schedules)).map(drawSchedule)

const startMs = performance.now()
const { failed, crashes } = await simulateMany(schedules, {
  onOutcome: outcome => {
    if (outcome.faults.length > 0) console.log(tellOutcome(outcome))
  },
})
const what = values['each-await'] ? `${schedules.length} awaits` : `${schedules.length} schedules from seed ${seed}`
const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
console.log(`${what}: ${crashes} crashes, ${failed.length} failed, ${seconds} s`)
process.exitCode = failed.length > 0 ? 1 : 0
