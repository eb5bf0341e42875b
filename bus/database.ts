/**
 * One way to open SQLite for state that several processes share: write-ahead log, a busy time-out, and transactions that
 * take the write lock at their start, so that none fails half way because another process wrote in between.
 *
 * `synchronous: 'full'` survives loss of power; `'normal'` survives a crash of the process, and what loss of power takes is
 * a suffix of the latest commits. Errors: STATE_BUSY (another process held the write lock longer than `busyMs`), DISK_FULL.
 */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { Failure } from '../contracts/failures.ts'

export interface DatabaseOptions {
  readonly synchronous: 'full' | 'normal'
  readonly busyMs?: number
}

const sqliteBusy = 5
const sqliteLocked = 6
const sqliteFull = 13

export class EmbeddedDatabase {
  readonly #database: DatabaseSync
  readonly #begin: StatementSync
  readonly #beginRead: StatementSync
  readonly #commit: StatementSync
  readonly #rollback: StatementSync
  readonly #dataVersion: StatementSync

  /** Opens or creates the file and its folder, and applies `schema` (statements that may run again on every open). */
  constructor(path: string, schema: string, options: DatabaseOptions) {
    mkdirSync(dirname(path), { recursive: true })
    this.#database = new DatabaseSync(path, { timeout: options.busyMs ?? 5_000 })
    guarded(() => {
      // Switching to the write-ahead log does not wait for other openers by itself, taking the write lock does.
      if (this.#database.prepare('PRAGMA journal_mode').get()?.journal_mode !== 'wal') {
        untilFree(() => this.#database.exec('PRAGMA journal_mode = WAL'), options.busyMs ?? 5_000)
      }
      this.#database.exec(`PRAGMA synchronous = ${options.synchronous}; BEGIN IMMEDIATE; ${schema}; COMMIT`)
    })
    this.#begin = this.prepare('BEGIN IMMEDIATE')
    this.#beginRead = this.prepare('BEGIN')
    this.#commit = this.prepare('COMMIT')
    this.#rollback = this.prepare('ROLLBACK')
    this.#dataVersion = this.prepare('PRAGMA data_version')
  }

  prepare(sql: string): StatementSync {
    return this.#database.prepare(sql)
  }

  /** Runs `body` as one write transaction; whatever it throws undoes it. */
  write<T>(body: () => T): T {
    return this.#within(this.#begin, body)
  }

  /** Runs `body` on one consistent view. */
  read<T>(body: () => T): T {
    return this.#within(this.#beginRead, body)
  }

  /** A number that changes when another connection, of any process, has committed. */
  dataVersion(): number {
    return Number(guarded(() => this.#dataVersion.get())?.data_version)
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }

  #within<T>(begin: StatementSync, body: () => T): T {
    return guarded(() => {
      begin.run()
      try {
        const result = body()
        this.#commit.run()
        return result
      } catch (error) {
        // A full disk may have ended the transaction already.
        if (this.#database.isTransaction) this.#rollback.run()
        throw error
      }
    })
  }
}

function errorNumber(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown }
  return typeof errcode === 'number' ? errcode & 0xff : undefined
}

function guarded<T>(body: () => T): T {
  try {
    return body()
  } catch (error) {
    const number = errorNumber(error)
    if (number === sqliteBusy || number === sqliteLocked) {
      throw new Failure('STATE_BUSY', 'Another process kept the database locked longer than the busy time-out.', {
        cause: error,
      })
    }
    if (number === sqliteFull)
      throw new Failure('DISK_FULL', 'The disk is full: the database took no more.', { cause: error })
    throw error
  }
}

function untilFree<T>(body: () => T, busyMs: number): T {
  const deadline = Date.now() + busyMs
  while (true) {
    try {
      return body()
    } catch (error) {
      if (errorNumber(error) !== sqliteBusy || Date.now() > deadline) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}
