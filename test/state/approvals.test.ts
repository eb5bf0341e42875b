import { describe, expect, test } from 'vitest'
import { Approvals } from '../../src/state/approvals.ts'
import { bytes, text } from '../conformance/state.ts'
import { withStore } from './folder.ts'

const asked = (id: string, requestedAtMs = 5) => ({
  id,
  runId: 'r1',
  agent: 'modeling',
  threadId: 'r1/modeling',
  interruptId: 'i1',
  feed: 'acme/products',
  question: 'Which column is the brand?',
  candidates: [{ column: 'Marke', confidence: 0.6 }],
  blocking: true,
  owner: 'team-catalog',
  requestedAtMs,
})
const decision = (by: string) => ({ verdict: 'approved' as const, value: 'Marke', by, decidedAtMs: 9 })

describe('approvals', () => {
  test('a question is open until it is decided, oldest first', async () => {
    await withStore(async ({ store }) => {
      const approvals = new Approvals(store, { ttlMs: 1_000 })
      for (const [id, at] of [
        ['late', 20],
        ['early', 3],
        ['middle', 10],
      ] as const) {
        await approvals.request(asked(id, at))
      }
      expect((await approvals.listOpen()).map(({ id }) => id)).toEqual(['early', 'middle', 'late'])
      await approvals.decide('middle', decision('ann'))
      expect((await approvals.listOpen()).map(({ id }) => id)).toEqual(['early', 'late'])
      expect((await approvals.find('middle'))?.decision).toEqual(decision('ann'))
    })
  })

  test('asking again changes nothing, writes nothing along, and gives the record that stands', async () => {
    await withStore(async ({ store }) => {
      const approvals = new Approvals(store, { ttlMs: 1_000 })
      await approvals.request(asked('a'), [{ put: 'mark', value: bytes('first') }])
      await approvals.decide('a', decision('ann'))
      const again = await approvals.request({ ...asked('a'), question: 'other' }, [
        { put: 'mark', value: bytes('second') },
      ])
      expect(again).toMatchObject({ question: 'Which column is the brand?', decision: { by: 'ann' } })
      expect(text((await store.get('mark'))?.value)).toBe('first')
      expect(await approvals.listOpen()).toEqual([])
    })
  })

  test('of two who decide at once the first stands and both learn it', async () => {
    await withStore(async ({ store }) => {
      const approvals = new Approvals(store, { ttlMs: 1_000 })
      await approvals.request(asked('a'))
      const results = await Promise.all(['ann', 'bob'].map(by => approvals.decide('a', decision(by))))
      expect(results.map(({ decision }) => decision?.by)).toEqual(['ann', 'ann'])
      expect(results.map(({ first }) => first)).toEqual([true, false])
    })
  })

  test('deciding what was never asked is APPROVAL_UNKNOWN', async () => {
    await withStore(async ({ store }) => {
      const approvals = new Approvals(store, { ttlMs: 1_000 })
      await expect(approvals.decide('x', decision('ann'))).rejects.toMatchObject({ code: 'APPROVAL_UNKNOWN' })
    })
  })

  test('an open approval outlasts any time, a decided one goes away', async () => {
    await withStore(async ({ store, time }) => {
      const approvals = new Approvals(store, { ttlMs: 1_000 })
      await approvals.request(asked('open'))
      await approvals.request(asked('decided'))
      await approvals.decide('decided', decision('ann'))
      time.nowMs += 1_001
      await store.sweep()
      expect((await approvals.listOpen()).map(({ id }) => id)).toEqual(['open'])
      expect(await approvals.find('decided')).toBeUndefined()
    })
  })
})
