import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { ComputePolicy } from '../../contracts/data/policy.ts'
import { Sizing } from '../../contracts/data/sizing.ts'
import { chooseEngine, embeddedOnly } from '../../src/compiler/engine-choice.ts'
import { noHistory, type SizedContract, type SizedSource, sizeLoad } from '../../src/compiler/sizing.ts'
import { sparkConfiguration } from '../../src/compiler/spark-configuration.ts'
import { keeps } from '../promises.ts'
import { column, contractOf } from './contracts.ts'

const shippedFile = join(import.meta.dirname, '../../examples/product/catalog/policies/compute.yaml')
const shipped = ComputePolicy.parse(parse(await readFile(shippedFile, 'utf8')))
const offer = { setting: 'auto', spark: true } as const

const contract: SizedContract = {
  ...contractOf([column('sku', 'string'), column('category', 'string'), column('added_on', 'date')]),
  partitionCandidates: [
    { column: 'added_on', transform: 'month', reason: 'a date in nearly every record' },
    { column: 'category', transform: 'identity', reason: '7 values' },
  ],
  rowCount: 100,
  sizeBytes: 4000,
}

const source = (rows: number, more: Partial<SizedSource> = {}): SizedSource => ({
  sizeBytes: rows * 40,
  contract,
  history: noHistory,
  ...more,
})

describe('the policy that is shipped', () => {
  test('gives 200 workers for a million records and one for a hundred', () => {
    expect(sizeLoad(source(1_000_000), shipped, offer)).toMatchObject({
      engine: 'duckdb',
      source: { sizeBytes: 40_000_000, rows: 1_000_000 },
      workers: { least: 1, most: 200 },
      coresPerWorker: 1,
      memoryBytesPerWorker: 2 ** 30,
      readPartitionBytes: 200_000,
      shufflePartitions: 200,
      files: 1,
      reason:
        '40,000,000 bytes, about 1,000,000 records: within the 21,474,836,480 bytes that policy gives one process. A cluster would give 200 workers, one for each 5,000 records',
    })
    expect(sizeLoad(source(100), shipped, offer)).toMatchObject({
      workers: { least: 1, most: 1 },
      shufflePartitions: 1,
    })
  })

  test('sends what is too large for one process to Spark, and says where there is none', () => {
    const large = source(1_000_000_000)
    expect(sizeLoad(large, shipped, offer)).toMatchObject({ engine: 'spark', workers: { most: 400 } })
    const alone = sizeLoad(large, shipped, embeddedOnly)
    expect(alone.engine).toBe('duckdb')
    expect(alone.reason).toContain('no cluster engine is configured')
    expect(alone.reason).toContain('400 workers, one for each 5,000 records, the most that policy allows, of 200,000')
  })
})

keeps('P7')('every number of a sizing is the policy’s: another policy, another plan', () => {
  const own = ComputePolicy.parse({
    kind: 'policy.compute',
    owner: 'ada',
    embedded: { memoryLimitBytes: 1, threads: 1, maxSourceBytes: 10 ** 12, maxSourceRows: 999 },
    spark: {
      rowsPerWorker: 10,
      maxWorkers: 50,
      leastWorkers: 3,
      worker: { cores: 4, memory: { leastBytes: 1, mostBytes: 10 ** 9, perSourceByte: 0.5 } },
      shuffle: { bytesPerPartition: 100, most: 300 },
    },
    files: { targetBytes: 1000, storedShare: 0.5 },
  })
  expect(sizeLoad(source(1000), own, offer)).toEqual({
    engine: 'spark',
    reason:
      '40,000 bytes, about 1,000 records: over the 999 records that policy gives one process. A cluster would give 50 workers, one for each 10 records, the most that policy allows, of 100 that there is work for',
    source: { sizeBytes: 40_000, rows: 1000 },
    workers: { least: 3, most: 50 },
    coresPerWorker: 4,
    memoryBytesPerWorker: 20_000,
    readPartitionBytes: 200,
    shufflePartitions: 300,
    files: 20,
    partition: [
      { column: 'ingestion_date', transform: 'identity' },
      { column: 'vendor_name', transform: 'identity' },
    ],
  })
})

