import { Annotation, Command, END, interrupt, START, StateGraph } from '@langchain/langgraph'
import { emptyCheckpoint, uuid6 } from '@langchain/langgraph-checkpoint'
import { describe, expect, test } from 'vitest'
import { type CheckpointerOptions, StateCheckpointer } from '../../src/state/checkpointer.ts'
import { keys } from '../../src/state/keys.ts'
import { Outbox, outboxWrites } from '../../src/state/outbox.ts'
import { type StateStore, scanAll } from '../../src/state/store.ts'
import { message } from '../conformance/bus-handles.ts'
import { bytes } from '../conformance/state.ts'
import { withStore } from './folder.ts'

const metadata = { source: 'loop', step: 0, parents: {} } as const
const thread = (thread_id: string, checkpoint_id?: string) => ({
  configurable: { thread_id, checkpoint_ns: '', ...(checkpoint_id === undefined ? {} : { checkpoint_id }) },
})

const State = Annotation.Root({ count: Annotation<number>, fixed: Annotation<string>, answer: Annotation<string> })

/** Counts to `steps`, asking a person at step `askAt` if given. */
function counter(checkpointer: StateCheckpointer, steps: number, askAt = -1) {
  return new StateGraph(State)
    .addNode('step', ({ count }) =>
      count === askAt ? { count: count + 1, answer: interrupt('go on?') as string } : { count: count + 1 },
    )
    .addEdge(START, 'step')
    .addConditionalEdges('step', ({ count }) => (count < steps ? 'step' : END))
    .compile({ checkpointer })
}

const settings = (thread_id: string) =>
  ({ configurable: { thread_id }, durability: 'sync', recursionLimit: 100_000 }) as const

async function keysOf(store: StateStore, prefix = ''): Promise<string[]> {
  const found = []
  for await (const { key } of scanAll(store, prefix)) found.push(key)
  return found
}

/** Puts checkpoints one after another, each with channel `a` changed and channel `fixed` from the first. */
async function putChain(checkpointer: StateCheckpointer, thread_id: string, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let step = 1; step <= count; step += 1) {
    const checkpoint = {
      ...emptyCheckpoint(),
      id: uuid6(step),
      channel_values: { a: `value ${step}`, fixed: 'as ever' },
      channel_versions: { a: step, fixed: 1 },
    }
    const config = await checkpointer.put(
      thread(thread_id, ids.at(-1)),
      checkpoint,
      metadata,
      step === 1 ? { a: 1, fixed: 1 } : { a: step },
    )
    await checkpointer.putWrites(config, [['a', step]], 'task')
    ids.push(checkpoint.id)
  }
  return ids
}

