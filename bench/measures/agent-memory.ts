import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalBus } from '../../bus/local.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import { type Benchmark, rounded } from '../measure.ts'
import { startAgents } from '../rig.ts'

const runs = 10_000
const atOnce = 8
const warmUp = 1_000

/** What an agent that has done much holds in memory, against the same agent when it had done little. */
export const agentMemory: Benchmark = {
  name: 'agent.memory',
  async run(tell) {
    const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-bench-'))
    const store = new SqliteStateStore({ path: join(folder, 'state.sqlite') })
    const bus = new LocalBus({ path: join(folder, 'bus.sqlite'), partitions: 8 })
    const agents = await startAgents(store, bus, ['planner'])
    try {
      await many(agents.run, 0, warmUp)
      const idle = heapMegabytes()
      tell(`after ${warmUp} runs: ${rounded(idle)} MB`)
      await many(agents.run, warmUp, runs)
      const after = heapMegabytes()
      return [
        {
          name: 'agent.memory',
          value: rounded(after),
          unit: 'MB',
          against: `the same agent after its first ${warmUp} runs, ${rounded(idle)} MB`,
          ratio: rounded(after / idle),
          note: `JavaScript heap of a process with one agent (the planner of the simulation, tools that do nothing) on the embedded bus and state, after ${runs.toLocaleString('en-US')} more runs, each time after a full collection. The first runs compile and fill caches of fixed size. Left out: memory of DuckDB, which only a process with the lakehouse's tools has, and of SQLite's page caches.`,
        },
      ]
    } finally {
      await agents.close()
      await bus.close()
      await store.close()
      await rm(folder, { recursive: true })
    }
  },
}

async function many(run: (number: number) => Promise<void>, from: number, count: number): Promise<void> {
  let next = from
  const lane = async () => {
    while (next < from + count) await run(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
}

function heapMegabytes(): number {
  const { gc } = globalThis
  if (gc === undefined) throw new Error('run with --expose-gc: npm run bench does')
  gc()
  gc()
  return process.memoryUsage().heapUsed / 2 ** 20
}
