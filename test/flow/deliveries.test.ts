/** Deliveries of a known feed: what a later one does to an earlier one's rows, and what it costs. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Bus } from '../../bus/bus.ts'
import { replay } from '../../src/cli/replay.ts'
import { keeps } from '../promises.ts'
import {
  csv,
  deliveryOf,
  product,
  products,
  rowsOf,
  setting,
  skuOf,
  statesOf,
  withCheck,
  workspaceWith,
} from './support.ts'
import { unbalanced } from './workspace.ts'

const [first, second, third] = [10, 11, 12].map(day => `acme/products-2026-01-${day}.csv`) as [string, string, string]

keeps('P3', 'P8')(
  'a known feed: its second delivery is decided from memory, replaces rows of its keys and leaves the others',
  async () => {
    const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
    await workspace.run()
    const dearer = products(21, 40).map(record => ({ ...record, price: '99.00' }))
    await workspace.land(second, csv(dearer))
    const summary = await workspace.run()
    expect(statesOf(summary)).toEqual({ [first]: 'duplicate', [second]: 'published' })
    expect(unbalanced(summary)).toEqual([])

    const { decisions, id } = deliveryOf(summary, second)
    expect(decisions.memory).toBeGreaterThan(0)
    expect(decisions).toMatchObject({ evidence: 0, model: 0, person: 0 })

    expect(rowsOf(summary, 'product_raw.acme_products')).toBe(50)
    expect(rowsOf(summary, 'product_core.product')).toBe(40)
    expect(
      await workspace.query(
        `SELECT _delivery_id = '${id}' AS later, count(*), min(list_price), max(list_price) FROM product_core.product
        GROUP BY 1 ORDER BY 1`,
      ),
    ).toEqual([
      [false, 20, '1.5000', '20.5000'],
      [true, 20, '99.0000', '99.0000'],
    ])
  },
)

keeps('P3')(
  'three deliveries of a feed found at once are taken in the order of their names, whatever the disk says',
  async () => {
    const priced = (price: string) => csv(products(1, 30).map(record => ({ ...record, price })))
    // Landed newest first: the time of change says the opposite of the name.
    const workspace = await workspaceWith({
      [third]: priced('3.00'),
      [second]: priced('2.00'),
      [first]: priced('1.00'),
    })
    const summary = await workspace.run()
    expect(statesOf(summary)).toEqual({ [first]: 'published', [second]: 'published', [third]: 'published' })
    expect(await workspace.query('SELECT DISTINCT list_price FROM product_core.product')).toEqual([['3.0000']])
    const order = await workspace.query(
      'SELECT DISTINCT _source_file, _ingested_at FROM product_raw.acme_products ORDER BY 2',
    )
    expect(order.map(([name]) => name)).toEqual([first, second, third])
  },
)

keeps('P1')(
  'a delivery that names an article twice: the later row reaches core, the others are counted as superseded',
  async () => {
    const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
    await workspace.run()
    const again = [product(3, { price: '33.00' }), product(4, { price: '44.00' }), product(3, { price: '333.00' })]
    await workspace.land(second, csv([...products(1, 30), ...again]))
    const summary = await workspace.run()
    expect(deliveryOf(summary, second)).toMatchObject({
      state: 'published',
      rowsRead: 33,
      rowsLoaded: 33,
      rowsPublished: 30,
      rowsSuperseded: 3,
    })
    expect(rowsOf(summary, 'product_core.product')).toBe(30)
    expect(
      await workspace.query(
        `SELECT list_price FROM product_core.product WHERE product_id IN ('${skuOf(3)}', '${skuOf(4)}') ORDER BY 1`,
      ),
    ).toEqual([['44.0000'], ['333.0000']])
  },
)

keeps(
  'P1',
  'P3',
  'P7',
)(
  'a rule that changes after two full deliveries: core is made again and what was gone from the second stays gone',
  async () => {
    const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
    await workspace.edit('vendors.yaml', setting('vendors', '{acme: {deliveryMode: full}}'))
    await workspace.run()
    await workspace.land(second, csv(products(11, 35)))
    await workspace.run()
    const rule = '{id: any, column: list_price, expression: list_price >= 0, severity: warn, message: No., owner: ada}'
    await workspace.edit('rules/quality.yaml', withCheck(rule))
    const summary = await workspace.run()
    expect(statesOf(summary)).toEqual({ [first]: 'published', [second]: 'published' })
    expect(unbalanced(summary)).toEqual([])
    expect(
      await workspace.query('SELECT min(product_id), max(product_id), count(*) FROM product_core.product'),
    ).toEqual([[skuOf(11), skuOf(35), 25]])
    expect(statesOf(await workspace.run())).toEqual({ [first]: 'duplicate', [second]: 'duplicate' })
  },
)

keeps('P1', 'P3')('full deliveries found all at once: core holds what the last one has', async () => {
  const files = { [first]: csv(products(1, 30)), [second]: csv(products(11, 40)), [third]: csv(products(21, 50)) }
  const workspace = await workspaceWith(files)
  await workspace.edit('vendors.yaml', setting('vendors', '{acme: {deliveryMode: full}}'))
  const summary = await workspace.run()
  expect(statesOf(summary)).toEqual({ [first]: 'published', [second]: 'published', [third]: 'published' })
  expect(unbalanced(summary)).toEqual([])
  expect(await workspace.query('SELECT min(product_id), max(product_id), count(*) FROM product_core.product')).toEqual([
    [skuOf(21), skuOf(50), 30],
  ])
})

keeps('P1')(
  'a vendor whose deliveries are everything it has: what is gone from the delivery is gone from core, bronze keeps it',
  async () => {
    const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
    await workspace.edit('vendors.yaml', setting('vendors', '{acme: {deliveryMode: full}}'))
    await workspace.run()
    await workspace.land(second, csv(products(11, 35)))
    const summary = await workspace.run()
    expect(deliveryOf(summary, second)).toMatchObject({ state: 'published', rowsPublished: 25 })
    expect(
      await workspace.query('SELECT min(product_id), max(product_id), count(*) FROM product_core.product'),
    ).toEqual([[skuOf(11), skuOf(35), 25]])
    expect(rowsOf(summary, 'product_raw.acme_products')).toBe(55)
  },
)

keeps('P1')('a vendor whose deliveries are what has changed: what is not in the delivery stays', async () => {
  const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
  await workspace.run()
  await workspace.land(second, csv(products(11, 35)))
  const summary = await workspace.run()
  expect(rowsOf(summary, 'product_core.product')).toBe(35)
})

keeps('P8')(
  'a run that needs more tool calls than policy grants fails, says whose policy it is, and goes through once it grants them',
  async () => {
    const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
    await workspace.edit('policies/spending.yaml', setting('toolCalls', 5))
    const summary = await workspace.run()
    const { state, failure, runId } = deliveryOf(summary, first)
    expect(state).toBe('failed')
    expect(failure).toMatchObject({ code: 'BUDGET_EXHAUSTED', wayOut: expect.stringContaining('policy') })
    await workspace.edit('policies/spending.yaml', setting('toolCalls', 400))
    await workspace.with(place => replay(place, runId))
    expect(deliveryOf(await workspace.run(), first)).toMatchObject({ state: 'published', rowsPublished: 30 })
  },
)

keeps('P9')(
  'the SQL that loads and stages a delivery is kept with its run, and another workspace compiles the same',
  async () => {
    const kept = async () => {
      const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
      const { runId } = deliveryOf(await workspace.run(), first)
      return keptSql(workspace.dir, runId)
    }
    const [one, other] = [await kept(), await kept()]
    expect(Object.keys(one).length).toBeGreaterThan(1)
    expect(other).toEqual(one)
  },
)

keeps('P2', 'P7')(
  'what a process took and died before it said so: the next run says it, and makes again what that governs anew',
  async () => {
    const workspace = await workspaceWith({
      [first]: csv(products(1, 30)),
      [second]: csv(products(31, 40, { brand: 'Oak' })),
    })
    const mute = {
      bus: (bus: Bus) => {
        bus.publish = () => Promise.reject(new Error('dead'))
        return bus
      },
    }
    await expect(workspace.with(place => place.intake.look(), mute)).rejects.toThrow('dead')
    await workspace.run()
    expect(await workspace.query('SELECT DISTINCT _mapping_version FROM product_core.product')).toEqual([[2]])
  },
)

/** The texts kept with a run, without what is of the place and the hour. */
async function keptSql(dir: string, runId: string): Promise<Record<string, string>> {
  const below = await readdir(join(dir, '.aiworkflow'), { recursive: true, withFileTypes: true })
  const files = below.filter(entry => entry.isFile() && entry.parentPath.endsWith(runId) && entry.name.endsWith('.sql'))
  const texts = files.map(async ({ parentPath, name }) => {
    const text = (await readFile(join(parentPath, name), 'utf8')).replaceAll(dir, '')
    return [name, text.replace(/\d{4}-\d\d-\d\d[T ][\d:.]+Z?/g, 'then').replace(/[0-9a-f-]{36}/g, 'scratch')] as const
  })
  return Object.fromEntries((await Promise.all(texts)).sort(([a], [b]) => (a < b ? -1 : 1)))
}