describe('checkpointer', () => {
  test('a graph that waits for a person goes on in another process exactly where it stopped', async () => {
    await withStore(async ({ store }) => {
      const first = await counter(new StateCheckpointer(store), 5, 3).invoke({ count: 0, fixed: 'f' }, settings('t'))
      expect(first).toMatchObject({ count: 3, __interrupt__: [{ value: 'go on?' }] })
      const again = counter(new StateCheckpointer(store), 5, 3)
      expect(await again.invoke(new Command({ resume: 'yes' }), settings('t'))).toMatchObject({
        count: 5,
        answer: 'yes',
        fixed: 'f',
      })
    })
  })

  test('checkpoint and attached writes are one transaction: fenced, neither is there', async () => {
    await withStore(async ({ store, time }) => {
      const lease = { name: 'thread', token: (await store.acquireLease('thread', 'me', 1_000))!.token }
      const options: CheckpointerOptions = {
        guard: () => lease,
        attach: checkpoint =>
          outboxWrites('planner', checkpoint.id, [message('feed', String(checkpoint.channel_values.a))]),
      }
      const checkpointer = new StateCheckpointer(store, options)
      const [id] = await putChain(checkpointer, 't', 1)
      const pending = async () =>
        (await new Outbox(store).pending('planner')).map(({ message }) => message.headers.ce_id)
      expect(await pending()).toEqual(['numbers/feed/value 1'])
      time.nowMs += 1_001
      await expect(putChain(checkpointer, 't', 1)).rejects.toMatchObject({ code: 'LEASE_LOST' })
      await expect(checkpointer.putWrites(thread('t', id), [['a', 1]], 'late')).rejects.toMatchObject({
        code: 'LEASE_LOST',
      })
      expect(await pending()).toEqual(['numbers/feed/value 1'])
      expect((await checkpointer.getTuple(thread('t')))?.checkpoint.id).toBe(id)
    })
  })

  test('attach is told which channels the step changed', async () => {
    await withStore(async ({ store }) => {
      const changed: string[][] = []
      const attach: CheckpointerOptions['attach'] = (_, __, versions) => {
        changed.push(Object.keys(versions))
        return []
      }
      await putChain(new StateCheckpointer(store, { attach }), 't', 2)
      expect(changed).toEqual([['a', 'fixed'], ['a']])
    })
  })

  test('only the newest checkpoints are kept, with all their channels, also one that changed long before', async () => {
    await withStore(async ({ store }) => {
      const checkpointer = new StateCheckpointer(store, { keep: 3 })
      const ids = await putChain(checkpointer, 't', 10)
      const listed = []
      for await (const { checkpoint } of checkpointer.list(thread('t'))) listed.push(checkpoint)
      expect(listed.map(({ id }) => id)).toEqual(ids.slice(-3).reverse())
      expect(listed.map(({ channel_values }) => channel_values)).toEqual(
        [10, 9, 8].map(step => ({ a: `value ${step}`, fixed: 'as ever' })),
      )
      expect(await checkpointer.getTuple(thread('t', ids[0]))).toBeUndefined()
    })
  })

  test('a thread of any length holds the same number of keys', async () => {
    await withStore(async ({ store }) => {
      const sizes = []
      for (const steps of [10, 60]) {
        const checkpointer = new StateCheckpointer(store)
        await putChain(checkpointer, `t${steps}`, steps)
        sizes.push((await Promise.all(keys.thread(`t${steps}`).map(prefix => keysOf(store, prefix)))).flat().length)
      }
      expect(sizes[0]).toBe(sizes[1])
    })
  })

  test('a fork of an older checkpoint keeps the channels of both branches while they are kept', async () => {
    await withStore(async ({ store }) => {
      const checkpointer = new StateCheckpointer(store, { keep: 3 })
      const [first, second] = await putChain(checkpointer, 't', 2)
      const fork = { ...emptyCheckpoint(), id: uuid6(9), channel_values: { a: 'fork', fixed: 'as ever' } }
      const versions = { a: 7, fixed: 1 }
      await checkpointer.put(thread('t', first), { ...fork, channel_versions: versions }, metadata, { a: 7 })
      const [old, latest] = [await checkpointer.getTuple(thread('t', second)), await checkpointer.getTuple(thread('t'))]
      expect(old?.checkpoint.channel_values).toEqual({ a: 'value 2', fixed: 'as ever' })
      expect(latest?.checkpoint.channel_values).toEqual({ a: 'fork', fixed: 'as ever' })
      expect(latest?.parentConfig?.configurable?.checkpoint_id).toBe(first)
    })
  })

  test('the latest checkpoint is the one stored last, also when a clock ran backwards', async () => {
    await withStore(async ({ store }) => {
      const checkpointer = new StateCheckpointer(store)
      const [early, late] = [uuid6(0), uuid6(0)]
      for (const id of [late, early]) {
        await checkpointer.put(thread('t'), { ...emptyCheckpoint(), id }, metadata, {})
      }
      expect((await checkpointer.getTuple(thread('t')))?.checkpoint.id).toBe(early)
    })
  })

  test('the first write of a task counts, and an interrupt may be replaced', async () => {
    await withStore(async ({ store }) => {
      const checkpointer = new StateCheckpointer(store)
      const [id] = await putChain(checkpointer, 't', 1)
      for (const value of ['one', 'two']) {
        await checkpointer.putWrites(thread('t', id), [['a', value]], 'again')
        await checkpointer.putWrites(thread('t', id), [['__interrupt__', value]], 'asks')
      }
      const tuple = await checkpointer.getTuple(thread('t', id))
      expect(tuple?.pendingWrites).toEqual([
        ['again', 'a', 'one'],
        ['asks', '__interrupt__', 'two'],
        ['task', 'a', 1],
      ])
    })
  })

  test('a retired thread goes away after its time with everything it had', async () => {
    await withStore(async ({ store, time }) => {
      const checkpointer = new StateCheckpointer(store)
      await putChain(checkpointer, 'done', 3)
      await checkpointer.retire('done', 1_000)
      expect((await checkpointer.getTuple(thread('done')))?.checkpoint.channel_values.a).toBe('value 3')
      time.nowMs += 1_001
      expect(await checkpointer.getTuple(thread('done'))).toBeUndefined()
      await store.sweep()
      expect(await keysOf(store)).toEqual([])
    })
  })

  test('a retired thread that moves on before its time stays, unchanged channels included', async () => {
    await withStore(async ({ store, time }) => {
      const checkpointer = new StateCheckpointer(store)
      const ids = await putChain(checkpointer, 't', 2)
      await checkpointer.retire('t', 1_000)
      const checkpoint = { ...emptyCheckpoint(), id: uuid6(5), channel_values: { a: 'on', fixed: 'as ever' } }
      const versions = { a: 9, fixed: 1 }
      await checkpointer.put(thread('t', ids[1]), { ...checkpoint, channel_versions: versions }, metadata, { a: 9 })
      time.nowMs += 1_001
      await store.sweep()
      expect((await checkpointer.getTuple(thread('t')))?.checkpoint.channel_values).toEqual({
        a: 'on',
        fixed: 'as ever',
      })
    })
  })

  test('deleting a thread leaves no key of it, and none of a thread whose name only begins the same', async () => {
    await withStore(async ({ store }) => {
      const checkpointer = new StateCheckpointer(store)
      for (const id of ['t', 't2', 't/2']) await putChain(checkpointer, id, 2)
      await checkpointer.deleteThread('t')
      expect(await checkpointer.getTuple(thread('t'))).toBeUndefined()
      for (const id of ['t2', 't/2'])
        expect((await checkpointer.getTuple(thread(id)))?.checkpoint.channel_values.a).toBe('value 2')
    })
  })

  test('a record that does not fit is refused with its key, not guessed at', async () => {
    await withStore(async ({ store }) => {
      await store.transact({ writes: [{ put: keys.head('t', ''), value: bytes('{"kept":"none"}') }] })
      await expect(new StateCheckpointer(store).getTuple(thread('t'))).rejects.toMatchObject({
        code: 'INTERNAL',
        message: expect.stringContaining('head/t'),
      })
    })
  })
})
