/**
 * The StateStore for many machines: one Redis 7, without modules, for any number of processes and workspaces.
 *
 * Owns the keys below its prefix (redis-scripts.ts says which). The connection is opened by the first call and comes back by itself.
 *
 * Invariants
 *  1. Checks and writes of a transaction are one script, so one moment, and one entry of the append-only file.
 *  2. A change that was sent and not answered is sent again under the same id, and its script gives the answer that it gave before:
 *     a connection that is cut neither loses a change nor makes it twice. Answers are kept for longer than anybody goes on asking.
 *  3. Versions and tokens come from one counter, which is never set back.
 *  4. Time is the server's: processes need no common clock.
 *
 * How it fails: while the server cannot be reached, is loading its file, or cannot write, calls wait and are tried again, for
 * `patienceMs` at most; then STATE_BUSY. What was sent last may have been done all the same. Every writer decides by versions
 * that it has read, so reading again and deciding again is safe. A refused password is SETTING_INVALID, a full memory DISK_FULL.
 *
 * What the server has to be set to, see {@link RedisStateStore.durabilityWarnings}: an append-only file, synced always or every
 * second (a power cut then takes the last second, and what was done in it is done again or found by its write key), and no
 * eviction. One server, or one with replicas that is failed over by hand: a failover that loses writes loses what they say.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { ownerIsDead } from '../../bus/owner.ts'
import { Trouble } from '../../bus/trouble.ts'
import { Failure } from '../../contracts/failures.ts'
import { failureOf, faultOf } from './redis-faults.ts'
import { type ScriptName, scripts } from './redis-scripts.ts'
import type {
  Check,
  Entry,
  LeaseReference,
  ScanOptions,
  StateStore,
  Transaction,
  TransactResult,
  Write,
} from './store.ts'

export interface RedisStateStoreOptions {
  /** `redis://` or, with TLS, `rediss://`, with user, password and number of a database where they are needed. */
  readonly url: string
  /** Instead of one in the address. */
  readonly password?: string | undefined
  /** Stands before every key; workspaces that share a server have one each. */
  readonly prefix?: string
  /** How long a call waits for a server that does not answer. */
  readonly patienceMs?: number
  /** Whether a lease of this owner may be taken before it runs out. */
  readonly ownerIsDead?: (owner: string) => boolean
  /** Told once when the server cannot be reached, and once when it can again. */
  readonly onTrouble?: (message: string) => void
}

const defaults = { prefix: 'aiworkflow', patienceMs: 20_000 }
const retryMs = 100
const longestRetryMs = 1_000
/** Answers are kept for so much longer than anybody asks for them. */
const answersOutliveMs = 60_000
const scanLimit = 1_000
const sweepLimit = 1_000

type Run = (prefix: string, ...given: (string | Buffer)[]) => Promise<unknown>

export class RedisStateStore implements StateStore {
  readonly #redis: Redis
  readonly #run: Record<ScriptName, Run>
  readonly #root: string
  readonly #patienceMs: number
  readonly #ownerIsDead: (owner: string) => boolean
  readonly #trouble: Trouble
  readonly #place: string
  /** Why the connection is not there, as far as the client has said. */
  #lastError: Error | undefined

