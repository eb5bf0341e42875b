/** A feed that changes: new contract versions with a diff, columns by field id, and policy's word on each kind of change. */
import { beforeAll, describe, expect } from 'vitest'
import type { RunSummary } from '../../src/cli/chain.ts'
import { keeps } from '../promises.ts'
import { answer, csv, deliveryOf, products, rowsOf, setting, statesOf, workspaceWith } from './support.ts'
import { type TestWorkspace, unbalanced } from './workspace.ts'

const [first, second, third] = [10, 11, 12].map(day => `acme/products-2026-01-${day}.csv`) as [string, string, string]
const feed = { vendor: 'acme', table: 'products' }
const bronze = { namespace: 'product_raw', name: 'acme_products' }

describe('a feed that brings one optional column more', () => {
  let workspace: TestWorkspace
  let idsBefore: Record<string, number>
  let summary: RunSummary

  const fieldIds = () =>
    workspace.with(async ({ lakehouse }) =>
      Object.fromEntries((await lakehouse.loadTable(bronze)).columns.map(({ name, id }) => [name, id])),
    )

  beforeAll(async () => {
    workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
    await workspace.run()
    idsBefore = await fieldIds()
    await workspace.land(second, csv(products(31, 60, { color: 'red' })))
    summary = await workspace.run()
  })

  keeps('P12')('is published under the next version of its contract, which says what changed', async () => {
    expect(deliveryOf(summary, second)).toMatchObject({ state: 'published', rowsPublished: 30, waitingFor: [] })
    expect(unbalanced(summary)).toEqual([])
    const [one, two] = await workspace.with(async ({ catalog }) => [
      await catalog.contract(feed, 1),
      await catalog.contract(feed),
    ])
    expect([one?.version, two?.version]).toEqual([1, 2])
    expect(one?.columns.map(({ name }) => name)).toEqual(['sku', 'title', 'price'])
    expect(two?.columns.find(({ name }) => name === 'color')).toMatchObject({ sourceName: 'color', nullable: true })
  })

  keeps('P12')(
    'gains a column of the table under a field id of its own, null in the rows that came before',
    async () => {
      const ids = await fieldIds()
      expect(ids).toMatchObject(idsBefore)
      expect(Object.values(idsBefore)).not.toContain(ids['color'])
      expect(
        await workspace.query('SELECT color, count(*) FROM product_raw.acme_products GROUP BY 1 ORDER BY 1'),
      ).toEqual([
        ['red', 30],
        [null, 30],
      ])
    },
  )

  keeps('P12')('reaches core: the mapping has a new version, and the rows of both deliveries are in it', async () => {
    expect(
      await workspace.query('SELECT color_name, count(*) FROM product_core.product GROUP BY 1 ORDER BY 1'),
    ).toEqual([
      ['red', 30],
      [null, 30],
    ])
    expect((await workspace.with(({ catalog }) => catalog.mapping(feed)))?.version).toBe(2)
  })

  keeps('P6', 'P12')('asks nothing again when it comes once more, and nothing is left to do after that', async () => {
    await workspace.land(third, csv(products(61, 90, { color: 'blue' })))
    const next = await workspace.run()
    expect(deliveryOf(next, third)).toMatchObject({ state: 'published', decisions: { evidence: 0, person: 0 } })
    const settled = await workspace.run()
    expect(new Set(Object.values(statesOf(settled)))).toEqual(new Set(['duplicate']))
    expect(settled.tables).toEqual(next.tables)
  })
})

keeps('P6', 'P12')(
  'a column that is gone: policy asks, a person approves, the column stays in the table as null',
  async () => {
    const workspace = await workspaceWith({ [first]: csv(products(1, 30, { color: 'red' })) })
    await workspace.run()
    await workspace.land(second, csv(products(31, 60)))
    const waiting = await workspace.run()
    expect(deliveryOf(waiting, second)).toMatchObject({ state: 'waiting', waitingFor: [expect.stringMatching(/^a_/)] })
    expect(rowsOf(waiting, 'product_raw.acme_products')).toBe(30)
    await answer(workspace, 'drift')
    const summary = await workspace.run()
    expect(deliveryOf(summary, second)).toMatchObject({ state: 'published', rowsPublished: 30 })
    expect(
      await workspace.query('SELECT color, count(*) FROM product_raw.acme_products GROUP BY 1 ORDER BY 1'),
    ).toEqual([
      ['red', 30],
      [null, 30],
    ])
  },
)

keeps('P7', 'P12')(
  'a change that policy refuses: the delivery fails with owner and way out, and passes once policy accepts',
  async () => {
    const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
    await workspace.edit('policies/autonomy.yaml', setting('columnAdded', 'refuse'))
    await workspace.run()
    await workspace.land(second, csv(products(31, 60, { color: 'red' })))
    const refused = await workspace.run()
    const { state, failure } = deliveryOf(refused, second)
    expect(state).toBe('failed')
    expect(failure).toMatchObject({ code: 'CONTRACT_BROKEN', message: expect.stringContaining('color') })
    expect(failure?.owner).not.toBe('')
    expect(rowsOf(refused, 'product_raw.acme_products')).toBe(30)

    await workspace.edit('policies/autonomy.yaml', setting('columnAdded', 'accept'))
    await workspace.land(third, csv(products(61, 90, { color: 'red' })))
    expect(deliveryOf(await workspace.run(), third)).toMatchObject({ state: 'published', rowsPublished: 30 })
  },
)

keeps('P12')(
  'columns in another order and another delimiter: no question, and every value under its own name',
  async () => {
    const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
    await workspace.run()
    await workspace.land(second, csv(products(31, 60), ['price', 'sku', 'title']).replaceAll(',', ';'))
    const summary = await workspace.run()
    expect(deliveryOf(summary, second)).toMatchObject({ state: 'published', rowsPublished: 30 })
    expect(await workspace.query("SELECT title, price FROM product_raw.acme_products WHERE sku = '01031'")).toEqual([
      ['Lamp number 31', '31.50'],
    ])
  },
)
