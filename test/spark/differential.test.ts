/** One contract, two engines: equal typed rows, equal sets of (code, column, raw record). */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { throughDuckdb, throughSpark, writeFeed } from './both-engines.ts'
import { anyFeed, type GeneratedFeed } from './generated.ts'
import { openSpark, type SparkSession } from './session.ts'

const limitMs = 600_000
const generatedFeeds = 300
let spark: SparkSession
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aiworkflow-engines-'))
  spark = await openSpark()
}, limitMs)
afterAll(async () => {
  await spark?.close()
  await rm(folder, { recursive: true, force: true })
})

describe('DuckDB and Spark give the same', { timeout: limitMs }, () => {
  test(`of ${generatedFeeds} generated feeds`, async () => {
    const feeds = fc.sample(anyFeed, { numRuns: generatedFeeds, seed: Number(process.env['FEED_SEED'] ?? 1) })
    const kinds = new Map<string, number>()
    let rows = 0
    let errors = 0
    for (const [index, feed] of feeds.entries()) {
      const { kind, outcome } = await compare(feed, index)
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      rows += outcome.rows.length
      errors += outcome.errors.length
    }
    // Or else the generator has lost its variety, and the comparison its point.
    for (const kind of ['plain', 'quoted', 'prepared']) expect(kinds.get(kind), kind).toBeGreaterThan(20)
    expect(rows).toBeGreaterThan(300)
    expect(errors).toBeGreaterThan(1000)
  })
})

async function compare({ contract, text }: GeneratedFeed, index: number) {
  const file = join(folder, `${index}.csv`)
  await writeFeed(file, text)
  const byDuckdb = await throughDuckdb(contract, file)
  const { kind, ...bySpark } = await throughSpark(spark, contract, file)
  const shown = `feed ${index}, ${kind}: ${JSON.stringify(contract.columns.map(({ name, type, format, nullable }) => ({ name, type, format, nullable })))}\n${text}`
  expect(bySpark, shown).toEqual(byDuckdb)
  return { kind, outcome: bySpark }
}
