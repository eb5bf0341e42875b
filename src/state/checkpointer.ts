/**
 * LangGraph's checkpoint saver on any StateStore.
 *
 * Owns, per thread and namespace: a head (the latest checkpoint and the ones kept), the kept checkpoints, the writes of
 * their tasks, and one blob per channel and version. A channel that did not change is not stored again.
 *
 * Invariants:
 * 1. A checkpoint, its changed channels, the head that points at it, what retention removes, and the writes that `attach`
 *    adds (the events of that step) are one transaction: a step and what it emits happen together or not at all.
 * 2. The latest checkpoint is the one stored last, whatever the clock said when its id was made.
 * 3. A step costs the same however long the thread is: nothing here lists a history to put or to resume.
 * 4. A blob stays as long as a kept checkpoint refers to it.
 * 5. With `guard`, nothing is stored unless the lease of the thread is held: a replaced process cannot move a thread on.
 *
 * Not kept: checkpoints older than the newest `keep`. Graphs that walk far back (time travel, delta channels whose
 * snapshots are rarer than `keep` steps) need `keep: 'all'`, and then the head is all that stays bounded.
 *
 * Fails by: LEASE_LOST when fenced; STATE_BUSY; INTERNAL when a stored record does not fit.
 */
import { isDeepStrictEqual } from 'node:util'
import type { RunnableConfig } from '@langchain/core/runnables'
import {
  BaseCheckpointSaver,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointPendingWrite,
  type CheckpointTuple,
  compareWritesSortKeys,
  getCheckpointId,
  maxChannelVersion,
  type PendingWrite,
  TASKS,
  WRITES_IDX_MAP,
  writesSortKey,
} from '@langchain/langgraph-checkpoint'
import { Failure } from '../../contracts/failures.ts'
import { change } from './change.ts'
import {
  type Head,
  headRecord,
  type StoredCheckpoint,
  storedCheckpoint,
  storedValue,
  storedWrite,
} from './checkpoints.ts'
import { keyParts, keys } from './keys.ts'
import { decodeFrame, decodeRecord, encodeFrame, encodeRecord } from './record.ts'
import {
  type Check,
  deleteAll,
  type Entry,
  type LeaseReference,
  type StateStore,
  scanAll,
  type Write,
} from './store.ts'

export interface CheckpointerOptions {
  /** Writes to commit together with the checkpoint. Called once per try, so it must only compute. */
  readonly attach?: (checkpoint: Checkpoint, config: RunnableConfig, newVersions: ChannelVersions) => readonly Write[]
  /** The lease that must be held to store anything for this thread. */
  readonly guard?: (config: RunnableConfig) => LeaseReference | undefined
  /** Checkpoints kept per thread and namespace; at least 2, default 4. */
  readonly keep?: number | 'all'
}

interface Place {
  readonly thread: string
  readonly namespace: string
}

const defaultKeep = 4

export class StateCheckpointer extends BaseCheckpointSaver {
  readonly #store: StateStore
  readonly #options: CheckpointerOptions
  readonly #keep: number

  constructor(store: StateStore, options: CheckpointerOptions = {}) {
    super()
    this.#store = store
    this.#options = options
    // Two at least: the writes of a step may still be on their way when the next checkpoint is stored.
    this.#keep = options.keep === 'all' ? Infinity : Math.max(2, options.keep ?? defaultKeep)
  }

  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    if (config.configurable?.thread_id === undefined) return undefined
    const place = placeOf(config)
    const asked = getCheckpointId(config)
    const id = asked === '' ? (await this.#head(place)).head.latest : asked
    const entry =
      id === undefined ? undefined : await this.#store.get(keys.checkpoint(place.thread, place.namespace, id))
    return entry === undefined ? undefined : this.#tuple(place, entry)
  }

