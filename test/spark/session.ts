/** One Spark for a whole test file, since it starts slowly: a process that shares no code with us and opens the same catalogs. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TablesPlace } from '../lakehouse/pyiceberg.ts'

const folder = fileURLToPath(new URL('../../.cache/spark/', import.meta.url))
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
  /** Goes to the catalog of a warehouse: names are `namespace.table`. */
  open(place: string | TablesPlace): Promise<void>
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
      const at = typeof place === 'string' ? { catalog: place } : place
      await ask({ warehouse: at.catalog, conf: catalogConf(at) })
    },
    rows: async sql => (await ask({ sql })) as unknown[][],
    run: async (python, names = {}) => (await ask({ run: python, names })) as never,
    close: async () => {
      child.stdin.end()
      if (child.exitCode === null) await new Promise(resolve => child.once('exit', resolve))
    },
  }
}

function catalogConf({ catalog, store }: TablesPlace): Record<string, string> {
  const name = 'spark.sql.catalog.aiworkflow'
  return {
    [name]: 'org.apache.iceberg.spark.SparkCatalog',
    [`${name}.catalog-impl`]: 'org.apache.iceberg.jdbc.JdbcCatalog',
    [`${name}.uri`]: `jdbc:sqlite:${catalog}/catalog.sqlite`,
    [`${name}.warehouse`]: store?.url ?? `file://${catalog}`,
    [`${name}.jdbc.schema-version`]: 'V1',
    [`${name}.cache-enabled`]: 'false',
    'spark.sql.session.timeZone': 'UTC',
    ...(store && {
      [`${name}.io-impl`]: 'org.apache.iceberg.aws.s3.S3FileIO',
      [`${name}.client.region`]: store.region,
      [`${name}.s3.endpoint`]: store.endpoint ?? '',
      [`${name}.s3.path-style-access`]: 'true',
      [`${name}.s3.access-key-id`]: store.credentials.accessKeyId,
      [`${name}.s3.secret-access-key`]: store.credentials.secretAccessKey,
    }),
  }
}

function tailOf(child: ChildProcess): () => string {
  let text = ''
  child.stderr?.on('data', piece => {
    text = `${text}${piece}`.slice(-8000)
  })
  return () => text
}
