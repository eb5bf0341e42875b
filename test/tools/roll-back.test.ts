/** Taking deliveries back, against a model: an array of deliveries, and what core has to be without some of them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Delivery } from '../../contracts/data/delivery.ts'
import { columns, contract, core, mapping, staging, standard, vendor } from './core.ts'
import { contractOf, type Lake, openLake, runOf, traceId } from './lake.ts'

type Rows = Readonly<Record<string, string>>

interface Loaded {
  readonly delivery: Delivery
  readonly rows: Rows
  counts: boolean
}

/** A feed and everything that was done to it. */
class Feed {
  readonly lake: Lake
  readonly mode: 'delta' | 'full'
  readonly deliveries: Loaded[] = []
  #runs = 0

  constructor(lake: Lake, mode: 'delta' | 'full' = 'delta') {
    this.lake = lake
    this.mode = mode
  }

  get contract() {
    return this.mode === 'full' ? contractOf(columns, { deliveryMode: 'full' }) : contract
  }

  async deliver(rows: Rows): Promise<Loaded> {
    const number = this.deliveries.length
    const lines = Object.entries(rows).map(([key, title]) => `${key},${title},1.00`)
    const receivedAt = new Date(Date.UTC(2026, 10, 24, 10, number)).toISOString()
    const text = `sku,title,price\n${lines.map(line => `${line}\n`).join('')}`
    const delivery = this.lake.deliver(text, { file: `acme/${number}.csv`, receivedAt })
    await this.lake.load(this.contract, delivery, runOf(++this.#runs))
    const loaded = { delivery, rows, counts: true }
    this.deliveries.push(loaded)
    await this.stage(loaded, [], this.mode === 'full' ? this.deliveries.map(({ delivery: { id } }) => id) : [])
    return loaded
  }

  async stage(loaded: Loaded, laterDeliveries: string[], replacedDeliveries: string[]): Promise<void> {
    const run = ++this.#runs
    const more = { contract: this.contract, laterDeliveries, replacedDeliveries }
    const { branch } = await this.lake.call('stage_core', staging(loaded.delivery, run, more))
    await this.lake.call('publish', { table: core, branch, writeKey: `core ${run}` })
  }

  rollback(loaded: Loaded, run = ++this.#runs) {
    return {
      writeKey: `rollback ${run}`,
      run: { id: runOf(run), traceId },
      delivery: loaded.delivery,
      feeds: [{ contract: this.contract, mapping }],
      standard,
      normalization: [],
      checks: [],
      vendor,
    }
  }

  async takeBack(loaded: Loaded) {
    const input = this.rollback(loaded)
    const staged = await this.lake.call('stage_rollback', input)
    expect(await this.lake.call('stage_rollback', input)).toEqual({ ...staged, alreadyDone: true })
    await this.lake.call('publish', { table: core, branch: staged.branch, writeKey: input.writeKey })
    await this.#mark(loaded, 'rolled-back')
    loaded.counts = false
    return staged.counts
  }

  async takeAgain(loaded: Loaded): Promise<void> {
    await this.#mark(loaded, 'taken-again')
    loaded.counts = true
    const at = this.deliveries.indexOf(loaded)
    const idsOf = (deliveries: readonly Loaded[]) => deliveries.map(({ delivery: { id } }) => id)
    const replaced = this.mode === 'full' ? idsOf(this.deliveries.slice(0, at)) : []
    await this.stage(loaded, idsOf(this.deliveries.slice(at + 1)), replaced)
  }

  async #mark({ delivery }: Loaded, mark: 'rolled-back' | 'taken-again') {
    const run = ++this.#runs
    const at = new Date(Date.UTC(2026, 10, 25, 10, run)).toISOString()
    const about = { writeKey: `mark ${run}`, delivery, run: { id: runOf(run), traceId }, mark, by: 'ada', note: '', at }
    expect(await this.lake.call('mark_delivery', about)).toEqual({ marked: true })
    expect(await this.lake.call('mark_delivery', about)).toEqual({ marked: false })
  }

  /** What core has to be: the latest delivery that counts says what a key is. */
  model(): Rows {
    const counting = this.deliveries.filter(({ counts }) => counts)
    const saying = this.mode === 'full' ? counting.slice(-1) : counting
    return Object.assign({}, ...saying.map(({ rows }) => rows))
  }

  async core(): Promise<Rows> {
    const rows = await this.lake.rows('SELECT product_id, product_name FROM product_core.product ORDER BY ALL')
    expect(new Set(rows.map(([key]) => key)).size, 'a key is there twice').toBe(rows.length)
    return Object.fromEntries(rows.map(([key, title]) => [String(key), String(title)]))
  }
}

describe('taking a delivery back', () => {
  test('what it replaced comes back from the last earlier delivery that counts, what later ones brought stays', async () => {
    const feed = new Feed(await openLake())
    await feed.deliver({ A: 'a0', B: 'b0', C: 'c0' })
    const wrong = await feed.deliver({ A: 'a1', B: 'b1', D: 'd1' })
    const bad = await feed.deliver({ A: 'a2', B: 'b2', E: 'e2' })
    await feed.deliver({ B: 'b3' })
    expect(await feed.takeBack(wrong)).toEqual({ removed: 1, restored: 0 })
    expect(await feed.core()).toEqual({ A: 'a2', B: 'b3', C: 'c0', E: 'e2' })
    expect(await feed.takeBack(bad)).toEqual({ removed: 2, restored: 1 })
    expect(await feed.core()).toEqual({ A: 'a0', B: 'b3', C: 'c0' })
    const rows = await feed.lake.rows('SELECT count(*) FROM product_raw.acme_products')
    expect(rows, 'bronze is as it was').toEqual([[10]])
    const marks = await feed.lake.rows('SELECT delivery_id, mark FROM product_raw.delivery_marks ORDER BY marked_at')
    expect(marks).toEqual([wrong, bad].map(({ delivery }) => [delivery.id, 'rolled-back']))
  })

  test('once more under another key: nothing is left to take and nothing comes back', async () => {
    const feed = new Feed(await openLake())
    await feed.deliver({ A: 'a0' })
    const wrong = await feed.deliver({ A: 'a1', B: 'b1' })
    await feed.takeBack(wrong)
    const before = await feed.core()
    expect(await feed.takeBack(wrong)).toEqual({ removed: 0, restored: 0 })
    expect(await feed.core()).toEqual(before)
  })

  test('a delivery that was refused says nothing of a key', async () => {
    const feed = new Feed(await openLake())
    await feed.deliver({ A: 'a0' })
    const refused = feed.lake.deliver('sku,title,price\nA,refused,1.00\n', { receivedAt: '2026-11-24T10:00:30.000Z' })
    await feed.lake.load(contract, refused, runOf(900))
    const { branch } = await feed.lake.call('stage_core', staging(refused, 900))
    await feed.lake.call('discard_branch', { table: core, branch })
    const wrong = await feed.deliver({ A: 'a1' })
    await feed.takeBack(wrong)
    expect(await feed.core()).toEqual({ A: 'a0' })
  })

  test('another feed of the vendor is asked, too, and other vendors are not touched', async () => {
    const lake = await openLake()
    const feed = new Feed(lake)
    const other = contractOf(columns, { table: 'lamps' })
    const otherMapping = { ...mapping, table: 'lamps' }
    const lamp = lake.deliver('sku,title,price\nA,lamp,1.00\n', {
      feed: { vendor: 'acme', table: 'lamps' },
      receivedAt: '2026-11-24T09:00:00.000Z',
    })
    await lake.load(other, lamp, runOf(700))
    const staged = staging(lamp, 700, { contract: other, mapping: otherMapping })
    const { branch } = await lake.call('stage_core', staged)
    await lake.call('publish', { table: core, branch, writeKey: staged.writeKey })
    const wrong = await feed.deliver({ A: 'a0' })
    const input = {
      ...feed.rollback(wrong),
      feeds: [
        { contract, mapping },
        { contract: other, mapping: otherMapping },
      ],
    }
    const found = await lake.call('stage_rollback', input)
    expect(found.counts).toEqual({ removed: 1, restored: 1 })
    await lake.call('publish', { table: core, branch: found.branch, writeKey: input.writeKey })
    expect(await feed.core()).toEqual({ A: 'lamp' })
  })

  test('a write of the vendor that is published in between is met: the rollback is staged again on what is there then', async () => {
    const feed = new Feed(await openLake())
    await feed.deliver({ A: 'a0', B: 'b0' })
    const wrong = await feed.deliver({ A: 'a1', B: 'b1' })
    const input = feed.rollback(wrong, 800)
    const staged = await feed.lake.call('stage_rollback', input)
    await feed.deliver({ A: 'a2' })
    const publish = { table: core, branch: staged.branch, writeKey: input.writeKey }
    expect((await feed.lake.call('publish', publish)).outcome).toBe('stage-again')
    const again = { ...input, writeKey: 'rollback 800 again' }
    expect((await feed.lake.call('stage_rollback', again)).counts).toEqual({ removed: 1, restored: 1 })
    await feed.lake.call('publish', { ...publish, writeKey: again.writeKey })
    expect(await feed.core()).toEqual({ A: 'a2', B: 'b0' })
  })

  test('what was taken back is not staged again unless it is taken in again', async () => {
    const feed = new Feed(await openLake())
    const wrong = await feed.deliver({ A: 'a0' })
    await feed.takeBack(wrong)
    await expect(feed.stage(wrong, [], [])).rejects.toMatchObject({ code: 'DELIVERY_ROLLED_BACK' })
    await feed.takeAgain(wrong)
    expect(await feed.core()).toEqual({ A: 'a0' })
  })

  const rows = fc.dictionary(fc.constantFrom('A', 'B', 'C', 'D'), fc.constantFrom('x', 'y', 'z'), { minKeys: 1 })
  const action = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('deliver' as const), rows }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('back' as const), which: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('again' as const), which: fc.nat(9) }) },
  )

  test.each(['delta', 'full'] as const)(
    'core is what the deliveries that count say, whatever is delivered, taken back and taken in again: %s',
    async mode => {
      await fc.assert(
        fc.asyncProperty(rows, fc.array(action, { minLength: 3, maxLength: 7 }), async (first, actions) => {
          const feed = new Feed(await openLake(), mode)
          await feed.deliver(first)
          for (const [number, next] of actions.entries()) {
            // The same bytes are one delivery: a row of its own tells each apart.
            if (next.kind === 'deliver') await feed.deliver({ ...next.rows, [`N${number}`]: 'n' })
            else {
              const chosen = feed.deliveries[next.which % feed.deliveries.length]!
              if (next.kind === 'back') await feed.takeBack(chosen)
              else if (!chosen.counts) await feed.takeAgain(chosen)
            }
            expect(await feed.core()).toEqual(feed.model())
          }
        }),
        { numRuns: 5 },
      )
    },
    120_000,
  )
})