  override async *list(config: RunnableConfig, options: CheckpointListOptions = {}): AsyncGenerator<CheckpointTuple> {
    const { thread_id, checkpoint_ns, checkpoint_id } = config.configurable ?? {}
    const before: unknown = options.before?.configurable?.checkpoint_id
    const found: { place: Place; id: string; key: string }[] = []
    const prefix = thread_id === undefined ? keys.checkpoints() : keys.checkpointsOf(thread_id)
    for await (const { key } of scanAll(this.#store, prefix)) {
      const [, thread, namespace, id] = keyParts(key) as [string, string, string, string]
      if (checkpoint_ns !== undefined && namespace !== checkpoint_ns) continue
      if (checkpoint_id !== undefined && id !== checkpoint_id) continue
      if (typeof before === 'string' && id >= before) continue
      found.push({ place: { thread, namespace }, id, key })
    }
    let left = options.limit ?? Infinity
    for (const { place, key } of found.sort((a, b) => (a.id < b.id ? 1 : -1))) {
      if (left <= 0) return
      const entry = await this.#store.get(key)
      const tuple = entry === undefined ? undefined : await this.#tuple(place, entry)
      if (tuple === undefined || !matches(tuple.metadata, options.filter)) continue
      left -= 1
      yield tuple
    }
  }

  override async put(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    const place = placeOf(config)
    const { thread, namespace } = place
    const { channel_values, ...bare } = checkpoint
    const stored = { checkpoint: bare, parent: config.configurable?.checkpoint_id } satisfies StoredCheckpoint
    const writes: Write[] = await Promise.all(
      Object.entries(newVersions)
        .filter(([channel]) => Object.hasOwn(channel_values, channel))
        .map(async ([channel, version]) => ({
          put: keys.blob(thread, namespace, channel, String(version)),
          value: await this.#encode({}, channel_values[channel]),
        })),
    )
    writes.push({
      put: keys.checkpoint(thread, namespace, checkpoint.id),
      value: await this.#encode(stored, metadata),
    })
    await change(this.#store, async () => {
      let { head, check } = await this.#head(place)
      if (head.retired === true) {
        await this.#setLifetime(thread, undefined)
        ;({ head, check } = await this.#head(place))
      }
      const kept = head.kept.filter(({ id }) => id !== checkpoint.id)
      if (this.#keep !== Infinity) kept.push({ id: checkpoint.id, versions: checkpoint.channel_versions })
      const dropped = kept.splice(0, Math.max(0, kept.length - this.#keep))
      const next: Head = { latest: checkpoint.id, kept }
      const all: Write[] = [
        ...writes,
        { put: keys.head(thread, namespace), value: encodeRecord(next) },
        ...(await this.#removal(place, dropped, kept)),
        ...(this.#options.attach?.(checkpoint, config, newVersions) ?? []),
      ]
      const transaction = { checks: [check, ...this.#guard(config)], writes: all }
      return { kind: 'write', transaction, answer: undefined }
    })
    return { configurable: { thread_id: thread, checkpoint_ns: namespace, checkpoint_id: checkpoint.id } }
  }

  override async putWrites(
    config: RunnableConfig,
    writes: PendingWrite[],
    taskId: string,
    taskPath = '',
  ): Promise<void> {
    const { thread, namespace } = placeOf(config)
    const id: unknown = config.configurable?.checkpoint_id
    if (typeof id !== 'string') throw missing('checkpoint_id')
    const puts = await Promise.all(
      writes.map(async ([channel, value], position) => {
        const index = WRITES_IDX_MAP[channel] ?? position
        const key = keys.taskWrite(thread, namespace, id, taskId, String(index))
        return { key, index, value: await this.#encode({ channel, path: taskPath }, value) }
      }),
    )
    // The first write of a task counts; only its error, interrupt and resume may be replaced.
    const firstOnly = puts.filter(({ index }) => index >= 0)
    await change(this.#store, async () => {
      const entries = await this.#store.getMany(firstOnly.map(({ key }) => key))
      const present = new Set(entries.map(entry => entry?.key))
      const fresh = puts.filter(({ key }) => !present.has(key))
      if (fresh.length === 0) return { kind: 'answer', answer: undefined }
      const absent: Check[] = fresh.filter(({ index }) => index >= 0).map(({ key }) => ({ key, absent: true }))
      const transaction = {
        checks: [...absent, ...this.#guard(config)],
        writes: fresh.map(({ key, value }) => ({ put: key, value })),
      }
      return { kind: 'write', transaction, answer: undefined }
    })
  }

  override async deleteThread(threadId: string): Promise<void> {
    await deleteAll(this.#store, ...keys.thread(threadId))
  }

  /** The thread is complete: what is kept of it goes away after `ttlMs`, unless the thread moves on before. */
  async retire(threadId: string, ttlMs: number): Promise<void> {
    await this.#setLifetime(threadId, ttlMs)
  }

  /** Rewrites all of a thread to go away after `ttlMs`, or to stay. */
  async #setLifetime(thread: string, ttlMs: number | undefined): Promise<void> {
    for (const prefix of keys.thread(thread)) {
      for await (const entry of scanAll(this.#store, prefix)) {
        const { key, version } = entry
        const isHead = keyParts(key)[0] === 'head'
        const value = isHead
          ? encodeRecord({ ...decodeRecord(headRecord, entry), retired: ttlMs !== undefined })
          : entry.value
        const write = { put: key, value, ...(ttlMs === undefined ? {} : { ttlMs }) }
        await this.#store.transact({ checks: [{ key, version }], writes: [write] })
      }
    }
  }

  async #head({ thread, namespace }: Place): Promise<{ head: Head; check: Check }> {
    const key = keys.head(thread, namespace)
    const entry = await this.#store.get(key)
    if (entry === undefined) return { head: { kept: [] }, check: { key, absent: true } }
    return { head: decodeRecord(headRecord, entry), check: { key, version: entry.version } }
  }

  /** Deletes dropped checkpoints, the writes of their tasks, and the blobs that no kept checkpoint refers to. */
  async #removal({ thread, namespace }: Place, dropped: Head['kept'], kept: Head['kept']): Promise<Write[]> {
    const removal: Write[] = []
    const gone = new Set<string>()
    for (const { id, versions } of dropped) {
      removal.push({ delete: keys.checkpoint(thread, namespace, id) })
      for await (const { key } of scanAll(this.#store, keys.taskWrites(thread, namespace, id)))
        removal.push({ delete: key })
      for (const [channel, version] of Object.entries(versions)) {
        if (kept.some(checkpoint => checkpoint.versions[channel] === version)) continue
        gone.add(keys.blob(thread, namespace, channel, String(version)))
      }
    }
    for (const key of gone) removal.push({ delete: key })
    return removal
  }

  #guard(config: RunnableConfig): Check[] {
    const lease = this.#options.guard?.(config)
    return lease === undefined ? [] : [{ lease }]
  }

  async #tuple(place: Place, entry: Entry): Promise<CheckpointTuple> {
    const { thread, namespace } = place
    const { header, body } = decodeFrame(storedCheckpoint, entry)
    const { parent, type } = header
    const bare = header.checkpoint as Omit<Checkpoint, 'channel_values'>
    const checkpoint: Checkpoint = { ...bare, channel_values: await this.#channelValues(place, bare.channel_versions) }
    if (checkpoint.v < 4 && parent !== undefined) await this.#addPendingSends(place, checkpoint, parent)
    const configFor = (id: string) => ({
      configurable: { thread_id: thread, checkpoint_ns: namespace, checkpoint_id: id },
    })
    return {
      config: configFor(checkpoint.id),
      checkpoint,
      metadata: await this.serde.loadsTyped(type, body),
      pendingWrites: await this.#pendingWrites(place, checkpoint.id),
      ...(parent === undefined ? {} : { parentConfig: configFor(parent) }),
    }
  }

  async #channelValues({ thread, namespace }: Place, versions: ChannelVersions): Promise<Record<string, unknown>> {
    const channels = Object.entries(versions)
    const blobs = channels.map(([channel, version]) => keys.blob(thread, namespace, channel, String(version)))
    const values: Record<string, unknown> = {}
    for (const [index, entry] of (await this.#store.getMany(blobs)).entries()) {
      // A channel without a blob had no value at that version.
      if (entry === undefined) continue
      const { header, body } = decodeFrame(storedValue, entry)
      values[channels[index]![0]] = await this.serde.loadsTyped(header.type, body)
    }
    return values
  }

  async #pendingWrites({ thread, namespace }: Place, id: string): Promise<CheckpointPendingWrite[]> {
    const found: { order: ReturnType<typeof writesSortKey>; write: CheckpointPendingWrite }[] = []
    for await (const entry of scanAll(this.#store, keys.taskWrites(thread, namespace, id))) {
      const [task, index] = keyParts(entry.key).slice(-2) as [string, string]
      const { header, body } = decodeFrame(storedWrite, entry)
      const value: unknown = await this.serde.loadsTyped(header.type, body)
      found.push({ order: writesSortKey(header.path, task, Number(index)), write: [task, header.channel, value] })
    }
    return found.sort((a, b) => compareWritesSortKeys(a.order, b.order)).map(({ write }) => write)
  }

  /** Checkpoints before format 4 had the sends of the step before not in a channel, but in the parent's writes. */
  async #addPendingSends(place: Place, checkpoint: Checkpoint, parent: string): Promise<void> {
    const writes = await this.#pendingWrites(place, parent)
    const versions = Object.values(checkpoint.channel_versions)
    checkpoint.channel_values[TASKS] = writes.filter(([, channel]) => channel === TASKS).map(([, , value]) => value)
    checkpoint.channel_versions[TASKS] =
      versions.length > 0 ? maxChannelVersion(...versions) : this.getNextVersion(undefined)
  }

  async #encode(header: object, value: unknown): Promise<Uint8Array> {
    const [type, body] = await this.serde.dumpsTyped(value)
    return encodeFrame({ ...header, type }, body)
  }
}

function placeOf(config: RunnableConfig): Place {
  const { thread_id, checkpoint_ns } = config.configurable ?? {}
  if (typeof thread_id !== 'string' || thread_id === '') throw missing('thread_id')
  return { thread: thread_id, namespace: typeof checkpoint_ns === 'string' ? checkpoint_ns : '' }
}

function missing(field: string): Failure {
  return new Failure('INTERNAL', `The graph was run without ${field} in its configurable settings.`)
}

function matches(metadata: CheckpointMetadata | undefined, filter: Record<string, unknown> = {}): boolean {
  const fields = (metadata ?? {}) as Record<string, unknown>
  return Object.entries(filter).every(([name, value]) => isDeepStrictEqual(fields[name], value))
}
