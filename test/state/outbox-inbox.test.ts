import { describe, expect, test } from 'vitest'
import { Inbox } from '../../src/state/inbox.ts'
import { Outbox, outboxWrites } from '../../src/state/outbox.ts'
import { message } from '../conformance/bus-handles.ts'
import { withStore } from './folder.ts'

describe('inbox', () => {
  test('an event is new to an agent until it was recorded, to another agent it stays new, and after its time it is again', async () => {
    await withStore(async ({ store, time }) => {
      const inbox = new Inbox(store, { ttlMs: 1_000 })
      expect(await inbox.find('planner', 'e/1')).toBeUndefined()
      await inbox.record('planner', 'e/1', { outcome: 'done', runId: 'r', atMs: 5 })
      expect(await inbox.find('planner', 'e/1')).toEqual({ outcome: 'done', runId: 'r', atMs: 5 })
      expect(await inbox.find('modeling', 'e/1')).toBeUndefined()
      time.nowMs += 1_001
      expect(await inbox.find('planner', 'e/1')).toBeUndefined()
    })
  })
})

describe('outbox', () => {
  const ids = async (outbox: Outbox, agent = 'planner') =>
    (await outbox.pending(agent)).map(({ message }) => message.headers.ce_id)

  test('messages come out in the order of steps and within a step, bytes as they went in', async () => {
    await withStore(async ({ store }) => {
      const outbox = new Outbox(store)
      const odd = { ...message('a', '1'), value: new Uint8Array([0, 255, 10]) }
      const twelve = Array.from({ length: 12 }, (_, number) => message('b', String(number)))
      await store.transact({ writes: outboxWrites('planner', 'step-2', twelve) })
      await store.transact({ writes: outboxWrites('planner', 'step-1', [odd]) })
      await store.transact({ writes: outboxWrites('modeling', 'step-0', [message('c', '1')]) })
      const pending = await outbox.pending('planner')
      expect([...pending[0]!.message.value]).toEqual([0, 255, 10])
      expect(await ids(outbox)).toEqual(['numbers/a/1', ...twelve.map(({ headers }) => headers.ce_id)])
    })
  })

  test('the same step added again has its messages once', async () => {
    await withStore(async ({ store }) => {
      for (let time = 0; time < 2; time += 1) {
        await store.transact({ writes: outboxWrites('planner', 'step', [message('a', '1')]) })
      }
      expect(await ids(new Outbox(store))).toEqual(['numbers/a/1'])
    })
  })

  test('flush publishes in order and removes; when publishing fails the messages stay', async () => {
    await withStore(async ({ store }) => {
      const outbox = new Outbox(store)
      const messages = Array.from({ length: 150 }, (_, number) => message('a', String(number)))
      await store.transact({ writes: outboxWrites('planner', 'step', messages) })
      await expect(outbox.flush('planner', () => Promise.reject(new Error('no bus')))).rejects.toThrow('no bus')
      const published: (string | undefined)[] = []
      const publish = async (batch: readonly { headers: Readonly<Record<string, string>> }[]) => {
        published.push(...batch.map(({ headers }) => headers.ce_id))
      }
      expect(await outbox.flush('planner', publish)).toBe(150)
      expect(published).toEqual(messages.map(({ headers }) => headers.ce_id))
      expect(await ids(outbox)).toEqual([])
    })
  })
})