test('what the policy does not say is left to the engine', () => {
  const bare = ComputePolicy.parse({
    kind: 'policy.compute',
    owner: 'ada',
    embedded: { memoryLimitBytes: 1, threads: 1, maxSourceBytes: 1 },
    spark: { rowsPerWorker: 10, maxWorkers: 5 },
  })
  const open = { coresPerWorker: null, memoryBytesPerWorker: null, shufflePartitions: null, files: null }
  expect(sizeLoad(source(1000), bare, offer)).toMatchObject({ workers: { least: 1, most: 5 }, ...open })
})

describe('how the table is divided', () => {
  const full = { rows: 10 ** 9, storedBytes: 60 * 2 ** 30 }

  test('by day and vendor, and once it is large by the first column that readers filter by and that divides well', () => {
    expect(sizeLoad(source(1000), shipped, offer).partition.map(({ column }) => column)).not.toContain('category')
    const divided = sizeLoad(source(1000, { history: full }), shipped, offer)
    expect(divided.partition).toEqual([
      { column: 'ingestion_date', transform: 'identity' },
      { column: 'vendor_name', transform: 'identity' },
      { column: 'category', transform: 'identity' },
    ])
    expect(divided.reason).toMatch(/Divided by category \(identity\): the table has about 64,424,573,\d+ bytes/)
  })

  test('a feed that no line of the policy names, or that has no such column, stays as it is', () => {
    const elsewhere = { ...shipped, access: [{ feeds: 'other/*', columns: ['category'], fromTableBytes: 0 }] }
    expect(sizeLoad(source(1000, { history: full }), elsewhere, offer).partition).toHaveLength(2)
    const unasked = { ...shipped, access: [{ feeds: 'acme/*', columns: ['colour'], fromTableBytes: 0 }] }
    const sized = sizeLoad(source(1000, { history: full }), unasked, offer)
    expect(sized.partition).toHaveLength(2)
    expect(sized.reason).toContain('No column that readers filter by divides well')
  })

  test('what stored rows have taken so far says how many files there will be, better than the policy’s share', () => {
    const history = { rows: 1000, storedBytes: 1000 * 2 ** 20 }
    expect(sizeLoad(source(1000), shipped, offer).files).toBe(1)
    expect(sizeLoad(source(1000, { history }), shipped, offer).files).toBe(8)
  })
})

test('where the contract counts no records, the rows that the table has say how many there will be', () => {
  const written = { ...contract, rowCount: null, sizeBytes: 0 }
  const given = { sizeBytes: 40_000, contract: written }
  expect(sizeLoad({ ...given, history: noHistory }, shipped, offer).source.rows).toBeNull()
  const history = { rows: 1000, storedBytes: 14_000 }
  expect(sizeLoad({ ...given, history }, shipped, offer).source.rows).toBe(1000)
})

const some = fc.integer({ min: 1, max: 2 ** 31 })
const policies = fc
  .record({
    rowsPerWorker: some,
    bytesPerWorker: fc.option(some, { nil: undefined }),
    leastWorkers: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
    maxWorkers: fc.integer({ min: 1, max: 1000 }),
    cores: fc.integer({ min: 1, max: 16 }),
    memory: fc.record({
      leastBytes: some,
      over: some,
      perSourceByte: fc.double({ min: 0, max: 20, noNaN: true }),
    }),
    shuffle: fc.record({ bytesPerPartition: some, most: fc.integer({ min: 1, max: 10_000 }) }),
    files: fc.record({ targetBytes: some, storedShare: fc.double({ min: 0.01, max: 2, noNaN: true }) }),
    maxSourceBytes: fc.nat({ max: 2 ** 40 }),
    fromTableBytes: fc.nat({ max: 2 ** 40 }),
  })
  .map(
    ({
      cores,
      memory: { leastBytes, over, perSourceByte },
      shuffle,
      files,
      maxSourceBytes,
      fromTableBytes,
      ...spark
    }) =>
      ComputePolicy.parse({
        kind: 'policy.compute',
        owner: 'ada',
        embedded: { memoryLimitBytes: 1, threads: 1, maxSourceBytes },
        spark: {
          ...spark,
          worker: { cores, memory: { leastBytes, mostBytes: leastBytes + over, perSourceByte } },
          shuffle,
        },
        files,
        access: [{ feeds: '*/*', columns: ['category'], fromTableBytes }],
      }),
  )
