/** One large file by every engine: ours beside the least that a hand-written load by the same engine does, and beside dlt. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sparkType } from '../../src/compiler/spark/types.ts'
import { propertiesText } from '../../src/lakehouse/engine/spark/catalog-configuration.ts'
import { sparkCluster } from '../../src/lakehouse/engine/spark/cluster.ts'
import { type Benchmark, type Measure, median, rounded } from '../measure.ts'
import { type Ran, runWatched } from '../peak.ts'
import { ordersContract, type WrittenCsv, writeOrders } from './orders.ts'

const rows = 5_000_000
const largeBytes = 2_000_000_000
const rounds = 3
const root = join(import.meta.dirname, '../..')
const sparkHome = join(root, '.cache/spark')
const dltPython = join(root, '.cache/dlt/bin/python')

type Contestant = (folder: string) => Promise<Ran>

export const loadEngines: Benchmark = {
  name: 'load.engines',
  async run(tell) {
    const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-bench-'))
    try {
      await mkdir(join(folder, 'source'))
      const csv = await writeOrders(join(folder, 'source', 'orders.csv'), rows)
      tell(`${rows.toLocaleString('en-US')} rows, ${(csv.sizeBytes / 2 ** 20).toFixed(0)} MiB`)
      const found: Record<string, Ran[]> = {}
      const go = async (name: string, contestant: Contestant) => {
        const own = join(folder, name)
        await mkdir(own)
        const ran = await contestant(own)
        await rm(own, { recursive: true })
        found[name] = [...(found[name] ?? []), ran]
        tell(`${name}: ${(ran.tookMs / 1000).toFixed(1)} s, ${mebibytes(ran.peakBytes)} MiB at most`)
      }
      for (let round = 0; round < rounds; round++) {
        await go('bare-duckdb', own => contestant('bare-duckdb', csv, own))
        await go('duckdb', own => contestant('duckdb', csv, own))
        await go('bare-pyspark', own => barePyspark(csv, own))
        await go('spark', own => contestant('spark', csv, own))
      }
      if (existsSync(dltPython)) await go('dlt', own => withDlt(csv, own))
      else tell('dlt is not measured: get it with `bash bench/engines/dlt.sh`')
      const measures = measuresOf(found)
      await rm(csv.path)
      return [...measures, await largeFile(folder, csv, tell)]
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}

function measuresOf(found: Readonly<Record<string, Ran[]>>): Measure[] {
  const perSecond = (name: string) => rows / (median((found[name] ?? []).map(({ tookMs }) => tookMs)) / 1000)
  const peak = (name: string) => Math.max(...(found[name] ?? []).map(({ peakBytes }) => peakBytes))
  const pair = (name: string, ours: string, other: string, called: string, more: string): Measure[] =>
    found[other] === undefined
      ? []
      : [
          {
            name: `load.engines ${name}`,
            value: rounded(perSecond(ours)),
            unit: 'rows/s',
            against: `${called}, ${rounded(perSecond(other))} rows/s and ${mebibytes(peak(other))} MiB`,
            ratio: rounded(perSecond(ours) / perSecond(other)),
            note: `${rows.toLocaleString('en-US')} rows × 10 columns that all fit, medians of ${rounds} alternating rounds, each in a process of its own; ours held ${mebibytes(peak(ours))} MiB at most. ${more}`,
          },
        ]
  return [
    ...pair(
      'duckdb',
      'duckdb',
      'bare-duckdb',
      'a bare DuckDB COPY of the same casts and partitions',
      'Without the start of the process on either side.',
    ),
    ...pair(
      'spark',
      'spark',
      'bare-pyspark',
      'a hand-written PySpark job',
      'With the start of Spark on both sides, which a long job forgets. The job reads typed columns, ends at the first misfit, and adds two columns of provenance to an Iceberg table; ours checks that every value fits, counts what does not, adds six columns and commits to both tables.',
    ),
    ...pair(
      'dlt',
      'duckdb',
      'dlt',
      'dlt, one round',
      'dlt reads by pandas and writes Parquet files without a table over them; it types what it sees and turns nothing away.',
    ),
  ]
}

async function largeFile(folder: string, { sizeBytes }: WrittenCsv, tell: (line: string) => void): Promise<Measure> {
  const many = Math.ceil((largeBytes / sizeBytes) * rows)
  const large = await writeOrders(join(folder, 'source', 'large.csv'), many)
  const own = join(folder, 'large')
  await mkdir(own)
  const ran = await contestant('duckdb', large, own)
  tell(
    `${(large.sizeBytes / 1e9).toFixed(2)} GB: ${(ran.tookMs / 1000).toFixed(1)} s, ${mebibytes(ran.peakBytes)} MiB at most`,
  )
  return {
    name: 'load.memory',
    value: rounded(ran.peakBytes / 2 ** 20),
    unit: 'MiB',
    against: 'one gibibyte',
    ratio: rounded(ran.peakBytes / 2 ** 30),
    note: `The most that the loading process held for a file of ${(large.sizeBytes / 1e9).toFixed(2)} GB, with the memory that the shipped policy gives the engine. Less is better. Looked at five times a second.`,
  }
}

async function contestant(name: string, { path, rows: count }: WrittenCsv, folder: string): Promise<Ran> {
  const ran = await runWatched(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    join(root, 'bench/engines/contestant.ts'),
    ...[name, path, String(count), folder, sparkHome],
  ])
  return { ...ran, tookMs: Number(ran.stdout.trim().split('\n').at(-1)) }
}

async function barePyspark(csv: WrittenCsv, folder: string): Promise<Ran> {
  const warehouseDir = join(folder, 'warehouse')
  await mkdir(warehouseDir)
  const cluster = sparkCluster({ master: 'local[*]', home: sparkHome, catalog: { name: 'aiworkflow', warehouseDir } })
  const conf = join(folder, 'bare.conf')
  await writeFile(conf, propertiesText(cluster.configuration(undefined)))
  const columns = ordersContract(csv).columns.map(({ name, type }) => `${name} ${sparkType(type)}`)
  const bin = join(sparkHome, 'venv/bin')
  return runWatched(
    join(bin, 'spark-submit'),
    ['--properties-file', conf, join(root, 'bench/engines/bare_pyspark.py'), csv.path, columns.join(', ')],
    { PATH: `${bin}:${process.env['PATH']}` },
  )
}

async function withDlt(csv: WrittenCsv, folder: string): Promise<Ran> {
  const ran = await runWatched(dltPython, [join(root, 'bench/engines/with_dlt.py'), csv.path, folder])
  return { ...ran, tookMs: Number(ran.stdout.trim().split('\n').at(-1)) }
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)
