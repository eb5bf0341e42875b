/**
 * The StateStore: an ordered key-value store with conditional writes to many keys at once, and leases with fencing tokens.
 * Everything durable besides the lake and the bus is built on it, purely: checkpoints, inbox, outbox, ledger, parked
 * messages, approvals, budgets. So an adapter stays small; `test/conformance/state.ts` is its specification.
 *
 * Promises of every adapter:
 * 1. `transact` is all or nothing, and its checks and writes are one moment: no other transaction falls in between.
 * 2. A committed write survives a crash of every process.
 * 3. A version is never used twice for a key, not even after it was deleted; all keys of one transaction get the same.
 * 4. A key whose time has run out is absent, for reads and checks, whether or not `sweep` has removed it yet.
 * 5. Keys are ordered by their UTF-8 bytes.
 * 6. A lease has one holder at a time. Tokens strictly increase per name, so that a check of a lease fences off every
 *    earlier holder; a lease that has run out fails its check, also if nobody took it.
 */

/** A value as bytes; record.ts has the codec for JSON documents. */
export interface Entry {
  readonly key: string
  readonly value: Uint8Array
  readonly version: number
}

export interface ScanOptions {
  readonly prefix: string
  /** Exclusive: the last key of the page before. */
  readonly after?: string
  /** Default 1000. */
  readonly limit?: number
}

export interface LeaseReference {
  readonly name: string
  readonly token: number
}

export type Check =
  | { readonly key: string; readonly version: number }
  | { readonly key: string; readonly absent: true }
  | { readonly lease: LeaseReference }

export type Write =
  /** `ttlMs`: gone this long after the commit; without it the key stays, also if it had a time before. */
  { readonly put: string; readonly value: Uint8Array; readonly ttlMs?: number } | { readonly delete: string }

export interface Transaction {
  readonly checks?: readonly Check[]
  /** At most one write per key. */
  readonly writes: readonly Write[]
}

export type TransactResult =
  /** `version`: the version of every key written. */
  | { readonly kind: 'committed'; readonly version: number }
  /** A check of a key failed: read again and decide again. */
  | { readonly kind: 'conflict'; readonly key: string }
  /** A check of a lease failed: somebody else goes on with this. */
  | { readonly kind: 'fenced'; readonly lease: string }

/** Errors of all methods: STATE_BUSY, DISK_FULL. */
export interface StateStore {
  get(key: string): Promise<Entry | undefined>
  /** One consistent look; in the order of `keys`. */
  getMany(keys: readonly string[]): Promise<readonly (Entry | undefined)[]>
  scan(options: ScanOptions): Promise<readonly Entry[]>
  transact(transaction: Transaction): Promise<TransactResult>
  /** Undefined while somebody holds it, the same owner included. */
  acquireLease(name: string, owner: string, ttlMs: number): Promise<{ readonly token: number } | undefined>
  /** False when the lease is not held under this token any more. */
  renewLease(lease: LeaseReference, ttlMs: number): Promise<boolean>
  /** Does nothing when the lease is not held under this token any more. */
  releaseLease(lease: LeaseReference): Promise<void>
  /** Removes at most `limit` (default 1000) keys whose time has run out; returns how many. */
  sweep(limit?: number): Promise<number>
  close(): Promise<void>
}

const pageSize = 1000

/** Every entry below a prefix, page by page; not one consistent look. */
export async function* scanAll(store: StateStore, prefix: string): AsyncGenerator<Entry> {
  let after: string | undefined
  while (true) {
    const page = await store.scan({ prefix, limit: pageSize, ...(after === undefined ? {} : { after }) })
    yield* page
    if (page.length < pageSize) return
    after = page.at(-1)!.key
  }
}

/** Deletes every key below the prefixes, in their order, in bounded transactions: one where there are few. */
export async function deleteAll(store: StateStore, ...prefixes: readonly string[]): Promise<void> {
  while (true) {
    const pages = await Promise.all(prefixes.map(prefix => store.scan({ prefix, limit: pageSize })))
    const found = pages.flat().slice(0, pageSize)
    if (found.length > 0) await store.transact({ writes: found.map(({ key }) => ({ delete: key })) })
    if (found.length < pageSize) return
  }
}
