/**
 * The embedded engine: one in-memory DuckDB per lakehouse, a connection per piece of work.
 *
 * A connection's temporary tables are its own, so writes running side by side do not meet. Memory is bounded by
 * `memoryLimit`; what exceeds it goes to a directory below the warehouse that ends with the engine.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { Failure, type FailureCode } from '../../../contracts/failures.ts'
import { quoteList, quoteLiteral } from '../identifiers.ts'

export interface Engine {
  /** Runs work on a connection of its own. What DuckDB throws inside comes out as a Failure. */
  withConnection<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T>
  /** A directory for files that are not finished yet, on the warehouse's disk. */
  scratchDir(): Promise<string>
  /** Runs work on a locked engine that reads the warehouse and nothing else; `prepare` runs before the lock. */
  withReader<T>(
    prepare: (connection: DuckDBConnection) => Promise<void>,
    work: (connection: DuckDBConnection) => Promise<T>,
  ): Promise<T>
  close(): Promise<void>
}

interface EngineOptions {
  /** Below it, `.scratch`. */
  readonly warehouseDir: string
  /** All that a query may read. */
  readonly readableDir: string
  readonly memoryLimit: string
}

/** Scratch of a process that was killed is removed when it is surely nobody's any more. */
const scratchKeptMs = 24 * 3_600_000

export function duckdbEngine(options: EngineOptions): Engine {
  const parent = join(options.warehouseDir, '.scratch')
  const own = join(parent, randomUUID())
  let started: Promise<DuckDBInstance> | undefined

  const start = async () => {
    await removeStale(parent)
    await mkdir(own, { recursive: true }).catch(error => {
      throw scratchFailure(error, options.warehouseDir)
    })
    return create()
  }
  const create = async () => {
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: options.memoryLimit,
      // What is linked in is all there is: no extension is fetched because a statement mentions it.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    })
    await connected(instance, connection =>
      connection.run(`SET GLOBAL TimeZone = 'UTC'; SET GLOBAL temp_directory = ${quoteLiteral(join(own, 'spill'))}`),
    )
    return instance
  }
  const instance = () => {
    // A start that failed is tried again by whoever asks next: the disk may have room by then.
    started ??= start().catch(error => {
      started = undefined
      throw error
    })
    return started
  }

  return {
    withConnection: async work => connected(await instance(), work),
    scratchDir: async () => {
      await instance()
      return own
    },
    withReader: async (prepare, work) => {
      await instance()
      const reader = await create()
      try {
        return await connected(reader, async connection => {
          await connection.run(
            `SET allowed_directories = ${quoteList([`${options.readableDir}/`])}; SET enable_external_access = false`,
          )
          await prepare(connection)
          await connection.run('SET lock_configuration = true')
          return work(connection)
        })
      } finally {
        reader.closeSync()
      }
    },
    close: async () => {
      if (started !== undefined) (await started).closeSync()
      await rm(own, { recursive: true, force: true })
    },
  }
}

async function connected<T>(instance: DuckDBInstance, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const connection = await instance.connect()
  try {
    return await work(connection)
  } catch (error) {
    throw engineFailure(error)
  } finally {
    connection.closeSync()
  }
}

async function removeStale(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const path = join(parent, name)
    const seen = await stat(path).catch(() => undefined)
    if (seen !== undefined && Date.now() - seen.mtimeMs > scratchKeptMs)
      await rm(path, { recursive: true, force: true })
  }
}

/** Even who only reads needs a place for what exceeds memory. */
function scratchFailure(error: NodeJS.ErrnoException, warehouseDir: string): Failure {
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT')
    return new Failure('DISK_FULL', `The disk of the warehouse ${warehouseDir} is full.`, { cause: error })
  return new Failure('SETTING_INVALID', `The warehouse ${warehouseDir} cannot be written to: ${error.message}`, {
    wayOut:
      'Give the account that runs aiworkflow write permission there, or mount it for writing; then replay the run.',
    cause: error,
  })
}

/** DuckDB's messages begin with the kind of error; kinds that the statement or its data caused are not worth a second try. */
const kinds: readonly (readonly [RegExp, FailureCode])[] = [
  [/No space left on device|Disk quota exceeded|max_temp_directory_size/i, 'DISK_FULL'],
  [/^Permission Error/, 'QUERY_REFUSED'],
  [/^Catalog Error: Table with name .* does not exist/, 'TABLE_MISSING'],
  [
    /^(Parser|Syntax|Binder|Catalog|Conversion|Invalid Input|Invalid type|Out of Range|Constraint|Mismatch Type|Not implemented|Parameter|Expression) Error/i,
    'QUERY_FAILED',
  ],
  [/^(Out of Memory|IO|INTERNAL|FATAL|INTERRUPT|TransactionContext|Serialization) Error/i, 'ENGINE_FAILED'],
]

function engineFailure(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof Failure) return error
  const code = kinds.find(([pattern]) => pattern.test(error.message))?.[1]
  return code === undefined ? error : new Failure(code, `DuckDB: ${error.message}`, { cause: error })
}
