/**
 * `npm run bench`: every measure as a table; `--json` as one document; `--only NAME` a part (`load`, `load.csv`, …).
 * Numbers from different machines do not compare; ratios do.
 */
import { parseArgs } from 'node:util'
import { table } from '../src/cli/render/table.ts'
import { wrap } from '../src/cli/render/text.ts'
import { createTerminal } from '../src/cli/terminal.ts'
import type { Measure } from './measure.ts'
import { agentMemory } from './measures/agent-memory.ts'
import { chainKafka } from './measures/chain-kafka.ts'
import { chainSmall } from './measures/chain-small.ts'
import { coreIncremental } from './measures/core-incremental.ts'
import { loadCsv } from './measures/load-csv.ts'
import { loadEngines } from './measures/load-engines.ts'
import { model } from './measures/model.ts'
import { scaling } from './measures/scaling.ts'
import { stepDurable } from './measures/step-durable.ts'
import { stepRedis } from './measures/step-redis.ts'

const benchmarks = [
  loadCsv,
  loadEngines,
  coreIncremental,
  stepDurable,
  stepRedis,
  chainSmall,
  chainKafka,
  agentMemory,
  model,
  scaling,
]

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, only: { type: 'string' } } })
const terminal = createTerminal({ json: values.json, environment: process.env })

const chosen = benchmarks.filter(({ name }) => values.only === undefined || name.startsWith(values.only))
if (chosen.length === 0) {
  terminal.note(`There is no measure ${values.only}; there are ${benchmarks.map(({ name }) => name).join(', ')}.`)
  process.exit(2)
}

const measures: Measure[] = []
for (const { name, run } of chosen) {
  terminal.note(`${name} …`)
  measures.push(...(await run(line => terminal.note(`  ${line}`))))
}

terminal.answer({ measures }, () => {
  const rows = measures.map(({ name, value, unit, ratio, against }) => [
    name,
    value.toLocaleString('en-US', { maximumSignificantDigits: 3 }),
    unit,
    ratio === null ? '' : ratio.toFixed(2),
    against ?? '',
  ])
  const columns = [
    { title: 'measure' },
    { title: 'value', align: 'right' as const },
    { title: 'unit' },
    { title: 'ratio', align: 'right' as const },
    { title: 'against' },
  ]
  const notes = [...Map.groupBy(measures, ({ note }) => note)].map(([note, about]) =>
    wrap(`${about.map(({ name }) => name).join(', ')}: ${note}`, 110).join('\n  '),
  )
  return [table(columns, rows, terminal), '', ...notes].join('\n')
})
