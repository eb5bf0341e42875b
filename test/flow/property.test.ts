/** Any feed of this shape, however broken its records: counts add up and core holds what a model of a few lines says. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { keeps } from '../promises.ts'
import { deliveryOf, skuOf } from './support.ts'
import { testWorkspace, unbalanced } from './workspace.ts'

const [known, first, second] = [10, 11, 12].map(day => `acme/products-2026-01-${day}.csv`) as [string, string, string]

type Record_ = readonly [sku: number, cents: number, flaw: 'none' | 'price' | 'negative' | 'ragged' | 'nameless']

/** Mostly good records: a feed whose every other record is broken would be read as another feed. */
const flaw = fc.oneof(
  { weight: 60, arbitrary: fc.constant('none' as const) },
  { weight: 1, arbitrary: fc.constantFrom('price', 'negative', 'ragged', 'nameless' as const) },
)
/** What made the feed known: a clean delivery, every article once. */
const clean: readonly Record_[] = Array.from({ length: 40 }, (_, at) => [at + 1, 100 * at + 150, 'none'] as const)
const record = fc.tuple(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 1, max: 999_999 }), flaw)
const delivery = fc.array(record, { minLength: 60, maxLength: 100 }).filter(records => shareBroken(records) <= 0.04)
const shareBroken = (records: readonly Record_[]) =>
  records.filter(([, , kind]) => kind !== 'none').length / records.length

function textOf([sku, cents, kind]: Record_): string {
  const price = kind === 'price' ? 'ask us' : `${kind === 'negative' ? '-' : ''}${(cents / 100).toFixed(2)}`
  return [
    skuOf(sku),
    kind === 'nameless' ? '' : `"Lamp, ""number"" ${sku}"`,
    price,
    ...(kind === 'ragged' ? ['x', 'y'] : []),
  ].join(',')
}

/** What core holds after the deliveries in order, and what became of the records of the last. */
function model(deliveries: readonly (readonly Record_[])[]) {
  const core = new Map<number, number>()
  let counts = { read: 0, inError: 0, rejected: 0, superseded: 0, published: 0 }
  for (const records of deliveries) {
    const loaded = records.filter(([, , kind]) => kind !== 'price' && kind !== 'ragged')
    // A row that breaks a rule replaces nothing: of the good rows of a key the last one stays.
    const good = loaded.filter(([, , kind]) => kind === 'none')
    const last = new Map(good.map(([sku, cents]) => [sku, cents]))
    for (const [sku, cents] of last) core.set(sku, cents)
    counts = {
      read: records.length,
      inError: records.length - loaded.length,
      rejected: loaded.length - good.length,
      superseded: good.length - last.size,
      published: last.size,
    }
  }
  return { core, counts }
}

keeps('P1', 'P2', 'P3')(
  'two deliveries of random records, some broken: both equations hold and core is what the model says',
  async () => {
    await fc.assert(
      fc.asyncProperty(delivery, delivery, async (...deliveries) => {
        const header = 'sku,title,price'
        const [base, one, other] = [clean, ...deliveries].map(
          records => `${[header, ...records.map(textOf)].join('\n')}\n`,
        ) as [string, string, string]
        fc.pre(one !== other && base !== one)
        const workspace = await testWorkspace({ [known]: base, [first]: one, [second]: other })
        try {
          const summary = await workspace.run()
          expect(unbalanced(summary)).toEqual([])
          const { core, counts } = model([clean, ...deliveries])
          expect(deliveryOf(summary, second)).toMatchObject({
            state: 'published',
            rowsRead: counts.read,
            rowsInError: counts.inError,
            rowsPublished: counts.published,
            rowsRejectedInCore: counts.rejected,
            rowsSuperseded: counts.superseded,
          })
          const rows = await workspace.query('SELECT product_id, list_price FROM product_core.product')
          const found = new Map(rows.map(([sku, price]) => [String(sku), Math.round(Number(price) * 100)]))
          expect(found).toEqual(new Map([...core].map(([sku, cents]) => [skuOf(sku), cents])))
        } finally {
          await workspace.remove()
        }
      }),
      { numRuns: 4, endOnFailure: true },
    )
  },
  180_000,
)
