/** `npm run chaos -- --kills N --seed S`: kills runs of a small workspace and compares what others make of it. Prints every round. */
import { rm } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { killAtSeededPoints } from './kill.ts'
import { killTemplate } from './template.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    /** A workspace of your own that has not run yet. */
    template: { type: 'string' },
  },
})
const [kills, seed] = [Number(values.kills), Number(values.seed)]
const template = values.template ?? (await killTemplate())
const startMs = performance.now()
const { died, faults } = await killAtSeededPoints(template, kills, seed, line => console.log(line))
if (values.template === undefined) await rm(template, { recursive: true })
const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
console.log(`${kills} kills from seed ${seed}: ${died} died, ${faults.length} faults, ${seconds} s`)
for (const fault of faults) console.log(`  ${fault}`)
process.exitCode = faults.length > 0 ? 1 : 0
