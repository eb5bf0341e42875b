import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Approvals } from '../../src/state/approvals.ts'
import { bytes, text } from '../conformance/state.ts'
import { withStore } from './folder.ts'

const hex = (text: string, length: number) => createHash('sha256').update(text).digest('hex').slice(0, length)
const idOf = (name: string) => `a_${hex(name, 16)}`

const asked = (name: string, requestedAtMs = 5, text = 'Which column is the brand?') => {
  const feed = { vendor: 'acme', table: 'products' }
  const requestedAt = new Date(requestedAtMs).toISOString()
  return {
    threadId: 'r1/modeling',
    about: {
      run: {
        id: `r_${hex('run', 24)}`,
        traceId: hex('trace', 32),
        cause: { kind: 'delivered' as const },
        budget: { toolCalls: 1, wallMs: 1, startedAt: requestedAt },
      },
      delivery: {
        id: `d_${hex('delivery', 24)}`,
        feed,
        file: 'acme/products.csv',
        stored: 'store/products.csv',
        sha256: hex('content', 64),
        sizeBytes: 1,
        receivedAt: requestedAt,
        ingestionDate: '1970-01-01',
      },
    },
    approval: {
      id: idOf(name),
      runId: `r_${hex('run', 24)}`,
      agent: 'modeling',
      feed,
      blocking: true,
      interruptId: 'i1',
      question: {
        subject: 'mapping:brand',
        text,
        options: [{ answer: 'marke', text: 'Marke', confidence: 0.6 }],
        suggested: 'marke',
        owner: 'team-catalog',
        evidence: [],
      },
      requestedAt,
    },
  }
}
const decision = (by: string) => ({ verdict: 'approved' as const, answer: 'marke', by, at: new Date(9).toISOString() })
const openIds = async (approvals: Approvals) => (await approvals.open()).map(({ approval }) => approval.id)

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
      expect(await openIds(approvals)).toEqual(['early', 'middle', 'late'].map(idOf))
      await approvals.decide(idOf('middle'), decision('ann'))
      expect(await openIds(approvals)).toEqual(['early', 'late'].map(idOf))
      expect((await approvals.find(idOf('middle')))?.decision).toEqual(decision('ann'))
    })
  })

  test('asking again changes nothing, writes nothing along, and gives the record that stands', async () => {
    await withStore(async ({ store }) => {
      const approvals = new Approvals(store, { ttlMs: 1_000 })
      await approvals.request(asked('a'), [{ put: 'mark', value: bytes('first') }])
      await approvals.decide(idOf('a'), decision('ann'))
      const again = await approvals.request(asked('a', 5, 'other'), [{ put: 'mark', value: bytes('second') }])
      expect(again).toMatchObject({
        approval: { question: { text: 'Which column is the brand?' } },
        decision: { by: 'ann' },
      })
      expect(text((await store.get('mark'))?.value)).toBe('first')
      expect(await approvals.open()).toEqual([])
    })
  })

  test('of two who decide at once the first stands and both learn it', async () => {
    await withStore(async ({ store }) => {
      const approvals = new Approvals(store, { ttlMs: 1_000 })
      await approvals.request(asked('a'))
      const results = await Promise.all(['ann', 'bob'].map(by => approvals.decide(idOf('a'), decision(by))))
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
      await approvals.decide(idOf('decided'), decision('ann'))
      time.nowMs += 1_001
      await store.sweep()
      expect(await openIds(approvals)).toEqual([idOf('open')])
      expect(await approvals.find(idOf('decided'))).toBeUndefined()
    })
  })
})
