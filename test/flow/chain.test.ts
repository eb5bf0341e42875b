/** One delivery through all four agents: what is in the tables, what is in the trace, and what a second look finds. */
import { beforeAll, describe, expect } from 'vitest'
import { agentNames, chain } from '../../contracts/chain.ts'
import type { RunSummary } from '../../src/cli/chain.ts'
import { orphans } from '../../src/telemetry/orphans.ts'
import type { SpanRecord } from '../../src/telemetry/record.ts'
import { keeps } from '../promises.ts'
import {
  csv,
  deliveryOf,
  namesOf,
  pathOf,
  product,
  products,
  rowsOf,
  skuOf,
  spansOf,
  workspaceWith,
} from './support.ts'
import { type TestWorkspace, unbalanced } from './workspace.ts'

const file = 'acme/products-2026-01-10.csv'

describe('a CSV of 42 records, one with words for a price and one with a price below zero', () => {
  let workspace: TestWorkspace
  let first: RunSummary
  let spans: SpanRecord[]

  beforeAll(async () => {
    const broken = [product(41, { price: 'call us' }), product(42, { price: '-5.00' })]
    workspace = await workspaceWith({ [file]: csv([...products(1, 40), ...broken]) })
    first = await workspace.run()
    spans = await spansOf(workspace, deliveryOf(first, file).runId)
  })

  keeps('P1')('is published, and every record of it is accounted for in both stages', () => {
    expect(deliveryOf(first, file)).toMatchObject({
      vendor: 'acme',
      table: 'products',
      state: 'published',
      rowsRead: 42,
      rowsLoaded: 41,
      rowsInError: 1,
      rowsPublished: 40,
      rowsRejectedInCore: 1,
      rowsSuperseded: 0,
      waitingFor: [],
    })
    expect(first.errors).toEqual([])
    expect(unbalanced(first)).toEqual([])
    expect(rowsOf(first, 'product_raw.acme_products')).toBe(41)
    expect(rowsOf(first, 'product_raw.ingest_errors')).toBe(2)
    expect(rowsOf(first, 'product_core.product')).toBe(40)
  })

  keeps('P1')(
    'leaves in the error table where each broken record was, why it broke, whose it is and what it said',
    async () => {
      const errors = await workspace.query(
        `SELECT stage, column_name, source_line, raw_record, error_code IS NOT NULL, length(error_message) > 0, length(owner) > 0,
        source_file, vendor_name, table_name, contract_version FROM product_raw.ingest_errors ORDER BY stage`,
      )
      expect(errors).toEqual([
        ['bronze', 'price', 42, expect.stringContaining('call us'), true, true, true, file, 'acme', 'products', 1],
        ['core', 'list_price', null, expect.stringContaining(skuOf(42)), true, true, true, file, 'acme', 'products', 1],
      ])
    },
  )

  keeps('P1')(
    'stands in core under the names and types of the standard, article numbers with their leading zero',
    async () => {
      const rows = await workspace.query(
        `SELECT product_id, product_name, list_price, _vendor_name, _mapping_version, _standard_version
        FROM product_core.product ORDER BY product_id LIMIT 1`,
      )
      expect(rows).toEqual([[skuOf(1), 'Lamp number 1', '1.5000', 'acme', 1, '3.2.1']])
    },
  )

  keeps('P5')('is one trace: a root, no orphan, and the trace id that the summary names', () => {
    expect(orphans(spans)).toEqual([])
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([deliveryOf(first, file).traceId]))
    expect(namesOf(spans)).toEqual(expect.arrayContaining(agentNames.map(name => `invoke_agent ${name}`)))
  })

  keeps('P5', 'P11')('has every tool call in its trace below the agent that made it, which may make it', () => {
    const calls = spans.filter(({ name }) => name.startsWith('execute_tool '))
    expect(calls.length).toBeGreaterThan(10)
    for (const call of calls) {
      const tool = call.name.slice('execute_tool '.length)
      const agent = pathOf(call, spans).find(name => name.startsWith('invoke_agent '))
      const allowed: readonly string[] = agentNames.flatMap(name =>
        agent === `invoke_agent ${name}` ? chain[name].tools : [],
      )
      expect(allowed, `${tool} below ${agent}`).toContain(tool)
    }
  })

  keeps('P6')('shows that evidence decided, and neither a model nor a person', () => {
    const { decisions } = deliveryOf(first, file)
    expect(decisions.evidence).toBeGreaterThan(0)
    expect(decisions).toMatchObject({ model: 0, person: 0 })
  })

  keeps('P2')(
    'is a duplicate for a second run, which writes no snapshot, no version and no message that fails',
    async () => {
      const before = await workspace.query('SELECT count(*) FROM product_core.product')
      const second = await workspace.run()
      expect(second.deliveries.map(({ state }) => state)).toEqual(['duplicate'])
      expect(second.tables).toEqual(first.tables)
      expect(await workspace.query('SELECT count(*) FROM product_core.product')).toEqual(before)
      expect(await workspace.with(({ stores }) => stores.deadLetters.all())).toEqual([])
      expect(await workspace.with(({ bus }) => bus.deadLetters())).toEqual([])
      expect(await spansOf(workspace, deliveryOf(first, file).runId)).toHaveLength(spans.length)
    },
  )
})

