/**
 * The shipped standard against real feeds. What a careful person says each column means stands beside the feeds, in neutral names; the
 * column of the standard is the one that knows that name.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { FeedContract } from '../../contracts/data/feed-contract.ts'
import { FileCatalog } from '../../src/catalog/files.ts'
import { inspectFile } from '../../src/discovery/shell.ts'
import { decide } from '../../src/matching/decide.ts'
import { match } from '../../src/matching/match.ts'
import { tokensOf } from '../../src/matching/names.ts'
import { contractOf } from '../compiler/contracts.ts'

const folder = fileURLToPath(new URL('../fixtures/feeds/', import.meta.url))
const meanings = JSON.parse(readFileSync(`${folder}meanings.json`, 'utf8')) as Record<string, Record<string, string>>

const catalog = new FileCatalog(fileURLToPath(new URL('../../examples/product/catalog', import.meta.url)))
const standard = await catalog.standard()
const { autonomy, discovery } = await catalog.policies()

const plain = (name: string): string => tokensOf(name).join('')
const knows = (name: string): string | undefined =>
  standard.columns.find(column =>
    [column.name, ...Object.values(column.synonyms).flat()].some(other => plain(other) === plain(name)),
  )?.name

interface Outcome {
  readonly right: string[]
  readonly wrong: string[]
  /** Left open or null although the feed has it. */
  readonly missed: string[]
}

async function outcome(file: string): Promise<Outcome> {
  const spec = await inspectFile(`${folder}${file}`, discovery)
  const contract = FeedContract.parse({ ...contractOf(spec.columns), ...spec })
  const wanted = new Set(standard.columns.map(({ name }) => name))
  const { columns } = decide(match(contract, standard, autonomy.mapping, wanted, new Set()), standard, autonomy.mapping)
  const truth = new Map<string, string[]>()
  for (const [header, means] of Object.entries(meanings[file]!)) {
    const column = knows(means)
    if (column !== undefined) truth.set(column, [...(truth.get(column) ?? []), header])
  }
  const found: Outcome = { right: [], wrong: [], missed: [] }
  for (const { column, status, sourceColumns } of columns) {
    const headers = truth.get(column)
    if (headers === undefined) continue
    const header = contract.columns.find(({ name }) => name === sourceColumns[0])?.sourceName
    if (status !== 'accepted') found.missed.push(column)
    else if (headers.includes(header!)) found.right.push(column)
    else found.wrong.push(`${column}: ${header}`)
  }
  return found
}

const outcomes = await Promise.all(Object.keys(meanings).map(async file => [file, await outcome(file)] as const))
const all = (which: keyof Outcome): string[] => outcomes.flatMap(([, found]) => found[which])

test('nine of ten columns that a person would map are mapped without asking', () => {
  const share = all('right').length / (all('right').length + all('wrong').length + all('missed').length)
  expect(share, JSON.stringify(Object.fromEntries(outcomes), null, 1)).toBeGreaterThanOrEqual(0.9)
})

test('of those that are mapped without asking, nineteen of twenty are what a person would say', () => {
  const share = all('right').length / (all('right').length + all('wrong').length)
  expect(share, all('wrong').join('\n')).toBeGreaterThanOrEqual(0.95)
})

test.each(['bagisto_products.csv', 'bagisto_products_with_errors.csv'])('%s: all of them, and none wrong', file => {
  expect(outcomes.find(([name]) => name === file)![1]).toMatchObject({ wrong: [], missed: [] })
})
