/** Runs that wait for a person: what stands still, what goes on, and how it goes on after an answer, always in another process. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect } from 'vitest'
import type { RunSummary } from '../../src/cli/chain.ts'
import { replay } from '../../src/cli/replay.ts'
import { decideApproval } from '../../src/runtime/decide-approval.ts'
import { orphans } from '../../src/telemetry/orphans.ts'
import { keeps } from '../promises.ts'
import { answer, csv, deliveryOf, namesOf, products, rowsOf, spansOf, statesOf, workspaceWith } from './support.ts'
import { type TestWorkspace, unbalanced } from './workspace.ts'

const [first, second, third] = [10, 11, 12].map(day => `acme/products-2026-01-${day}.csv`) as [string, string, string]
const other = 'bolt/lamps-2026-01-10.csv'
const feed = { vendor: 'acme', table: 'products' }

/** A feed whose name column is called something that the standard has never heard of. */
const strange = (from: number, to: number, price?: string) =>
  csv(
    products(from, to).map(({ sku, title, ...record }) => ({
      sku: sku ?? '',
      zzquux: title ?? '',
      price: price ?? record['price'] ?? '',
    })),
  )

describe('a required column that nothing in the feed is sure to be', () => {
  let workspace: TestWorkspace
  let waiting: RunSummary
  let resumed: RunSummary

  beforeAll(async () => {
    workspace = await workspaceWith({ [first]: strange(1, 30), [other]: csv(products(1, 25)) })
    waiting = await workspace.run()
    await workspace.land(second, strange(21, 40, '2.00'))
    await workspace.land(third, strange(31, 50, '3.00'))
  })

  keeps('P3', 'P6')(
    'makes the run wait with a question, its bronze rows loaded, while the other feed is published',
    () => {
      const { state, waitingFor, rowsLoaded } = deliveryOf(waiting, first)
      expect({ state, rowsLoaded }).toEqual({ state: 'waiting', rowsLoaded: 30 })
      expect(waitingFor).toHaveLength(1)
      const [asked] = waiting.approvals
      expect(asked).toMatchObject({ id: waitingFor[0], blocking: true, feed: 'acme/products' })
      expect(asked?.text).toContain('product_name')
      expect(asked?.options.map(option => option.answer)).toEqual(['sku', 'zzquux', 'price'])
      expect(asked?.owner).not.toBe('')
      expect(deliveryOf(waiting, other).state).toBe('published')
      expect(rowsOf(waiting, 'product_core.product')).toBe(25)
    },
  )

  keeps('P3', 'P6')(
    'parks later deliveries of the feed behind it, asks nobody twice, and a restart changes nothing',
    async () => {
      for (let restart = 0; restart < 2; restart += 1) {
        const still = await workspace.run()
        expect(statesOf(still)).toEqual({
          [first]: 'waiting',
          [second]: 'waiting',
          [third]: 'waiting',
          [other]: 'duplicate',
        })
        expect(still.approvals.map(({ id }) => id)).toEqual(deliveryOf(waiting, first).waitingFor)
        expect(rowsOf(still, 'product_core.product')).toBe(25)
      }
      const parked = await workspace.with(({ stores }) => stores.parked.waiting('modeling', 'acme/products'))
      expect(parked).toHaveLength(2)
    },
  )

  keeps(
    'P1',
    'P3',
    'P6',
  )('goes on with the answer, and the parked ones follow in their order', async () => {
    await answer(workspace, 'mapping:product_name', { answer: 'zzquux' })
    resumed = await workspace.run()
    expect(statesOf(resumed)).toEqual({
      [first]: 'published',
      [second]: 'published',
      [third]: 'published',
      [other]: 'duplicate',
    })
    expect(unbalanced(resumed)).toEqual([])
    expect(resumed.approvals).toEqual([])
    expect(
      await workspace.query(
        `SELECT list_price, count(*), count(product_name) FROM product_core.product
          WHERE _vendor_name = 'acme' AND product_id >= '01021' GROUP BY 1 ORDER BY 1`,
      ),
    ).toEqual([
      ['2.0000', 10, 10],
      ['3.0000', 20, 20],
    ])
  })

  keeps('P5', 'P6')(
    'resumes exactly there: nothing before the question runs again, and the trace stays one',
    async () => {
      const spans = await spansOf(workspace, deliveryOf(resumed, first).runId)
      expect(orphans(spans)).toEqual([])
      expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1)
      const times = (name: string) => namesOf(spans).filter(other => other === name).length
      expect({
        planner: times('invoke_agent planner'),
        load: times('execute_tool lakehouse.run_load_plan'),
        map: times('node map'),
        stage: times('node stage'),
      }).toEqual({ planner: 1, load: 1, map: 1, stage: 1 })
    },
  )

  keeps('P6')('remembers the answer: the parked ones and whatever comes next are mapped from memory', async () => {
    for (const file of [second, third]) {
      expect(deliveryOf(resumed, file).decisions).toMatchObject({ evidence: 0, person: 0 })
    }
    const mapping = await workspace.with(({ catalog }) => catalog.mapping(feed))
    expect(mapping?.version).toBe(1)
    expect(mapping?.columns.find(({ column }) => column === 'product_name')).toMatchObject({
      sourceColumns: ['zzquux'],
      status: 'accepted',
      step: 'person',
      decidedBy: 'ada',
    })
  })
})

