/**
 * The embedded StateStore: one SQLite file, safe for several processes of one machine.
 *
 * Owns: tables `entries`, `leases` and `counter`. The counter gives versions and lease tokens, so both strictly increase
 * over the whole store and rows may be deleted without a number ever coming back.
 *
 * Every commit is synced to disk (`synchronous = FULL`): on the build machine a transaction of two keys took 0.27 ms at
 * p50 and 1.8 ms at p99, against 0.05 ms and 0.33 ms without syncing, so there is no reason to promise less.
 *
 * SQLite runs in the caller's thread: every method is one short burst of work, and waiting for another process's write
 * lock (at most `busyMs`) blocks the thread. Fails with STATE_BUSY or DISK_FULL, and then nothing was written.
 */
import { EmbeddedDatabase } from '../../bus/database.ts'
import { ownerIsDead } from '../../bus/owner.ts'
import type { Check, Entry, LeaseReference, ScanOptions, StateStore, Transaction, TransactResult } from './store.ts'

export interface SqliteStateStoreOptions {
  readonly path: string
  readonly busyMs?: number
  /** Milliseconds since the epoch; must not run backwards between processes. */
  readonly clock?: () => number
  /** Whether a lease of this owner may be taken before it runs out. */
  readonly ownerIsDead?: (owner: string) => boolean
}

const schema = `
  CREATE TABLE IF NOT EXISTS entries (
    key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL, expires_at INTEGER);
  CREATE INDEX IF NOT EXISTS entries_by_expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE IF NOT EXISTS leases (
    name TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, token INTEGER NOT NULL, expires_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL);
  INSERT OR IGNORE INTO counter VALUES (1, 0)`

const alive = '(expires_at IS NULL OR expires_at > ?)'
const scanLimit = 1_000
const sweepLimit = 1_000

export class SqliteStateStore implements StateStore {
  readonly #database: EmbeddedDatabase
  readonly #clock: () => number
  readonly #ownerIsDead: (owner: string) => boolean
  readonly #sql

  constructor(options: SqliteStateStoreOptions) {
    const { path, busyMs } = options
    this.#database = new EmbeddedDatabase(path, schema, {
      synchronous: 'full',
      ...(busyMs === undefined ? {} : { busyMs }),
    })
    this.#clock = options.clock ?? Date.now
    this.#ownerIsDead = options.ownerIsDead ?? ownerIsDead
    const prepare = (text: string) => this.#database.prepare(text)
    this.#sql = {
      get: prepare(`SELECT key, value, version FROM entries WHERE key = ? AND ${alive}`),
      version: prepare(`SELECT version FROM entries WHERE key = ? AND ${alive}`),
      scan: prepare(
        `SELECT key, value, version FROM entries WHERE key >= ? AND key > ? AND key < ? AND ${alive} ORDER BY key LIMIT ?`,
      ),
      put: prepare(`
        INSERT INTO entries VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
        SET value = excluded.value, version = excluded.version, expires_at = excluded.expires_at`),
      delete: prepare('DELETE FROM entries WHERE key = ?'),
      count: prepare('UPDATE counter SET value = value + 1 RETURNING value'),
      lease: prepare('SELECT owner, token, expires_at FROM leases WHERE name = ?'),
      holds: prepare('SELECT 1 FROM leases WHERE name = ? AND token = ? AND expires_at > ?'),
      acquire: prepare('INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)'),
      renew: prepare('UPDATE leases SET expires_at = ? WHERE name = ? AND token = ? AND expires_at > ?'),
      release: prepare('DELETE FROM leases WHERE name = ? AND token = ?'),
      sweep: prepare(
        'DELETE FROM entries WHERE key IN (SELECT key FROM entries WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)',
      ),
      sweepLeases: prepare('DELETE FROM leases WHERE name IN (SELECT name FROM leases WHERE expires_at <= ? LIMIT ?)'),
    }
  }

  async get(key: string): Promise<Entry | undefined> {
    return this.#database.read(() => this.#get(key))
  }

  async getMany(keys: readonly string[]): Promise<readonly (Entry | undefined)[]> {
    return this.#database.read(() => keys.map(key => this.#get(key)))
  }

  async scan({ prefix, after = '', limit = scanLimit }: ScanOptions): Promise<readonly Entry[]> {
    const rows = this.#database.read(() => this.#sql.scan.all(prefix, after, endOf(prefix), this.#clock(), limit))
    return rows as unknown as Entry[]
  }

  async transact({ checks = [], writes }: Transaction): Promise<TransactResult> {
    return this.#database.write(() => {
      const nowMs = this.#clock()
      for (const check of checks) {
        const refusal = this.#refusal(check, nowMs)
        if (refusal !== undefined) return refusal
      }
      const version = this.#count()
      for (const write of writes) {
        if ('delete' in write) this.#sql.delete.run(write.delete)
        else this.#sql.put.run(write.put, write.value, version, write.ttlMs === undefined ? null : nowMs + write.ttlMs)
      }
      return { kind: 'committed', version }
    })
  }

  async acquireLease(name: string, owner: string, ttlMs: number): Promise<{ readonly token: number } | undefined> {
    return this.#database.write(() => {
      const nowMs = this.#clock()
      const held = this.#sql.lease.get(name)
      if (held !== undefined && Number(held.expires_at) > nowMs && !this.#ownerIsDead(String(held.owner)))
        return undefined
      const token = this.#count()
      this.#sql.acquire.run(name, owner, token, nowMs + ttlMs)
      return { token }
    })
  }

  async renewLease({ name, token }: LeaseReference, ttlMs: number): Promise<boolean> {
    const nowMs = this.#clock()
    return this.#database.write(() => this.#sql.renew.run(nowMs + ttlMs, name, token, nowMs).changes === 1)
  }

  async releaseLease({ name, token }: LeaseReference): Promise<void> {
    this.#database.write(() => this.#sql.release.run(name, token))
  }

  async sweep(limit = sweepLimit): Promise<number> {
    const nowMs = this.#clock()
    return this.#database.write(() => {
      this.#sql.sweepLeases.run(nowMs, limit)
      return Number(this.#sql.sweep.run(nowMs, limit).changes)
    })
  }

  async close(): Promise<void> {
    this.#database.close()
  }

  #get(key: string): Entry | undefined {
    return this.#sql.get.get(key, this.#clock()) as Entry | undefined
  }

  #count(): number {
    return Number(this.#sql.count.get()?.value)
  }

  #refusal(check: Check, nowMs: number): TransactResult | undefined {
    if ('lease' in check) {
      const { name, token } = check.lease
      return this.#sql.holds.get(name, token, nowMs) === undefined ? { kind: 'fenced', lease: name } : undefined
    }
    const version = this.#sql.version.get(check.key, nowMs)?.version
    const expected = 'absent' in check ? undefined : check.version
    return version === expected ? undefined : { kind: 'conflict', key: check.key }
  }
}

/** The smallest text above every key with the prefix; SQLite orders any blob above any text. */
function endOf(prefix: string): string | Uint8Array {
  const points = Array.from(prefix, character => character.codePointAt(0)!)
  while (points.length > 0) {
    const last = points.pop()!
    if (last === 0x10ffff) continue
    // Surrogates are no characters of their own, so the next one after U+D7FF is U+E000.
    return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1)
  }
  return new Uint8Array()
}
