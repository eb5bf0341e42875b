/** One contract, two engines: equal typed rows, equal sets of (code, column, raw record). */
import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import { inspectFile } from '../../src/discovery/shell.ts'
import { contractOf } from '../compiler/contracts.ts'
import { discoveryPolicy } from '../fixtures/discovery-policy.ts'
import { throughDuckdb, throughSpark } from './both-engines.ts'
import { anyFeed } from './generated.ts'
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

const feedFolders = ['fixtures/feeds', '../examples/product/landing'].map(path =>
  fileURLToPath(new URL(`../${path}/`, import.meta.url)),
)

describe('DuckDB and Spark give the same', { timeout: limitMs }, () => {
  test(`of ${generatedFeeds} generated feeds`, async () => {
    const feeds = fc.sample(anyFeed, { numRuns: generatedFeeds, seed: Number(process.env['FEED_SEED'] ?? 1) })
    const kinds = new Map<string, number>()
    let rows = 0
    let errors = 0
    for (const [index, { contract, text }] of feeds.entries()) {
      const file = join(folder, `${index}.csv`)
      await writeFile(file, text)
      const { kind, outcome } = await compare(contract, file, text)
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      rows += outcome.rows.length
      errors += outcome.errors.length
    }
    // Or else the generator has lost its variety, and the comparison its point.
    for (const kind of ['plain', 'quoted', 'prepared']) expect(kinds.get(kind), kind).toBeGreaterThan(20)
    expect(rows).toBeGreaterThan(800)
    expect(errors).toBeGreaterThan(500)
  })

  test('of every example feed, by the contract that discovery proposes, as compiled code', async () => {
    await spark.run('for key, value in names_conf.items(): spark.conf.set(key, value)', {
      names_conf: { 'spark.sql.codegen.wholeStage': 'true', 'spark.sql.codegen.factoryMode': 'CODEGEN_ONLY' },
    })
    const found = await Promise.all(feedFolders.map(path => readdir(path, { recursive: true, withFileTypes: true })))
    const feeds = found.flat().filter(entry => entry.isFile() && /[.](csv|ndjson)$/.test(entry.name))
    expect(feeds.length).toBeGreaterThan(14)
    for (const { name, parentPath } of feeds) {
      const file = join(folder, name)
      await copyFile(join(parentPath, name), file)
      const contract = contractOf([], { ...(await inspectFile(file, discoveryPolicy)) })
      const { outcome } = await compare(contract, file, name)
      expect(outcome.rows.length + outcome.errors.length, name).toBeGreaterThan(0)
    }
  })
})

async function compare(contract: FeedContract, file: string, shown: string) {
  const byDuckdb = await throughDuckdb(contract, file)
  const { kind, ...bySpark } = await throughSpark(spark, contract, file)
  const columns = contract.columns.map(({ name, type, format, nullable }) => ({ name, type, format, nullable }))
  expect(bySpark, `${kind}: ${JSON.stringify(columns)}\n${shown}`).toEqual(byDuckdb)
  return { kind, outcome: bySpark }
}
