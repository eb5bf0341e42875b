import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keys } from '../../src/state/keys.ts'
import { ParkedMessages } from '../../src/state/parked.ts'
import { message } from '../conformance/bus-handles.ts'
import { bytes, text } from '../conformance/state.ts'
import { withStore } from './folder.ts'

const approval = { kind: 'approval', approvalId: 'a1', runId: 'r1', sinceMs: 5 } as const
const feed = ['planner', 'acme/products'] as const
const id = (number: number | string) => `e${number}`

describe('parked messages', () => {
  test('a feed that waits for nothing parks nothing', async () => {
    await withStore(async ({ store }) => {
      const parked = new ParkedMessages(store)
      expect(await parked.park(...feed, id(1), message('a', '1'))).toEqual({ kind: 'open' })
      expect(await parked.holdOf(...feed)).toBeUndefined()
      expect(await parked.release(...feed)).toEqual({ kind: 'open' })
    })
  })

  test('messages behind a hold come out in order, one at a time, and the feed opens when none is left', async () => {
    await withStore(async ({ store, clock }) => {
      const parked = new ParkedMessages(store, { clock })
      await parked.hold(...feed, approval)
      for (const number of [1, 2]) {
        const result = await parked.park(...feed, id(number), message('a', String(number)))
        expect(result).toEqual({ kind: 'parked', hold: approval })
      }
      const first = await parked.release(...feed)
      expect(first).toMatchObject({ kind: 'next', number: 0, message: { headers: { ce_id: 'numbers/a/1' } } })
      expect(await parked.holdOf(...feed)).toMatchObject({ kind: 'draining' })
      expect(await parked.release(...feed, 0)).toMatchObject({ kind: 'next', number: 1 })
      expect(await parked.release(...feed, 1)).toEqual({ kind: 'open' })
      expect(await store.scan({ prefix: '' })).toEqual([])
    })
  })

  test('a message that comes while the parked ones are worked off queues behind them', async () => {
    await withStore(async ({ store }) => {
      const parked = new ParkedMessages(store)
      await parked.hold(...feed, approval)
      await parked.park(...feed, id(1), message('a', '1'))
      await parked.release(...feed)
      expect(await parked.park(...feed, id(2), message('a', '2'))).toMatchObject({ kind: 'parked' })
      expect(await parked.release(...feed, 0)).toMatchObject({ kind: 'next', number: 1 })
    })
  })

  test('crash before a parked message was dealt with: release gives the same one again', async () => {
    await withStore(async ({ store }) => {
      const parked = new ParkedMessages(store)
      await parked.hold(...feed, approval)
      await parked.park(...feed, id(1), message('a', '1'))
      const first = await parked.release(...feed)
      expect(await parked.release(...feed)).toEqual(first)
    })
  })

  test('a message delivered twice is parked once', async () => {
    await withStore(async ({ store }) => {
      const parked = new ParkedMessages(store)
      await parked.hold(...feed, approval)
      for (let time = 0; time < 2; time += 1) await parked.park(...feed, id(1), message('a', '1'))
      expect((await parked.waiting(...feed)).length).toBe(1)
    })
  })

  test('a parked run may come to wait again: later messages stay behind it', async () => {
    await withStore(async ({ store }) => {
      const parked = new ParkedMessages(store)
      await parked.hold(...feed, approval)
      for (const number of [1, 2]) await parked.park(...feed, id(number), message('a', String(number)))
      await parked.release(...feed)
      await parked.hold(...feed, { ...approval, approvalId: 'a2' })
      expect(await parked.holdOf(...feed)).toMatchObject({ approvalId: 'a2' })
      expect(await parked.release(...feed, 0)).toMatchObject({ number: 1 })
    })
  })

  test('only the feed itself is held, and the agent can list what waits', async () => {
    await withStore(async ({ store }) => {
      const parked = new ParkedMessages(store)
      await parked.hold('planner', 'a/b', approval)
      expect(await parked.holdOf('planner', 'a')).toBeUndefined()
      expect(await parked.holdOf('modeling', 'a/b')).toBeUndefined()
      expect(await parked.holds('planner')).toEqual([{ feed: 'a/b', hold: approval }])
    })
  })

  test('what goes along is written with it, and not when its check fails', async () => {
    await withStore(async ({ store, time }) => {
      const parked = new ParkedMessages(store)
      const lease = { name: 't', token: (await store.acquireLease('t', 'me', 100))!.token }
      const along = { checks: [{ lease }], writes: [{ put: 'mark', value: bytes('yes') }] }
      await parked.hold(...feed, approval, along)
      expect(text((await store.get('mark'))?.value)).toBe('yes')
      time.nowMs += 101
      await expect(parked.park(...feed, id(1), message('a', '1'), along)).rejects.toMatchObject({ code: 'LEASE_LOST' })
      expect(await store.get(keys.parkedId(...feed, id(1)))).toBeUndefined()
    })
  })

  test('any mix of arrivals and releases: every message comes out exactly once, in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 30 }), async arrivals => {
        await withStore(async ({ store }) => {
          const parked = new ParkedMessages(store)
          await parked.hold(...feed, approval)
          const out: string[] = []
          let finished: number | undefined
          let sent = 0
          const send = async () => {
            const next = message('a', String(sent))
            if ((await parked.park(...feed, id(sent), next)).kind === 'open') out.push(next.headers.ce_id!)
            sent += 1
          }
          const release = async () => {
            const released = await parked.release(...feed, finished)
            finished = released.kind === 'next' ? released.number : undefined
            if (released.kind === 'next') out.push(released.message.headers.ce_id!)
            return released.kind
          }
          for (const arrival of arrivals) await (arrival ? send() : release())
          while ((await release()) === 'next') {}
          expect(out).toEqual(Array.from({ length: sent }, (_, number) => `numbers/a/${number}`))
        })
      }),
      { numRuns: 20 },
    )
  })
})