const sources = fc.record({
  sizeBytes: fc.nat({ max: 2 ** 42 }),
  rows: fc.nat({ max: 10 ** 10 }),
  history: fc
    .record({ rows: fc.nat({ max: 10 ** 6 }), rowBytes: fc.nat({ max: 10 ** 5 }) })
    .map(({ rows, rowBytes }) => ({ rows, storedBytes: rows * rowBytes })),
})
const more = fc.record({ sizeBytes: fc.nat({ max: 2 ** 40 }), rows: fc.nat({ max: 10 ** 9 }) })

describe('any delivery under any policy', () => {
  test('the same twice over, within the bounds of the policy, and of the shape of the contract', () => {
    fc.assert(
      fc.property(sources, policies, (given, policy) => {
        const sized = sizeLoad({ ...given, contract }, policy, offer)
        expect(Sizing.parse(sized)).toEqual(sizeLoad({ ...given, contract }, policy, offer))
        const { spark } = policy
        expect(sized.workers.most).toBeLessThanOrEqual(spark.maxWorkers)
        expect(sized.workers.least).toBeLessThanOrEqual(sized.workers.most)
        expect(sized.memoryBytesPerWorker).toBeGreaterThanOrEqual(spark.worker!.memory.leastBytes)
        expect(sized.memoryBytesPerWorker).toBeLessThanOrEqual(spark.worker!.memory.mostBytes)
        expect(sized.shufflePartitions).toBeLessThanOrEqual(spark.shuffle!.most)
      }),
    )
  })

  test('more bytes or more records never give less of anything', () => {
    fc.assert(
      fc.property(sources, more, policies, (given, added, policy) => {
        const larger = { ...given, sizeBytes: given.sizeBytes + added.sizeBytes, rows: given.rows + added.rows }
        const [one, other] = [given, larger].map(each => sizeLoad({ ...each, contract }, policy, offer))
        const amounts = ({ workers, memoryBytesPerWorker, shufflePartitions, files, partition, engine }: Sizing) => [
          workers.least,
          workers.most,
          memoryBytesPerWorker!,
          shufflePartitions!,
          files!,
          partition.length,
          engine === 'spark' ? 1 : 0,
        ]
        const before = amounts(one!)
        amounts(other!).forEach((amount, at) => {
          expect(amount).toBeGreaterThanOrEqual(before[at]!)
        })
      }),
    )
  })
})

test('a setting that names an engine is obeyed, and says so', () => {
  const asked = chooseEngine({ sizeBytes: 1, rows: null }, shipped, { setting: 'spark', spark: true })
  expect(asked).toEqual({ engine: 'spark', reason: '1 bytes: the settings ask for spark' })
})

describe('what a job is submitted with', () => {
  const sized = sizeLoad(source(1_000_000), shipped, offer)
  const session = { 'spark.sql.files.maxPartitionBytes': '200000', 'spark.sql.shuffle.partitions': '200' }

  test('on Kubernetes: executors within the bounds of the sizing, made by the account of the chart', () => {
    const place = { kind: 'kubernetes', namespace: 'lake', serviceAccount: 'spark', image: 'spark:4.1' } as const
    expect(sparkConfiguration(sized, place)).toEqual({
      ...session,
      'spark.dynamicAllocation.enabled': 'true',
      'spark.dynamicAllocation.shuffleTracking.enabled': 'true',
      'spark.dynamicAllocation.minExecutors': '1',
      'spark.dynamicAllocation.initialExecutors': '1',
      'spark.dynamicAllocation.maxExecutors': '200',
      'spark.executor.cores': '1',
      'spark.executor.memory': '1024m',
      'spark.kubernetes.namespace': 'lake',
      'spark.kubernetes.authenticate.driver.serviceAccountName': 'spark',
      'spark.kubernetes.container.image': 'spark:4.1',
    })
  })

  test('in one process or in a session of a running server: only what a session may set', () => {
    expect(sparkConfiguration(sized, { kind: 'local' })).toEqual(session)
    expect(sparkConfiguration(sized, { kind: 'connect' })).toEqual(session)
    const bare = { ...sized, shufflePartitions: null, coresPerWorker: null, memoryBytesPerWorker: null }
    expect(Object.keys(sparkConfiguration(bare, { kind: 'standalone' }))).toEqual([
      'spark.sql.files.maxPartitionBytes',
      ...['enabled', 'shuffleTracking.enabled', 'minExecutors', 'initialExecutors', 'maxExecutors'].map(
        name => `spark.dynamicAllocation.${name}`,
      ),
    ])
  })
})
