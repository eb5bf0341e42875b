/** Workspaces for tests of the whole chain: the shipped catalog, and the files a test names. */
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { scaffoldWorkspace } from '../../src/catalog/scaffold.ts'
import { type RunSummary, runOnce } from '../../src/cli/chain.ts'
import { readSecrets } from '../../src/cli/secrets.ts'
import { readSettings } from '../../src/cli/settings.ts'
import { type OpenOptions, openWorkspace, type Workspace } from '../../src/cli/workspace.ts'

type Cell = string | number | boolean | null

export interface TestWorkspace {
  readonly dir: string
  /** Puts a file below landing that has stood still for long: the next look takes it. */
  land(path: string, content: string | Uint8Array): Promise<void>
  /** Changes a document of the catalog as a person would: its text. */
  edit(path: string, change: (text: string) => string): Promise<void>
  /** Opens, runs everything in landing once, closes. */
  run(options?: OpenOptions): Promise<RunSummary>
  with<T>(work: (workspace: Workspace) => Promise<T>, options?: OpenOptions): Promise<T>
  query(sql: string): Promise<Cell[][]>
  remove(): Promise<void>
}

/** @param files by path below landing */
export async function testWorkspace(files: Readonly<Record<string, string | Uint8Array>> = {}): Promise<TestWorkspace> {
  const dir = await mkdtemp(join(tmpdir(), 'aiworkflow-flow-'))
  await scaffoldWorkspace(dir)
  const workspace = openTestWorkspace(dir)
  for (const [path, content] of Object.entries(files)) await workspace.land(path, content)
  return workspace
}

/** A workspace that is there already; `environment` has settings and secrets, as a process gets them. */
export function openTestWorkspace(dir: string, environment: Readonly<Record<string, string>> = {}): TestWorkspace {
  const withOpen = async <T>(work: (workspace: Workspace) => Promise<T>, options: OpenOptions = {}): Promise<T> => {
    const workspace = await openWorkspace(await readSettings({ directory: dir, environment }), {
      secrets: readSecrets(environment),
      ...options,
    })
    try {
      return await work(workspace)
    } finally {
      await workspace.close()
    }
  }
  return {
    dir,
    land: async (path, content) => {
      const target = join(dir, 'landing', path)
      await mkdir(dirname(target), { recursive: true })
      await writeFile(target, content)
      const at = nextQuietTime()
      await utimes(target, at, at)
    },
    edit: async (path, change) => {
      const file = join(dir, 'catalog', path)
      const before = await readFile(file, 'utf8')
      const after = change(before)
      if (after === before) throw new Error(`${path} is as it was: the test would prove nothing`)
      await writeFile(file, after)
    },
    run: options => withOpen(workspace => runOnce(workspace), options),
    with: withOpen,
    query: sql =>
      withOpen(async workspace => (await workspace.lakehouse.query(sql, { limit: 100_000 })).rows as Cell[][]),
    remove: () => rm(dir, { recursive: true, force: true }),
  }
}

/** An hour ago and no two alike: a file changed at one path is seen to have changed. */
let quietTimes = 0
const nextQuietTime = () => new Date(Date.now() - 3_600_000 + 1000 * quietTimes++)

/** Rows of the delivery in the source, by P1: both equations, per delivery. Returns what does not hold. */
export function unbalanced(summary: RunSummary): string[] {
  return summary.deliveries
    .filter(({ state }) => state === 'published' || state === 'refused' || state === 'duplicate')
    .flatMap(delivery => {
      const { file, rowsRead, rowsLoaded, rowsInError, rowsPublished, rowsRejectedInCore, rowsSuperseded } = delivery
      const bronze =
        rowsRead === rowsLoaded + rowsInError
          ? []
          : [`${file}: ${rowsRead} read, ${rowsLoaded} loaded, ${rowsInError} in error`]
      const published = delivery.state === 'published'
      const core = !published || rowsLoaded === rowsPublished + rowsRejectedInCore + rowsSuperseded
      return core
        ? bronze
        : [
            ...bronze,
            `${file}: ${rowsLoaded} in bronze, ${rowsPublished} published, ${rowsRejectedInCore} rejected, ${rowsSuperseded} superseded`,
          ]
    })
}

/** The published tables as they stand, without what differs from run to run: ids, times, paths. */
export async function contents(workspace: Workspace): Promise<Record<string, string[]>> {
  const volatile =
    /^(_run_id|_delivery_id|run_id|trace_id|delivery_id|ingested_at|_ingested_at|ingestion_date|_source_file)$/
  const tables: Record<string, string[]> = {}
  for (const { namespace, name } of await workspace.lakehouse.listTables()) {
    const { columns, rows } = await workspace.lakehouse.query(`SELECT * FROM ${namespace}.${name}`, { limit: 100_000 })
    const kept = columns
      .map(({ name: column }, at) => [column, at] as const)
      .filter(([column]) => !volatile.test(column))
    kept.sort(([a], [b]) => (a < b ? -1 : 1))
    tables[`${namespace}.${name}`] = rows
      .map(row => JSON.stringify(kept.map(([column, at]) => [column, row[at]])))
      .sort()
  }
  return tables
}