  constructor(options: RedisStateStoreOptions) {
    const { url, password } = options
    this.#root = `${options.prefix ?? defaults.prefix}:{state}:`
    this.#patienceMs = options.patienceMs ?? defaults.patienceMs
    this.#ownerIsDead = options.ownerIsDead ?? ownerIsDead
    this.#trouble = new Trouble(options.onTrouble)
    this.#place = new URL(url).host
    this.#redis = new Redis(url, {
      lazyConnect: true,
      ...(password !== undefined && { password }),
      // What is sent again is decided here, where it is known whether that is safe; so the client keeps no queue and repeats nothing.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      connectTimeout: 5_000,
      retryStrategy: attempt => Math.min(retryMs * attempt, longestRetryMs),
      reconnectOnError: () => false,
      scripts: Object.fromEntries(
        Object.entries(scripts).map(([name, { lua, ...script }]) => [name, { ...script, lua }]),
      ),
    })
    this.#redis.on('error', error => {
      this.#lastError = error
    })
    const known = this.#redis as unknown as Record<string, Run>
    this.#run = Object.fromEntries(
      Object.keys(scripts).map(name => [
        name,
        (...given: Parameters<Run>) => known[`${name}Buffer`]!.apply(known, given),
      ]),
    ) as Record<ScriptName, Run>
  }

  async get(key: string): Promise<Entry | undefined> {
    const [entry] = await this.getMany([key])
    return entry
  }

  async getMany(keys: readonly string[]): Promise<readonly (Entry | undefined)[]> {
    if (keys.length === 0) return []
    const found = (await this.#ask('getMany', keys)) as (Buffer | null)[]
    return keys.map((key, at) => entryOf(key, found[2 * at], found[2 * at + 1]))
  }

  async scan({ prefix, after, limit = scanLimit }: ScanOptions): Promise<readonly Entry[]> {
    if (limit <= 0) return []
    // No key has a byte of 255, which UTF-8 does not know; so this is above all that begin with the prefix.
    const highest = prefix === '' ? '+' : Buffer.concat([Buffer.from(`(${prefix}`), Buffer.from([0xff])])
    const beyond = after !== undefined && Buffer.compare(Buffer.from(after), Buffer.from(prefix)) >= 0
    const lowest = beyond ? `(${after}` : `[${prefix}`
    const found = (await this.#ask('scan', [lowest, highest, String(limit)])) as Buffer[]
    return Array.from(
      { length: found.length / 3 },
      (_, at) => entryOf(found[3 * at]!.toString('utf8'), found[3 * at + 1], found[3 * at + 2])!,
    )
  }

  async transact({ checks = [], writes }: Transaction): Promise<TransactResult> {
    const answer = await this.#change('transact', [
      String(checks.length),
      ...checks.flatMap(checkArguments),
      ...writes.flatMap(writeArguments),
    ])
    const [kind, what = ''] = answer
    if (kind === 'committed') return { kind, version: Number(what) }
    return kind === 'fenced' ? { kind, lease: what } : { kind: 'conflict', key: what }
  }

  async acquireLease(name: string, owner: string, ttlMs: number): Promise<{ readonly token: number } | undefined> {
    const acquire = (dead: string) => this.#change('acquire', [name, owner, wholeMs(ttlMs), dead])
    let [kind, first = '', holding = ''] = await acquire('')
    if (kind === 'held' && this.#ownerIsDead(first)) [kind, first = ''] = await acquire(holding)
    return kind === 'taken' ? { token: Number(first) } : undefined
  }

  async renewLease({ name, token }: LeaseReference, ttlMs: number): Promise<boolean> {
    return (await this.#ask('renew', [name, String(token), wholeMs(ttlMs)])) === 1
  }

  async releaseLease({ name, token }: LeaseReference): Promise<void> {
    await this.#ask('release', [name, String(token)])
  }

  async sweep(limit = sweepLimit): Promise<number> {
    return Number(await this.#ask('sweep', [String(limit)]))
  }

  async close(): Promise<void> {
    this.#trouble.close()
    this.#redis.disconnect()
  }

  /** What of the server's settings does not keep the promises of a store, as sentences; none where all is well. */
  async durabilityWarnings(): Promise<string[]> {
    const settings = await this.#patiently(async () => {
      const found = ['appendonly', 'appendfsync', 'maxmemory-policy'].map(name => this.#redis.config('GET', name))
      return new Map((await Promise.all(found)).map(pair => pair as [string, string]))
    }).catch(error => {
      if (error instanceof Failure && error.kind === 'transient') throw error
      return undefined
    })
    if (settings === undefined)
      return [
        `Redis at ${this.#place} does not tell its settings: appendonly has to be yes, maxmemory-policy noeviction.`,
      ]
    const warnings = []
    if (settings.get('appendonly') !== 'yes')
      warnings.push(`Redis at ${this.#place} has appendonly off: what the program remembers is lost when it restarts.`)
    else if (settings.get('appendfsync') === 'no')
      warnings.push(
        `Redis at ${this.#place} has appendfsync no: a power cut may take half a minute. Set everysec or always.`,
      )
    const policy = settings.get('maxmemory-policy')
    if (policy !== undefined && policy !== 'noeviction')
      warnings.push(
        `Redis at ${this.#place} has maxmemory-policy ${policy}: it may throw out what is needed. Set noeviction.`,
      )
    return warnings
  }

  /** A change under an id of its own: however often it is sent, it is made once. */
  async #change(name: 'transact' | 'acquire', given: readonly (string | Buffer)[]): Promise<readonly string[]> {
    const keepMs = String(this.#patienceMs + answersOutliveMs)
    const answer = (await this.#ask(name, [randomUUID(), keepMs, ...given])) as Buffer[]
    return answer.map(part => part.toString('utf8'))
  }

  #ask(name: ScriptName, given: readonly (string | Buffer)[]): Promise<unknown> {
    return this.#patiently(() => this.#run[name](this.#root, ...given))
  }

  /** `work` until the server answers it, or patience ends. */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#patienceMs
    let error: unknown
    for (let waitMs = retryMs; ; waitMs = Math.min(2 * waitMs, longestRetryMs)) {
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) throw failureOf(this.#lastError ?? error, this.#place, this.#patienceMs)
      try {
        await this.#connected(leftMs)
        const answer = await within(leftMs, work())
        this.#recovered()
        return answer
      } catch (thrown) {
        error = thrown
        const fault = faultOf(thrown)
        if (fault === 'final') throw failureOf(thrown, this.#place, this.#patienceMs)
        if (faultOf(this.#lastError) === 'final') throw failureOf(this.#lastError, this.#place, this.#patienceMs)
        this.#troubled(thrown)
        await delay(Math.min(waitMs, Math.max(0, deadline - performance.now())))
      }
    }
  }

  async #connected(leftMs: number): Promise<void> {
    const { status } = this.#redis
    if (status === 'ready') return
    if (status === 'wait') await within(leftMs, this.#redis.connect())
    else throw this.#lastError ?? new Error(`the connection is ${status}`)
  }

  #troubled(error: unknown): void {
    this.#trouble.begins(`Redis at ${this.#place} does not answer (${(error as Error).message}); waiting for it.`)
  }

  #recovered(): void {
    this.#lastError = undefined
    this.#trouble.ends(`Redis at ${this.#place} answers again.`)
  }
}

function entryOf(key: string, value: Buffer | null | undefined, version: Buffer | null | undefined): Entry | undefined {
  return value && version ? { key, value, version: Number(version.toString('latin1')) } : undefined
}

function checkArguments(check: Check): string[] {
  if ('lease' in check) return ['lease', check.lease.name, String(check.lease.token)]
  return 'absent' in check ? ['absent', check.key, ''] : ['version', check.key, String(check.version)]
}

function writeArguments(write: Write): (string | Buffer)[] {
  if ('delete' in write) return ['delete', write.delete, '', '']
  const { value, ttlMs } = write
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return ['put', write.put, bytes, ttlMs === undefined ? '' : wholeMs(ttlMs)]
}

const wholeMs = (ms: number): string => String(Math.max(0, Math.ceil(ms)))

/** Rejects when the time is up; what was sent may be done all the same. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = new AbortController()
  const timeUp = delay(ms, undefined, { signal: late.signal }).then(() => {
    throw new Error(`no answer within ${Math.round(ms)} ms`)
  })
  try {
    return await Promise.race([work, timeUp])
  } finally {
    late.abort()
    timeUp.catch(() => undefined)
  }
}
