/**
 * A store in front of another that remembers what lies below some prefixes, for who alone writes there: the holder of a thread's lease
 * reads the thread once and then from memory.
 *
 * Owns the entries below every open prefix. Invariants:
 * 1. What is remembered is what was there when the prefix was opened and what was committed through here since.
 * 2. Nothing is decided here: a transaction goes to the store with all its checks, so that who remembers wrongly, since somebody else
 *    wrote there or has the lease by now, is refused.
 * 3. A prefix whose content is in doubt, after a conflict or an answer that never came, is not remembered any longer.
 */
import {
  type Entry,
  type ScanOptions,
  type StateStore,
  scanAll,
  type Transaction,
  type TransactResult,
} from './store.ts'

const scanLimit = 1_000

export class MirrorStore implements StateStore {
  readonly #store: StateStore
  readonly #open = new Map<string, Map<string, Entry>>()

  constructor(store: StateStore) {
    this.#store = store
  }

  /** Reads all below the prefixes, which end with `/`, anew; until `forget`, they are answered from memory. */
  async remember(prefixes: readonly string[]): Promise<void> {
    const read = prefixes.map(async prefix => {
      const entries = new Map<string, Entry>()
      for await (const entry of scanAll(this.#store, prefix)) entries.set(entry.key, entry)
      return [prefix, entries] as const
    })
    for (const [prefix, entries] of await Promise.all(read)) this.#open.set(prefix, entries)
  }

  forget(prefixes: readonly string[]): void {
    for (const prefix of prefixes) this.#open.delete(prefix)
  }

  async get(key: string): Promise<Entry | undefined> {
    const known = this.#below(key)
    return known === undefined ? this.#store.get(key) : known.get(key)
  }

  async getMany(keys: readonly string[]): Promise<readonly (Entry | undefined)[]> {
    const known = keys.map(key => this.#below(key))
    if (known.includes(undefined)) return this.#store.getMany(keys)
    return keys.map((key, at) => known[at]?.get(key))
  }

  async scan(options: ScanOptions): Promise<readonly Entry[]> {
    const { prefix, after, limit = scanLimit } = options
    const known = this.#below(prefix)
    if (known === undefined) return this.#store.scan(options)
    return [...known.values()]
      .filter(({ key }) => key.startsWith(prefix) && (after === undefined || inBytes(key, after) > 0))
      .sort((one, other) => inBytes(one.key, other.key))
      .slice(0, Math.max(0, limit))
  }

  async transact(transaction: Transaction): Promise<TransactResult> {
    const result = await this.#store.transact(transaction).catch(error => {
      this.#doubt(transaction)
      throw error
    })
    if (result.kind !== 'committed') {
      this.#doubt(transaction)
      return result
    }
    for (const write of transaction.writes) {
      if ('delete' in write) this.#below(write.delete)?.delete(write.delete)
      else {
        const { put: key, value } = write
        this.#below(key)?.set(key, { key, value, version: result.version })
      }
    }
    return result
  }

  acquireLease(name: string, owner: string, ttlMs: number): Promise<{ readonly token: number } | undefined> {
    return this.#store.acquireLease(name, owner, ttlMs)
  }

  renewLease(...given: Parameters<StateStore['renewLease']>): Promise<boolean> {
    return this.#store.renewLease(...given)
  }

  releaseLease(...given: Parameters<StateStore['releaseLease']>): Promise<void> {
    return this.#store.releaseLease(...given)
  }

  sweep(limit?: number): Promise<number> {
    return this.#store.sweep(limit)
  }

  /** Closes nothing: the store behind belongs to who made it. */
  async close(): Promise<void> {
    this.#open.clear()
  }

  #below(key: string): Map<string, Entry> | undefined {
    // A prefix is a kind of key and a thread: `kind/thread/`.
    const end = key.indexOf('/', key.indexOf('/') + 1)
    return end < 0 ? undefined : this.#open.get(key.slice(0, end + 1))
  }

  #doubt({ checks = [], writes }: Transaction): void {
    const touched = [
      ...writes.map(write => ('put' in write ? write.put : write.delete)),
      ...checks.flatMap(check => ('key' in check ? [check.key] : [])),
    ]
    for (const [prefix, entries] of this.#open)
      if (touched.some(key => this.#below(key) === entries)) this.#open.delete(prefix)
  }
}

const inBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other))