describe('an answer', () => {
  const asking = async () => {
    const workspace = await workspaceWith({ [first]: strange(1, 30) })
    const [id = ''] = deliveryOf(await workspace.run(), first).waitingFor
    return { workspace, id }
  }
  const decide = (workspace: TestWorkspace, id: string, chosen: string) =>
    workspace.with(place => decideApproval(place, id, { verdict: 'approved', answer: chosen, by: 'bea' }))

  keeps('P6')('that is no option is refused with those there are, and the question stays open', async () => {
    const { workspace, id } = await asking()
    await expect(decide(workspace, id, 'no such column')).rejects.toMatchObject({
      code: 'USAGE',
      wayOut: expect.stringContaining('zzquux'),
    })
    expect(await workspace.with(({ stores }) => stores.approvals.open())).toHaveLength(1)
  })

  keeps('P2', 'P6')('given twice is taken once; another one after it is refused, and the first stands', async () => {
    const { workspace, id } = await asking()
    await decide(workspace, id, 'zzquux')
    await decide(workspace, id, 'zzquux')
    await expect(decide(workspace, id, 'price')).rejects.toMatchObject({ code: 'APPROVAL_UNKNOWN' })
    const summary = await workspace.run()
    expect(deliveryOf(summary, first)).toMatchObject({ state: 'published', rowsPublished: 30 })
    expect(rowsOf(summary, 'product_core.product')).toBe(30)
    await expect(decide(workspace, id, 'price')).rejects.toMatchObject({ code: 'APPROVAL_UNKNOWN' })
  })

  keeps('P6')('to a run whose file somebody has taken out of landing by then: published and told', async () => {
    const { workspace } = await asking()
    await rm(join(workspace.dir, 'landing', first))
    expect((await workspace.run()).deliveries).toEqual([])
    await answer(workspace, 'mapping:product_name', { answer: 'zzquux' })
    expect(deliveryOf(await workspace.run(), first)).toMatchObject({ state: 'published', rowsPublished: 30 })
    expect((await workspace.run()).deliveries).toEqual([])
  })

  keeps('P3', 'P6')(
    'of no fails the run with owner and way out, and the feed goes on: the next delivery asks anew',
    async () => {
      const { workspace, id } = await asking()
      await workspace.land(second, strange(31, 60))
      await workspace.run()
      await answer(workspace, 'mapping:product_name', { verdict: 'rejected' })
      const summary = await workspace.run()
      expect(statesOf(summary)).toEqual({ [first]: 'failed', [second]: 'waiting' })
      const { failure, runId } = deliveryOf(summary, first)
      expect(failure).toMatchObject({
        code: 'APPROVAL_REJECTED',
        agent: 'modeling',
        wayOut: expect.stringMatching(/replay/),
      })
      expect(failure?.owner).not.toBe('')
      const letters = await workspace.with(({ stores }) => stores.deadLetters.all())
      expect(letters.map(letter => letter.id)).toEqual([runId])
      expect(deliveryOf(summary, second).waitingFor).not.toContain(id)

      await answer(workspace, 'mapping:product_name', { answer: 'zzquux' })
      await workspace.with(place => replay(place, runId))
      const settled = await workspace.run()
      expect(statesOf(settled)).toEqual({ [first]: 'published', [second]: 'published' })
      expect(rowsOf(settled, 'product_core.product')).toBe(60)
    },
  )
})

describe('an optional column that two columns of the feed could be', () => {
  let workspace: TestWorkspace
  let before: RunSummary

  beforeAll(async () => {
    workspace = await workspaceWith({ [first]: csv(products(1, 30, { color: 'red', colour: 'rot' })) })
    before = await workspace.run()
  })

  keeps('P6')('is left null and asked about while the delivery is published', async () => {
    expect(deliveryOf(before, first)).toMatchObject({ state: 'published', rowsPublished: 30, waitingFor: [] })
    expect(before.approvals).toEqual([
      expect.objectContaining({ blocking: false, feed: 'acme/products', text: expect.stringContaining('color_name') }),
    ])
    expect(await workspace.query('SELECT DISTINCT color_name FROM product_core.product')).toEqual([[null]])
  })

  keeps('P6', 'P7')(
    'once decided: the mapping gets a version, and the rows in core are made again from bronze',
    async () => {
      await answer(workspace, 'mapping:color_name', { answer: 'colour' })
      const after = await workspace.run()
      expect(deliveryOf(after, first)).toMatchObject({ state: 'published', rowsPublished: 30 })
      expect(unbalanced(after)).toEqual([])
      expect(after.approvals).toEqual([])
      expect(await workspace.query('SELECT DISTINCT color_name, _mapping_version FROM product_core.product')).toEqual([
        ['rot', 2],
      ])
      const bronzeAt = (summary: RunSummary) => summary.tables.find(({ name }) => name === 'product_raw.acme_products')
      expect(bronzeAt(after)).toEqual(bronzeAt(before))
      expect(rowsOf(after, 'product_core.product')).toBe(30)
    },
  )

  keeps('P2', 'P6')('is not made again by the run after that', async () => {
    const once = await workspace.run()
    const twice = await workspace.run()
    expect(statesOf(twice)).toEqual({ [first]: 'duplicate' })
    expect(twice.tables).toEqual(once.tables)
    expect(twice.approvals).toEqual([])
  })
})
