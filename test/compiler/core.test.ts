import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Rule } from '../../contracts/data/rule.ts'
import { Standard } from '../../contracts/data/standard.ts'
import { type CoreDocuments, compileCore, planCore } from '../../src/compiler/core-plan.ts'
import { coreTable, errorTable } from '../../src/compiler/tables.ts'
import { facts } from './contracts.ts'
import { documents, mapped, mappingOf, rule, standard } from './core-fixture.ts'
import { literal, testEngine } from './engine.ts'

const engine = await testEngine()

type Bronze = readonly [artnr: string | null, name: string | null, preis: string | null, menge: number | null]

async function model(rows: readonly Bronze[], given: Partial<CoreDocuments> = {}) {
  const texts = compileCore({ ...documents, ...given }, facts)
  const values = rows.map(
    ([artnr, name, preis, menge], index) =>
      `(${[literal(artnr), literal(name), literal(preis), menge ?? 'NULL', index + 1].join(', ')})`,
  )
  await engine.run(
    'CREATE OR REPLACE TABLE bronze (artnr VARCHAR, name VARCHAR, preis VARCHAR, menge DOUBLE, _record_number BIGINT)',
  )
  if (values.length > 0) await engine.run(`INSERT INTO bronze VALUES ${values.join(', ')}`)
  await engine.run(`CREATE OR REPLACE TABLE mapped AS ${texts.mapped}`)
  const [counts] = await engine.rows(texts.counts)
  return {
    texts,
    accepted: await engine.rows(texts.accepted),
    rejected: await engine.rows(`${texts.rejected} ORDER BY record_number, column_name`),
    counts: Object.fromEntries(Object.entries(counts!).map(([name, count]) => [name, Number(count)])),
  }
}