describe('more than one delivery in a run', () => {
  keeps('P2')('the same bytes under a later date: one is loaded, the other is a duplicate of it', async () => {
    const later = 'acme/products-2026-01-11.csv'
    const text = csv(products(1, 30))
    const workspace = await workspaceWith({ [file]: text, [later]: text })
    const summary = await workspace.run()
    expect([deliveryOf(summary, file).state, deliveryOf(summary, later).state]).toEqual(['published', 'duplicate'])
    expect(deliveryOf(summary, file).id).toBe(deliveryOf(summary, later).id)
    expect(rowsOf(summary, 'product_raw.acme_products')).toBe(30)
    expect(rowsOf(summary, 'product_core.product')).toBe(30)
  })

  keeps('P1', 'P3')(
    'two vendors who use the same article numbers: a raw table each, and a core row per vendor',
    async () => {
      const other = 'bolt/lamps-2026-01-10.csv'
      const workspace = await workspaceWith({ [file]: csv(products(1, 30)), [other]: csv(products(1, 25)) })
      const summary = await workspace.run()
      expect(unbalanced(summary)).toEqual([])
      expect([deliveryOf(summary, file).state, deliveryOf(summary, other).state]).toEqual(['published', 'published'])
      expect(deliveryOf(summary, file).traceId).not.toBe(deliveryOf(summary, other).traceId)
      expect(
        await workspace.query('SELECT _vendor_name, count(*) FROM product_core.product GROUP BY 1 ORDER BY 1'),
      ).toEqual([
        ['acme', 30],
        ['bolt', 25],
      ])
      expect(rowsOf(summary, 'product_raw.bolt_lamps')).toBe(25)
    },
  )

  keeps(
    'P2',
    'P3',
    'P4',
  )('two processes that run one workspace at the same time: every delivery once, whoever worked on it', async () => {
    const feeds = Object.fromEntries(
      ['acme', 'bolt', 'coil'].map(vendor => [`${vendor}/products-2026-01-10.csv`, csv(products(1, 30))]),
    )
    const workspace = await workspaceWith({ ...feeds, 'acme/products-2026-01-11.csv': csv(products(21, 50)) })
    await Promise.all([workspace.run(), workspace.run()])
    const settled = await workspace.run()
    expect(settled.deliveries.map(({ state }) => state)).toEqual(Array.from({ length: 4 }, () => 'duplicate'))
    expect(unbalanced(settled)).toEqual([])
    expect(rowsOf(settled, 'product_raw.acme_products')).toBe(60)
    expect(rowsOf(settled, 'product_core.product')).toBe(50 + 30 + 30)
    for (const { runId } of settled.deliveries) expect(orphans(await spansOf(workspace, runId))).toEqual([])
  })
})
