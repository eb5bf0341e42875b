/** One Spark for a whole test file, since it starts slowly: a process that shares no code with us and opens the same catalogs. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { catalogConfiguration, type SparkCatalog } from '../../src/lakehouse/engine/spark/catalog-configuration.ts'

const folder = fileURLToPath(new URL('../../.cache/spark/', import.meta.url))
/** What scripts/parts/spark.sh installs, as the setting `spark.home` takes it. */
export const sparkHome = folder
const script = fileURLToPath(new URL('session.py', import.meta.url))

export interface SparkInstallation {
  /** The `spark-submit` of the pinned PySpark. */
  readonly submit: string
  readonly python: string
  readonly jars: readonly string[]
  /** PATH with its Python first: `spark-submit` looks for Python and itself there. */
  readonly path: string
}

/** @throws Error saying how to get it. */
export function sparkInstallation(): SparkInstallation {
  if (!existsSync(`${folder}.pins`)) throw new Error('Spark is not installed for the tests: run scripts/parts/spark.sh')
  const jars = readdirSync(`${folder}jars`).map(name => `${folder}jars/${name}`)
  const programs = `${folder}venv/bin`
  return {
    submit: `${programs}/spark-submit`,
    python: `${programs}/python`,
    jars,
    path: `${programs}:${process.env['PATH']}`,
  }
}

export interface SparkSession {
  /** Goes to the catalog: names are `namespace.table`. */
  open(place: Omit<SparkCatalog, 'name'>): Promise<void>
  /** What a session is given that opens the catalog. */
  configuration(place: Omit<SparkCatalog, 'name'>): Readonly<Record<string, string>>
  /** Rows of a statement; numbers and moments that JSON cannot hold exactly as texts. */
  rows(sql: string): Promise<unknown[][]>
  /** Python with `spark` and `names` at hand; what it leaves in `result`. */
  run<T>(python: string, names?: Readonly<Record<string, unknown>>): Promise<T>
  close(): Promise<void>
}

export async function openSpark(): Promise<SparkSession> {
  const { python, jars, path } = sparkInstallation()
  const options = ['--master', 'local[2]', '--driver-memory', '1g', '--jars', jars.join(',')]
  for (const setting of [
    'spark.ui.enabled=false',
    'spark.sql.codegen.wholeStage=false',
    'spark.sql.codegen.factoryMode=NO_CODEGEN',
    'spark.sql.shuffle.partitions=2',
    'spark.sql.extensions=org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions',
  ]) {
    options.push('--conf', setting)
  }
  // Not by spark-submit, which gives a program nothing to read.
  const environment = {
    PATH: path,
    PYTHONWARNINGS: 'ignore',
    PYSPARK_SUBMIT_ARGS: [...options, 'pyspark-shell'].join(' '),
  }
  const child = spawn(python, [script], { env: { ...process.env, ...environment } })
  const said = tailOf(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`Spark ended:\n${said()}`)
    return JSON.parse(value)
  }
  await next()
  let last: Promise<unknown> = Promise.resolve()
  const ask = (request: object): Promise<unknown> => {
    const answered = last.then(async () => {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      const { value, error } = await next()
      if (error !== undefined) throw new Error(error)
      return value
    })
    last = answered.catch(() => undefined)
    return answered
  }
  return {
    open: async place => {
      await ask({ conf: catalogConf({ ...place, name: 'aiworkflow' }) })
    },
    configuration: place => catalogConf({ ...place, name: 'aiworkflow' }),
    rows: async sql => (await ask({ sql })) as unknown[][],
    run: async (python, names = {}) => (await ask({ run: python, names })) as never,
    close: async () => {
      child.stdin.end()
      if (child.exitCode === null) await new Promise(resolve => child.once('exit', resolve))
    },
  }
}

function catalogConf(place: SparkCatalog): Record<string, string> {
  const { open, secret } = catalogConfiguration(place)
  return { ...open, ...secret, 'spark.sql.session.timeZone': 'UTC' }
}

function tailOf(child: ChildProcess): () => string {
  let text = ''
  child.stderr?.on('data', piece => {
    text = `${text}${piece}`.slice(-8000)
  })
  return () => text
}