describe('the modelling of a delivery', () => {
  test('gives rows on the standard, with where they came from', async () => {
    const { accepted, rejected, counts } = await model([[' A1 ', 'Lamp', '1.234,50', 7]])
    expect(accepted).toEqual([
      {
        id: 'A1',
        title: 'Lamp',
        price: '1234.50',
        stock: '7',
        currency: 'SEK',
        colour: null,
        _vendor_name: 'acme',
        _delivery_id: 'd_1',
        _run_id: 'r_1',
        _mapping_version: 4,
        _standard_version: '3.2.1',
      },
    ])
    expect(rejected).toEqual([])
    expect(counts).toEqual({ bronze: 1, rejected: 0, accepted: 1 })
  })

  test('has the columns of the core table and of the error table, in order and type', async () => {
    const { texts } = await model([])
    const types: Record<string, string> = {
      string: 'VARCHAR',
      long: 'BIGINT',
      int: 'INTEGER',
      date: 'DATE',
      timestamptz: 'TIMESTAMP WITH TIME ZONE',
      'decimal(18,2)': 'DECIMAL(18,2)',
    }
    for (const [text, table] of [
      [texts.accepted, coreTable(standard)],
      [texts.rejected, errorTable],
    ] as const) {
      const described = await engine.rows(`DESCRIBE ${text}`)
      expect(described.map(one => [one['column_name'], one['column_type']])).toEqual(
        table.columns.map(({ name, type }) => [name, types[type]]),
      )
    }
  })

  test.each<[string, Bronze, [string, string, string][]]>([
    ['a text that is no number', ['A1', 'Lamp', 'on request', 1], [['price', 'CORE_VALUE_UNFIT', 'type.price']]],
    ['a number that would lose its fraction', ['A1', 'Lamp', '1', 1.5], [['stock', 'CORE_VALUE_UNFIT', 'type.stock']]],
    ['no key', [null, 'Lamp', '1', 1], [['id', 'CORE_KEY_MISSING', 'required.id']]],
    ['a key that is blank once it is normalized', ['  ', 'Lamp', '1', 1], [['id', 'CORE_KEY_MISSING', 'required.id']]],
    ['no required value', ['A1', null, '1', 1], [['title', 'CORE_REQUIRED_MISSING', 'required.title']]],
    ['a broken rule', ['A1', 'Lamp', '-1', 1], [['price', 'CORE_RULE_BROKEN', 'price.positive']]],
    [
      'three reasons at once',
      [null, null, 'x', 1],
      [
        ['id', 'CORE_KEY_MISSING', 'required.id'],
        ['price', 'CORE_VALUE_UNFIT', 'type.price'],
        ['title', 'CORE_REQUIRED_MISSING', 'required.title'],
      ],
    ],
  ])('%s turns a row away, once per reason', async (_, bad, expected) => {
    const { accepted, rejected, counts } = await model([['A0', 'Chair', '1', 1], bad])
    expect(rejected.map(one => [one['column_name'], one['error_code'], one['rule_id']])).toEqual(expected)
    expect(accepted.map(one => one['id'])).toEqual(['A0'])
    expect(counts).toEqual({ bronze: 2, rejected: 1, accepted: 1 })
  })

  test('a day is a moment of the standard: its first, in UTC', async () => {
    const added = { name: 'added', type: 'timestamptz', required: false, definition: 'First seen.' }
    const timed = Standard.parse({ ...standard, columns: [...standard.columns, added] })
    const columns = [...documents.mapping.columns, mapped('added', 'preis')]
    const { accepted, rejected } = await model(
      [
        ['A1', 'Lamp', '2024-01-31', 1],
        ['A2', 'Lamp', '2024-02-30', 1],
      ],
      { standard: timed, mapping: mappingOf(columns.filter(({ column }) => column !== 'price')) },
    )
    expect(accepted.map(one => one['added'])).toEqual([expect.stringMatching(/^2024-01-31[T ]00:00:00/)])
    expect(rejected.map(one => one['error_code'])).toEqual(['CORE_VALUE_UNFIT'])
  })

  test('a broken rule is told by its own words, as its owner’s, with the row it was', async () => {
    const { rejected } = await model([['A1', "O'Lamp", '-1', 1.5]])
    expect(rejected[0]).toMatchObject({
      stage: 'core',
      rule_id: 'price.positive',
      error_message: 'The price is negative.',
      owner: 'pricing',
      record_number: '1',
      contract_version: 3,
    })
    expect(JSON.parse(String(rejected[0]!['raw_record']))).toEqual({
      artnr: 'A1',
      name: "O'Lamp",
      preis: '-1',
      menge: 1.5,
    })
  })

  test('of rows with one key the last of the delivery stands', async () => {
    const { accepted, counts } = await model([
      ['A1', 'old', '1', 1],
      ['A2', 'Chair', '1', 1],
      [' A1', 'new', '2', 1],
    ])
    expect(accepted.map(one => [one['id'], one['title']])).toEqual([
      ['A2', 'Chair'],
      ['A1', 'new'],
    ])
    expect(counts).toEqual({ bronze: 3, rejected: 0, accepted: 2 })
  })

  test('a later row that is rejected does not supersede an earlier good one', async () => {
    const { accepted } = await model([
      ['A1', 'good', '1', 1],
      ['A1', 'bad', '-5', 1],
    ])
    expect(accepted.map(one => one['title'])).toEqual(['good'])
  })

  test('the first rule whose region fits decides', async () => {
    const price = async (region: string, text: string) =>
      (await model([['A1', 'Lamp', text, 1]], { vendor: { ...documents.vendor, region } })).accepted[0]?.['price']
    expect([await price('US', '1,234.50'), await price('EU', '1.234,50'), await price('UK', '12.50')]).toEqual([
      '1234.50',
      '1234.50',
      '12.50',
    ])
  })

  test('`value` is put into the tree: a literal that reads value stays', async () => {
    const normalization = [rule('t', 'title', '*', "concat(value, ' value ', vendor, ' ', region, ' ', currency)")]
    expect((await model([['A1', 'Lamp', null, 1]], { normalization })).accepted[0]).toMatchObject({
      title: 'Lamp value acme EU SEK',
    })
  })

  test('a cast that must fit and does not turns the row away with what was delivered; try_cast gives no value', async () => {
    const strict = [rule('p', 'price', '*', 'cast(value as decimal(18,2)) * 2')]
    const { rejected, accepted } = await model(
      [
        ['A1', 'Lamp', '12 EUR', 1],
        ['A2', 'Lamp', '12', 1],
      ],
      { normalization: strict },
    )
    expect(rejected.map(one => [one['error_code'], one['error_message']])).toEqual([
      ['CORE_VALUE_UNFIT', '"12 EUR" is no decimal(18,2), as price has to be.'],
    ])
    expect(accepted.map(one => one['price'])).toEqual(['24.00'])
    const lenient = [rule('p', 'price', '*', 'try_cast(value as decimal(18,2)) * 2')]
    expect((await model([['A1', 'Lamp', '12 EUR', 1]], { normalization: lenient })).accepted[0]).toMatchObject({
      price: null,
    })
  })

  test('a text column whose rule cannot be computed turns the row away too', async () => {
    const normalization = [rule('t', 'title', '*', 'cast(cast(value as long) + 1 as varchar)')]
    const { rejected, accepted } = await model(
      [
        ['A1', 'Lamp', null, 1],
        ['A2', '41', null, 1],
      ],
      { normalization },
    )
    expect(rejected.map(one => [one['column_name'], one['error_code']])).toEqual([['title', 'CORE_VALUE_UNFIT']])
    expect(accepted.map(one => one['title'])).toEqual(['42'])
  })

  test('a required column without a source turns every row away, unless a person said that there is none', async () => {
    const columns = (step: string) => mappingOf([mapped('id', 'artnr'), mapped('title', null, { step })])
    expect((await model([['A1', 'x', null, 1]], { mapping: columns('evidence') })).counts).toMatchObject({
      rejected: 1,
    })
    expect((await model([['A1', 'x', null, 1]], { mapping: columns('person') })).accepted).toMatchObject([
      { id: 'A1', title: null },
    ])
  })

  test('arithmetic out of range gives no value and ends nothing', async () => {
    const mapping = mappingOf([
      mapped('id', 'artnr'),
      mapped('title', 'name'),
      mapped('price', 'cast(preis as decimal(38,0)) * 10'),
    ])
    const { accepted } = await model(
      [
        ['A1', 'Lamp', '9'.repeat(38), 1],
        ['A2', 'Lamp', '2', 1],
      ],
      { mapping, normalization: [] },
    )
    expect(accepted.map(one => one['price'])).toEqual([null, '20.00'])
  })

  test('an open column stays null, whatever expression was thought of', async () => {
    const mapping = mappingOf([
      mapped('id', 'artnr'),
      mapped('title', 'name'),
      mapped('colour', 'name', { status: 'open' }),
    ])
    expect((await model([['A1', 'Lamp', null, 1]], { mapping })).accepted[0]).toMatchObject({ colour: null })
  })

  test('an expression over several columns says which: its lineage', () => {
    const mapping = mappingOf([mapped('title', "concat(name, ' ', artnr)"), mapped('id', 'artnr')])
    const lineage = planCore({ ...documents, mapping }).columns.map(({ column: { name }, sources }) => [name, sources])
    expect(Object.fromEntries(lineage)).toMatchObject({
      title: ['artnr', 'name'],
      id: ['artnr'],
      currency: [],
      colour: [],
    })
  })

  test.each([
    [
      'a mapping',
      { mapping: mappingOf([mapped('id', 'artnummer')]) },
      'the mapping v4 of id, `artnummer`: there is no column artnummer; there are artnr, name, preis, menge',
      'feeds-team',
    ],
    [
      'a rule',
      { normalization: [rule('p', 'price', '*', 'vale')] },
      'normalization rule p, `vale`: there is no column vale; the nearest is value',
      'pricing',
    ],
    [
      'a check',
      { checks: [Rule.parse({ id: 'c', expression: 'prise > 0', severity: 'warn', message: '', owner: 'ada' })] },
      'rule c, `prise > 0`: there is no column prise; the nearest is price',
      'ada',
    ],
  ])('%s that cannot be is refused by name, with its owner', (_, given, message, owner) => {
    expect(() => compileCore({ ...documents, ...given }, facts)).toThrow(
      expect.objectContaining({ code: 'EXPRESSION_REFUSED', owner }),
    )
    expect(() => compileCore({ ...documents, ...given }, facts)).toThrow(message)
  })

  test('whatever comes in: every row is accepted, superseded or rejected, and each rejected one has a reason', async () => {
    const rows = fc.array(
      fc.tuple(
        fc.constantFrom('A1', 'A2', ' A2', null, ''),
        fc.constantFrom('Lamp', 'x', null, ''),
        fc.constantFrom('1', '-1', '1,5', 'x', null),
        fc.constantFrom(1, 1.5, null),
      ),
      { maxLength: 25 },
    )
    await fc.assert(
      fc.asyncProperty(rows, async given => {
        const { accepted, rejected, counts } = await model(given)
        const turnedAway = new Set(rejected.map(one => Number(one['record_number'])))
        const good = given.filter((_, index) => !turnedAway.has(index + 1))
        expect(counts).toEqual({
          bronze: given.length,
          rejected: given.length - good.length,
          accepted: accepted.length,
        })
        expect(new Set(accepted.map(one => one['id']))).toEqual(new Set(good.map(([artnr]) => artnr!.trim())))
        expect(accepted.length).toBe(new Set(good.map(([artnr]) => artnr!.trim())).size)
      }),
      { numRuns: 25 },
    )
  })
})

test('the same documents give the same bytes, with the definitions beside the columns', () => {
  const { mapped: text } = compileCore(documents, facts)
  expect(compileCore(structuredClone(documents), { ...facts }).mapped).toBe(text)
  expect(text).toContain(`    -- price: Price. From preis, by price.eu.
    replace(replace("preis", '.', ''), ',', '.') AS "price as text",`)
})
