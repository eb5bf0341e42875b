/** `npm run sim -- --schedules N --seed S`: any number of schedules, each from its own seed, beginning with S. */
import { parseArgs } from 'node:util'
import { drawSchedule } from './schedule.ts'
import { simulate } from './simulate.ts'

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    /** How many run side by side. */
    lanes: { type: 'string', default: '4' },
  },
})
const [schedules, seed, lanes] = [values.schedules, values.seed, values.lanes].map(Number) as [number, number, number]

const startMs = performance.now()
let next = 0
let crashes = 0
let failed = 0

async function lane(): Promise<void> {
  while (next < schedules) {
    const mine = seed + next
    next += 1
    const { faults, crashes: died } = await simulate(drawSchedule(mine))
    crashes += died
    if (faults.length === 0) continue
    failed += 1
    console.log(`seed ${mine}:\n${faults.map(fault => `  ${fault}`).join('\n')}`)
  }
}
await Promise.all(Array.from({ length: lanes }, lane))

const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
console.log(`${schedules} schedules from seed ${seed}, ${crashes} crashes, ${failed} failed, ${seconds} s`)
process.exitCode = failed > 0 ? 1 : 0
