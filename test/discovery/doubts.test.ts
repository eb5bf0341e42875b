/** What a file does not settle, and what answers make of it: never more than its values bear out. */
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { Doubt, type Reading } from '../../contracts/data/doubt.ts'
import { discover } from '../../src/discovery/discover.ts'
import { inspectClosely } from '../../src/discovery/shell.ts'
import { discoveryPolicy } from '../fixtures/discovery-policy.ts'
import { sampleOf } from './support.ts'

const look = (text: string, readings: readonly Reading[] = []) =>
  discover(sampleOf(text), discoveryPolicy, { readings })
const doubt = (text: string, subject: string) => {
  const found = look(text).doubts.find(each => each.subject === subject)
  if (found === undefined) throw new Error(`no doubt about ${subject}: ${JSON.stringify(look(text).doubts)}`)
  return Doubt.parse(found)
}
const reading = (text: string, subject: string, answer: string): Reading =>
  doubt(text, subject).options.find(option => option.answer === answer)!.reading

const table = (header: string, rows: readonly string[]) => `${[header, ...rows].join('\n')}\n`
const dates = table('sku,title,seen', ['a1,Lamp,03/04/2026', 'b2,Chair,05/06/2026', 'c3,Desk,07/08/2026'])

describe('a doubt', () => {
  test('about days and months has both orders to choose from, and no value of the file in them', () => {
    const { kind, about, options, samples, text } = doubt(dates, 'dateOrder:seen')
    expect({ kind, about, samples }).toEqual({
      kind: 'dateOrder',
      about: 'seen',
      samples: ['03/04/2026', '05/06/2026', '07/08/2026'],
    })
    expect(options.map(({ answer }) => answer)).toEqual(['%d/%m/%Y', '%m/%d/%Y'])
    expect(JSON.stringify({ options, text })).not.toContain('2026')
  })

  test('that is settled gives the type, and is no doubt any more', () => {
    const { spec, doubts, refused } = look(dates, [reading(dates, 'dateOrder:seen', '%m/%d/%Y')])
    expect(spec.columns[2]).toMatchObject({ type: 'date', format: { kind: 'date', pattern: '%m/%d/%Y' } })
    expect(doubts.map(({ subject }) => subject)).not.toContain('dateOrder:seen')
    expect(spec.quality.map(({ code }) => code)).not.toContain('AMBIGUOUS_DATE')
    expect(refused).toEqual([])
  })

  test('about a decimal mark', () => {
    const text = table('sku;title;stock', ['a1;Lamp;1,234', 'b2;Chair;5,678', 'c3;Desk;2,500'])
    expect(
      doubt(text, 'decimalMark:stock')
        .options.map(({ answer }) => answer)
        .toSorted(),
    ).toEqual(['decimal ,', 'decimal . group ,'])
    const typed = (answer: string) => look(text, [reading(text, 'decimalMark:stock', answer)]).spec.columns[2]?.type
    expect(typed('decimal . group ,')).toBe('long')
    expect(typed('decimal ,')).toMatch(/^decimal/)
  })

  test('about a key: what else would do in the sample', () => {
    const text = table('code,ref,title', ['a1,x1,Lamp', 'b2,x2,Lamp', 'c3,x3,Desk', 'd4,x4,Desk'])
    const policy = { ...discoveryPolicy, keyLead: 0.2 }
    const found = discover(sampleOf(text), policy, {})
    const key = found.doubts.find(({ kind }) => kind === 'key')
    expect(key?.options.map(({ answer }) => answer)).toEqual(['ref'])
    const { spec } = discover(sampleOf(text), policy, { readings: [key!.options[0]!.reading] })
    expect(spec.keys[0]?.columns).toEqual(['ref'])
    expect(discover(sampleOf(text), { ...policy, keyLead: undefined }, {}).doubts).toEqual([])
  })

  test('about columns without a name', () => {
    const text = table('a1,12.50,2026-01-01', ['b2,13.50,2026-01-02', 'c3,14.00,2026-01-03', 'd4,15.25,2026-01-04'])
    expect(look(text).doubts.filter(({ kind }) => kind === 'names')).toHaveLength(3)
    const name = (column: string, given: string): Reading => ({ kind: 'name', column, name: given })
    const told = look(text, [name('column_1', 'code'), name('column_2', 'code'), name('column_3', 'ingestion_date')])
    expect(told.spec.columns.map(column => column.name)).toEqual(['code', 'column_2', 'column_3'])
    expect(told.spec.columns.map(({ sourceName }) => sourceName)).toEqual(['column_1', 'column_2', 'column_3'])
    expect(told.refused).toEqual([name('column_2', 'code'), name('column_3', 'ingestion_date')])
    // A header is the file's own word.
    expect(look(dates, [name('sku', 'other')]).refused).toHaveLength(1)
  })

  test('about what values mean, where others look the same', () => {
    const text = table('sku,title,changed', ['a1,Lamp,1700000001', 'b2,Chair,1700000002', 'c3,Desk,1700000003'])
    expect(look(text).spec.columns[2]?.semantic).toBe('epoch_seconds')
    const plain = look(text, [reading(text, 'meaning:changed', 'nothing special')])
    expect(plain.spec.columns[2]?.semantic).toBeUndefined()
    expect(plain.doubts.filter(({ kind }) => kind === 'meaning')).toEqual([])
    const wrong: Reading = { kind: 'meaning', column: 'changed', semantic: 'url' }
    expect(look(text, [wrong])).toMatchObject({
      refused: [wrong],
      spec: { columns: [{}, {}, { semantic: 'epoch_seconds' }] },
    })
  })
})

