/** One load in a process of its own: `contestant.ts NAME CSV ROWS WORKSPACE SPARK_HOME`. It prints how long the load took, in milliseconds. */
import { copyFile, link, mkdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { sparkCluster } from '../../src/lakehouse/engine/spark/cluster.ts'
import { deliveriesFolder } from '../../src/tools/servers.ts'
import { openLoader } from '../loader.ts'
import { timed } from '../measure.ts'
import { bareCopy } from '../measures/load-csv.ts'

const [name, path, rows, workspace, home] = process.argv.slice(2) as [string, string, string, string, string]
/** What the shipped compute policy gives one process. */
const memoryLimit = '2GB'

const csv = { path, name: basename(path), rows: Number(rows), sizeBytes: (await stat(path)).size }
let tookMs: number
if (name === 'bare-duckdb') tookMs = await timed(() => bareCopy(csv, join(workspace, 'bare')))
else {
  await mkdir(join(workspace, deliveriesFolder), { recursive: true })
  const stored = join(workspace, deliveriesFolder, csv.name)
  await link(path, stored).catch(() => copyFile(path, stored))
  const sparkAt = (warehouseDir: string) =>
    sparkCluster({ master: 'local[*]', home, catalog: { name: 'aiworkflow', warehouseDir } })
  const loader = await openLoader(workspace, csv, { memoryLimit, ...(name === 'spark' && { sparkAt }) })
  tookMs = await timed(() => loader.load(0))
  await loader.close()
}
process.stdout.write(`${tookMs}\n`)
