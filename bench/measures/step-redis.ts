import { randomUUID } from 'node:crypto'
import { Annotation, END, START, StateGraph } from '@langchain/langgraph'
import { Redis } from 'ioredis'
import { StateCheckpointer } from '../../src/state/checkpointer.ts'
import { RedisStateStore } from '../../src/state/redis.ts'
import { startRedis } from '../../test/rig/redis.ts'
import { type Benchmark, rounded, timed } from '../measure.ts'

const threads = 16
const steps = 100

/** How many durable steps a second one process makes with its checkpoints in Redis. */
export const stepRedis: Benchmark = {
  name: 'step.redis',
  async run(tell) {
    const redis = await startRedis({ appendfsync: 'everysec' })
    const store = new RedisStateStore({ url: redis.url, prefix: randomUUID() })
    const bare = new Redis(redis.url)
    try {
      const checkpointer = new StateCheckpointer(store)
      await walk(checkpointer, 'warm-up')
      const ms = await timed(() =>
        Promise.all(Array.from({ length: threads }, (_, at) => walk(checkpointer, `t${at}`))),
      )
      tell(`${threads} threads of ${steps} steps`)
      // What the server itself takes: the same number of round trips that write as much, as many at once.
      const value = Buffer.alloc(2_000, 'x')
      const floorMs = await timed(() =>
        Promise.all(
          Array.from({ length: threads }, async (_, thread) => {
            for (let step = 0; step < steps; step += 1) await bare.set(`floor-${thread}`, value)
          }),
        ),
      )
      const perSecond = (threads * steps * 1_000) / ms
      const floor = (threads * steps * 1_000) / floorMs
      return [
        {
          name: 'step.redis',
          value: rounded(perSecond),
          unit: 'steps/s',
          against: `bare SET of 2 kB, ${rounded(floor)} a second`,
          ratio: rounded(perSecond / floor),
          note: `${threads} threads of ${steps} steps side by side in one process, a checkpoint after each before the next (durability sync); append-only file synced every second. The floor is one SET for each step, as many at once: a step writes its checkpoint, its channels and its pending writes in more than one round trip, and LangGraph's own work is in the value. Left out: a network, leases, outbox, spans.`,
        },
      ]
    } finally {
      bare.disconnect()
      await store.close()
      await redis.stop()
    }
  },
}

async function walk(checkpointer: StateCheckpointer, thread: string): Promise<void> {
  const State = Annotation.Root({ count: Annotation<number>(), note: Annotation<string>() })
  const graph = new StateGraph(State)
    .addNode('step', ({ count }) => ({ count: count + 1, note: `step ${count}` }))
    .addEdge(START, 'step')
    .addConditionalEdges('step', ({ count }) => (count < steps ? 'step' : END), ['step', END])
    .compile({ checkpointer })
  await graph.invoke(
    { count: 0, note: '' },
    { configurable: { thread_id: thread }, recursionLimit: steps + 10, durability: 'sync' as const },
  )
}
