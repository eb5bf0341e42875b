/** Deliveries loaded by Spark through the tool, each by a `spark-submit` of its own. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { sparkCluster } from '../../src/lakehouse/engine/spark/cluster.ts'
import { openLakehouse } from '../../src/lakehouse/lakehouse.ts'
import { startSparkConnect } from '../rig/spark-connect.ts'
import { column, contractOf, type Lake, openLake, runOf } from '../tools/lake.ts'
import { sparkHome, sparkInstallation } from './session.ts'

const limitMs = 240_000
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const sparkAt =
  (home = sparkHome) =>
  (warehouseDir: string) =>
    sparkCluster({ master: 'local[2]', home, catalog: { name: 'aiworkflow', warehouseDir } })

const columns = [column('sku', 'string', { nullable: false }), column('price', 'decimal(10,2)'), column('qty', 'int')]
const contract = contractOf(columns)
const text = 'sku,price,qty\nA1,1.50,3\nB2,cheap,many\nC3,2.5\n,1.00,1\nD4,2.00,4\n'
const errorsSql =
  'SELECT column_name, error_code, raw_record, count(DISTINCT record_number) FROM product_raw.ingest_errors GROUP BY ALL ORDER BY ALL'
const rowsSql =
  'SELECT sku, price, qty, vendor_name, ingestion_date, _delivery_id, _source_file FROM product_raw.acme_products'
const table = { namespace: 'product_raw', name: 'acme_products' }

const keptFile = (lake: Lake, name: string) => path.join(lake.workspace, '.aiworkflow/runs', runOf(1), name)

describe('a load by Spark', { timeout: limitMs }, () => {
  test('gives what the embedded engine gives, once; and its program does the same by spark-submit alone', async () => {
    const [bySpark, byDuckdb] = [await openLake(undefined, sparkAt()), await openLake()]
    // A name that would be a pattern, and is one file's.
    const delivery = bySpark.deliver(text, { stored: '.aiworkflow/deliveries/x/all [1] {new} *.csv' })
    const loaded = await bySpark.load(contract, delivery)
    expect(loaded).toMatchObject({ counts: { read: 5, loaded: 2, rejected: 3 }, alreadyDone: false })
    expect((await byDuckdb.load(contract, byDuckdb.deliver(text))).counts).toEqual(loaded.counts)
    const rows = await bySpark.rows(rowsSql)
    expect(rows).toEqual(await byDuckdb.rows(rowsSql))
    const errors = await bySpark.rows(errorsSql)
    expect(errors).toEqual(await byDuckdb.rows(errorsSql))
    expect((await bySpark.lakehouse.loadTable(table)).branches).toEqual({ main: loaded.snapshotId })

    const again = await bySpark.load(contract, delivery, runOf(2))
    expect(again).toEqual({ ...loaded, alreadyDone: true })

    // By hand, in a warehouse that holds nothing: the tables as well are the program's.
    const warehouseDir = mkdtempSync(path.join(tmpdir(), 'aiworkflow-byhand-'))
    folders.push(warehouseDir)
    const conf = path.join(warehouseDir, 'load.conf')
    const configuration = readFileSync(keptFile(bySpark, 'load.conf'), 'utf8')
    writeFileSync(conf, configuration.replaceAll(path.join(bySpark.workspace, 'warehouse'), warehouseDir))
    const submit = () =>
      promisify(execFile)(sparkInstallation().submit, ['--properties-file', conf, keptFile(bySpark, 'load.py')], {
        env: { ...process.env, PATH: sparkInstallation().path },
      })
    await submit()
    const lake = openLakehouse({ warehouseDir })
    try {
      const read = async (sql: string) => (await lake.query(sql)).rows
      expect(await read(rowsSql)).toEqual(rows)
      expect(await read(errorsSql)).toEqual(errors)
      expect(await lake.findWrite(table, `bronze ${delivery.id}`)).toBeDefined()
    } finally {
      await lake.close()
    }
  })

  test('knows the place of a record where this program had to take the file apart, and continues the trace', async () => {
    const spans: string[] = []
    const withSpan = async (name: string, _: unknown, work: (span: never) => unknown) => {
      spans.push(name)
      return work({ set: () => undefined, traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } as never)
    }
    const lake = await openLake({ withSpan } as never, sparkAt())
    const json = contractOf(
      [column('sku', 'string', { sourcePath: ['sku'] }), column('qty', 'int', { sourcePath: ['qty'] })],
      {
        format: { kind: 'ndjson', encoding: 'utf-8', compression: 'none' },
      },
    )
    const loaded = await lake.load(json, lake.deliver('{"sku":"A","qty":1}\n{"sku":\n{"sku":"B","qty":"x"}\n'))
    expect(loaded.counts).toEqual({ read: 3, loaded: 1, rejected: 2 })
    expect(
      await lake.rows(
        'SELECT record_number, source_line, error_code, raw_record FROM product_raw.ingest_errors ORDER BY 1',
      ),
    ).toEqual([
      [2, 2, 'INVALID_JSON', '{"sku":'],
      [3, 3, 'VALUE_NOT_LONG', '{"sku":"B","qty":"x"}'],
    ])
    expect(spans).toEqual(expect.arrayContaining(['spark job', 'spark append rows', 'spark append errors']))
  })

  test('by a session of Spark Connect, on a server that runs already', async () => {
    const server = await startSparkConnect()
    try {
      const lake = await openLake(undefined, warehouseDir =>
        sparkCluster({ master: server.url, home: sparkHome, catalog: { name: 'aiworkflow', warehouseDir } }),
      )
      for (const [number, more] of ['', 'E5,3.00,5\n'].entries()) {
        const loaded = await lake.load(contract, lake.deliver(text + more), runOf(number + 1))
        expect(loaded.counts).toEqual({ read: 5 + number, loaded: 2 + number, rejected: 3 })
      }
      expect(await lake.rows('SELECT count(*) FROM product_raw.acme_products')).toEqual([[5]])
    } finally {
      await server.stop()
    }
  })

  test('that is killed leaves the tables as they were, may be tried again, and is then whole', async () => {
    const lake = await openLake(undefined, warehouseDir => {
      const cluster = sparkAt()(warehouseDir)
      let tries = 0
      return {
        ...cluster,
        submit: job => {
          tries += 1
          if (tries > 1) return cluster.submit(job)
          // The cluster takes the job away when its rows are on the branch.
          const program = readFileSync(job.programFile, 'utf8').replace(
            'say("done", counts=counts)',
            'import os, signal; os.kill(os.getpid(), signal.SIGKILL)',
          )
          mkdirSync(path.join(warehouseDir, 'broken'))
          const programFile = path.join(warehouseDir, 'broken', 'load.py')
          writeFileSync(programFile, program)
          return cluster.submit({ ...job, programFile })
        },
      }
    })
    const delivery = lake.deliver(text)
    await expect(lake.load(contract, delivery)).rejects.toMatchObject({ code: 'ENGINE_FAILED', kind: 'transient' })
    expect(await lake.rows('SELECT count(*) FROM product_raw.acme_products')).toEqual([[0]])
    expect(await lake.rows('SELECT count(*) FROM product_raw.ingest_errors')).toEqual([[0]])
    expect((await lake.load(contract, delivery)).counts).toEqual({ read: 5, loaded: 2, rejected: 3 })
    expect(await lake.rows('SELECT count(*) FROM product_raw.acme_products')).toEqual([[2]])
    expect(await lake.rows('SELECT count(*) FROM product_raw.ingest_errors')).toEqual([[4]])
  })

  test('says what is missing: no Spark, no Java, a file that the workers do not see', async () => {
    const none = await openLake(undefined, sparkAt('/nowhere'))
    await expect(none.load(contract, none.deliver(text))).rejects.toMatchObject({
      code: 'SPARK_MISSING',
      kind: 'terminal',
    })
    const java = process.env['JAVA_HOME']
    process.env['JAVA_HOME'] = '/nowhere'
    try {
      const lake = await openLake(undefined, sparkAt())
      await expect(lake.load(contract, lake.deliver(text))).rejects.toMatchObject({
        code: 'SPARK_MISSING',
        message: expect.stringContaining('Java'),
      })
    } finally {
      if (java === undefined) delete process.env['JAVA_HOME']
      else process.env['JAVA_HOME'] = java
    }
  })
})
