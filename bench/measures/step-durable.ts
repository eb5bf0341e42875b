import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Annotation, END, START, StateGraph } from '@langchain/langgraph'
import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint'
import { StateCheckpointer } from '../../src/state/checkpointer.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import { type Benchmark, type Measure, quantile, rounded } from '../measure.ts'

/** `around`: steps taken as samples about the one named, since single steps are too few for a tail. */
const places = [
  { step: 10, around: 10, threads: 60 },
  { step: 1_000, around: 100, threads: 6 },
] as const
type Place = (typeof places)[number]

/** How long one step of a graph takes when it is durable, early in a thread and late in it. */
export const stepDurable: Benchmark = {
  name: 'step.durable',
  async run(tell) {
    const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-bench-'))
    const store = new SqliteStateStore({ path: join(folder, 'state.db') })
    const measures: Measure[] = []
    try {
      const checkpointer = new StateCheckpointer(store)
      await stepTimes(places[0], 'warm-up', checkpointer)
      for (const place of places) {
        const durable: number[] = []
        const bare: number[] = []
        for (let thread = 0; thread < place.threads; thread++) {
          bare.push(...(await stepTimes(place, `bare-${place.step}-${thread}`)))
          durable.push(...(await stepTimes(place, `durable-${place.step}-${thread}`, checkpointer)))
        }
        tell(`step ${place.step}: ${durable.length} samples each`)
        for (const q of [0.5, 0.99]) measures.push(measureOf(place, q, durable, bare))
      }
    } finally {
      await store.close()
      await rm(folder, { recursive: true })
    }
    return measures
  },
}

function measureOf(
  { step, around, threads }: Place,
  q: number,
  durable: readonly number[],
  bare: readonly number[],
): Measure {
  const [with_, without] = [quantile(durable, q), quantile(bare, q)]
  return {
    name: `step.durable.${step}.p${q * 100}`,
    value: rounded(with_ - without),
    unit: 'ms more',
    against: `a bare LangGraph step, ${rounded(without)} ms`,
    ratio: rounded(with_ / without),
    note: `One node that changes a small state; every checkpoint is synced to disk by SQLite before the next step. Left out: leases, outbox, spans, the node's own work. Samples: ${around} steps around the one named in each of ${threads} threads; the value is the difference of two quantiles.`,
  }
}

/** Milliseconds of each step around `step`, of one thread that is run from its start. */
async function stepTimes(
  { step, around }: Place,
  thread: string,
  checkpointer?: BaseCheckpointSaver,
): Promise<number[]> {
  const last = step + around / 2
  const entered: number[] = []
  const State = Annotation.Root({ count: Annotation<number>(), note: Annotation<string>() })
  const graph = new StateGraph(State)
    .addNode('step', ({ count }) => {
      entered.push(performance.now())
      return { count: count + 1, note: `step ${count}` }
    })
    .addEdge(START, 'step')
    .addConditionalEdges('step', ({ count }) => (count <= last ? 'step' : END), ['step', END])
    .compile(checkpointer ? { checkpointer } : {})
  await graph.invoke(
    { count: 0, note: '' },
    {
      configurable: { thread_id: thread },
      recursionLimit: last + 10,
      ...(checkpointer && { durability: 'sync' as const }),
    },
  )
  const times = entered.slice(1).map((at, index) => at - entered[index]!)
  return times.slice(last - around, last)
}
