import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { deliveriesFolder } from '../../src/tools/servers.ts'
import { ingestionDate, openLoader } from '../loader.ts'
import { type Benchmark, median, rounded, timed } from '../measure.ts'
import { bareSelect, type WrittenCsv, writeOrders } from './orders.ts'

const rows = 1_000_000
const rounds = 5
const memoryLimit = '1GB'

/** Rows per second of the load tool, against the least that any loader could do with the same engine. */
export const loadCsv: Benchmark = {
  name: 'load.csv',
  async run(tell) {
    const workspace = await mkdtemp(join(tmpdir(), 'aiworkflow-bench-'))
    try {
      const folder = join(workspace, deliveriesFolder)
      await mkdir(folder, { recursive: true })
      const csv = await writeOrders(join(folder, 'orders.csv'), rows)
      tell(`${rows.toLocaleString('en-US')} rows, ${(csv.sizeBytes / 2 ** 20).toFixed(0)} MiB`)
      const ours: number[] = []
      const bare: number[] = []
      const loader = await openLoader(workspace, csv, { memoryLimit })
      try {
        for (let round = 0; round < rounds; round++) {
          bare.push(await timed(() => bareCopy(csv, join(workspace, `bare-${round}`))))
          ours.push(await timed(() => loader.load(round)))
          tell(`round ${round + 1}: bare ${bare.at(-1)!.toFixed(0)} ms, load ${ours.at(-1)!.toFixed(0)} ms`)
        }
      } finally {
        await loader.close()
      }
      const perSecond = (times: readonly number[]) => rows / (median(times) / 1000)
      return [
        {
          name: 'load.csv',
          value: rounded(perSecond(ours)),
          unit: 'rows/s',
          against: `a bare DuckDB COPY of the same casts and partitions, ${rounded(perSecond(bare))} rows/s`,
          ratio: rounded(perSecond(ours) / perSecond(bare)),
          note: `${rows.toLocaleString('en-US')} rows × 10 columns that all fit, medians of ${rounds} alternating rounds in one process. Ours includes the checks that a value fits its type, six columns of provenance, statistics and the Iceberg commit. Left out: discovery, the agents, records in error (they take the careful way), and counting the source again.`,
        },
      ]
    } finally {
      await rm(workspace, { recursive: true })
    }
  },
}

export async function bareCopy(csv: WrittenCsv, folder: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: memoryLimit })
  try {
    const connection = await instance.connect()
    const partitions = `DATE '${ingestionDate}' AS ingestion_date, 'bench' AS vendor_name`
    await connection.run(
      `COPY (${bareSelect(csv.path, partitions)}) TO '${folder}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (ingestion_date, vendor_name))`,
    )
    connection.closeSync()
  } finally {
    instance.closeSync()
    await rm(folder, { recursive: true, force: true })
  }
}