describe('an answer that the data do not bear out', () => {
  const files: string[] = []
  afterAll(() => {
    for (const file of files) rmSync(file)
  })
  const fileOf = (text: string) => {
    const file = join(tmpdir(), `aiworkflow-doubts-${process.pid}-${files.length}.csv`)
    writeFileSync(file, text)
    files.push(file)
    return file
  }

  test('is refused, whatever it is', () => {
    const readings = fc.array(
      fc.oneof(
        fc.record({
          kind: fc.constant('valueFormat' as const),
          column: fc.constantFrom('sku', 'title', 'seen', 'gone'),
          format: fc.oneof(
            fc.record({
              kind: fc.constant('date' as const),
              pattern: fc.constantFrom('%d/%m/%Y', '%m/%d/%Y', '%Y-%m-%d', '%d.%m.%Y', '%q', '%'),
            }),
            fc.record({
              kind: fc.constant('number' as const),
              decimal: fc.constantFrom('.' as const, ',' as const),
              group: fc.constant('' as const),
            }),
          ),
        }),
        fc.record({
          kind: fc.constant('key' as const),
          columns: fc.array(fc.constantFrom('sku', 'title', 'nope'), { minLength: 1 }),
        }),
        fc.record({ kind: fc.constant('name' as const), column: fc.constantFrom('sku', 'seen'), name: fc.string() }),
        fc.record({
          kind: fc.constant('meaning' as const),
          column: fc.constantFrom('sku', 'seen'),
          semantic: fc.string(),
        }),
      ),
      { maxLength: 4 },
    )
    fc.assert(
      fc.property(readings, given => {
        const { spec, refused } = look(dates, given)
        expect(spec.columns.map(({ name }) => name)).toEqual(['sku', 'title', 'seen'])
        for (const { type, quality } of spec.columns)
          expect(type === 'string' || (quality?.fit ?? 0) >= 0.95).toBe(true)
        // Nothing is lost on the way: each is taken or said to be refused.
        for (const each of refused) expect(given).toContainEqual(each)
        for (const each of given) if (each.kind === 'name') expect(refused).toContainEqual(each)
      }),
      { numRuns: 300 },
    )
  })

  test('is found out by the whole file, where the sample would bear it', async () => {
    const early = Array.from({ length: 400 }, (_, i) => `a${i},Lamp,0${1 + (i % 9)}/0${1 + (i % 7)}/2026`)
    const late = Array.from({ length: 400 }, (_, i) => `b${i},Desk,${13 + (i % 15)}/0${1 + (i % 7)}/2026`)
    const file = fileOf(table('sku,title,seen', [...early, ...late]))
    const small = { ...discoveryPolicy, sampleBytes: 4096 }
    const monthFirst: Reading = { kind: 'valueFormat', column: 'seen', format: { kind: 'date', pattern: '%m/%d/%Y' } }
    const dayFirst: Reading = { ...monthFirst, format: { kind: 'date', pattern: '%d/%m/%Y' } }
    const wrong = await inspectClosely(file, small, { readings: [monthFirst] })
    expect(wrong.refused).toEqual([monthFirst])
    expect(wrong.spec.columns[2]?.type).toBe('string')
    const right = await inspectClosely(file, small, { readings: [dayFirst] })
    expect(right).toMatchObject({ refused: [], spec: { columns: [{}, {}, { type: 'date' }] } })
  })

  test('about the header changes how the file is read, and the rest is read on', async () => {
    const file = fileOf(table('red,blue', ['tan,aqua', 'black,pinks', 'grey,brown']))
    const found = await inspectClosely(file, discoveryPolicy)
    const header = found.doubts.find(({ kind }) => kind === 'headerRows')
    expect(header?.options).toHaveLength(1)
    const flipped = await inspectClosely(file, discoveryPolicy, { readings: [header!.options[0]!.reading] })
    const rowsIn = (of: typeof found) => (of.spec.format.kind === 'delimited' ? of.spec.format.headerRows : undefined)
    expect(rowsIn(flipped)).toBe(1 - rowsIn(found)!)
    expect(flipped.spec.rowCount).toBe(found.spec.rowCount! + (rowsIn(found) === 1 ? 1 : -1))
  })
})
