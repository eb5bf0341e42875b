/**
 * Lanes: which message may run now, and what may be acknowledged.
 *
 * Owns: the messages a consumer has read and not finished, in one lane per (source, key), where a source is one partition
 * of one topic. No timers, no promises, no I/O: time comes in as a number.
 *
 * Invariants:
 * 1. Within a lane messages leave in the order they came, and the next one only after the one before is finished.
 * 2. At most `concurrency` messages run at once.
 * 3. Lanes that are ready take turns, longest ready first.
 * 4. The watermark of a source is the offset of its oldest unfinished message, or one past the newest ever added: everything
 *    below is finished, so a restart may start there. It never falls.
 * 5. A message of a dropped source never moves a watermark again; while it runs it still counts against `concurrency`.
 *
 * Fails by: throwing when a message is finished or held that is not running, which is a fault of the caller.
 */
export interface LaneItem {
  readonly source: string
  /** Grows with every `add` to the same source; gaps are allowed. */
  readonly offset: number
  readonly key: string
}

interface Source<Item> {
  readonly lanes: Map<string, Lane<Item>>
  /** Insertion order is offset order, so the first is the oldest. */
  readonly unfinished: Set<number>
  next: number
}

type LaneState =
  | { readonly kind: 'ready' }
  | { readonly kind: 'running' }
  | { readonly kind: 'held'; readonly untilMs: number }

interface Lane<Item> {
  readonly key: string
  readonly source: Source<Item>
  readonly queue: Item[]
  state: LaneState
}

export class Lanes<Item extends LaneItem> {
  readonly #concurrency: number
  readonly #sources = new Map<string, Source<Item>>()
  readonly #ready = new Set<Lane<Item>>()
  readonly #held = new Set<Lane<Item>>()
  readonly #running = new Map<Item, Lane<Item>>()
  #size = 0

  constructor(concurrency: number) {
    this.#concurrency = concurrency
  }

  /** Messages read and not finished, of sources that were not dropped. */
  get size(): number {
    return this.#size
  }

  get running(): number {
    return this.#running.size
  }

  /** Counts running messages of a dropped source too. */
  runningOf(source: string): number {
    let running = 0
    for (const item of this.#running.keys()) if (item.source === source) running += 1
    return running
  }

  /** When the next held lane becomes ready; undefined when none is held. */
  nextWakeMs(): number | undefined {
    let next: number | undefined
    for (const { state } of this.#held) if (state.kind === 'held') next = Math.min(next ?? Infinity, state.untilMs)
    return next
  }

  /** `untilMs`: not before this time, for a message that is read again while its delay still runs. */
  add(item: Item, untilMs?: number): void {
    const source = this.#source(item.source, item.offset)
    source.unfinished.add(item.offset)
    source.next = item.offset + 1
    this.#size += 1
    const lane = source.lanes.get(item.key)
    if (lane !== undefined) {
      lane.queue.push(item)
      return
    }
    const fresh: Lane<Item> = { key: item.key, source, queue: [item], state: { kind: 'ready' } }
    source.lanes.set(item.key, fresh)
    if (untilMs === undefined) this.#ready.add(fresh)
    else this.#park(fresh, untilMs)
  }

  /** Notes a message that is finished already, so that the watermark may pass it. */
  skip(source: string, offset: number): void {
    this.#source(source, offset).next = offset + 1
  }

  /** The messages to start now; each must come back by `finish` or `hold`. */
  take(nowMs: number): Item[] {
    for (const lane of this.#held) {
      if (lane.state.kind === 'held' && lane.state.untilMs <= nowMs) {
        this.#held.delete(lane)
        lane.state = { kind: 'ready' }
        this.#ready.add(lane)
      }
    }
    const taken: Item[] = []
    for (const lane of this.#ready) {
      if (this.#running.size >= this.#concurrency) break
      const item = lane.queue[0]!
      this.#ready.delete(lane)
      lane.state = { kind: 'running' }
      this.#running.set(item, lane)
      taken.push(item)
    }
    return taken
  }

  /** The message is finished. Returns the watermark of its source, or undefined if the source was dropped meanwhile. */
  finish(item: Item): number | undefined {
    const lane = this.#stop(item)
    if (this.#sources.get(item.source) !== lane.source) return undefined
    lane.queue.shift()
    lane.source.unfinished.delete(item.offset)
    this.#size -= 1
    if (lane.queue.length === 0) lane.source.lanes.delete(lane.key)
    else {
      lane.state = { kind: 'ready' }
      this.#ready.add(lane)
    }
    return this.watermark(item.source)
  }

  /** The message stays at the head of its lane and runs again from `untilMs` on. */
  hold(item: Item, untilMs: number): void {
    const lane = this.#stop(item)
    if (this.#sources.get(item.source) === lane.source) this.#park(lane, untilMs)
  }

  /**
   * Where a restart may start; undefined for a source that never had a message.
   *
   * @param except an offset to count as finished: what the watermark will be once it is, to record that first
   */
  watermark(source: string, except?: number): number | undefined {
    const known = this.#sources.get(source)
    if (known === undefined) return undefined
    for (const oldest of known.unfinished) if (oldest !== except) return oldest
    return known.next
  }

  /** Forgets a source: its waiting messages leave, its running ones come to nothing. */
  drop(source: string): void {
    const known = this.#sources.get(source)
    if (known === undefined) return
    this.#sources.delete(source)
    this.#size -= known.unfinished.size
    for (const lane of known.lanes.values()) {
      this.#ready.delete(lane)
      this.#held.delete(lane)
    }
  }

  #source(name: string, offset: number): Source<Item> {
    let source = this.#sources.get(name)
    if (source === undefined) {
      source = { lanes: new Map(), unfinished: new Set(), next: offset }
      this.#sources.set(name, source)
    }
    return source
  }

  #park(lane: Lane<Item>, untilMs: number): void {
    lane.state = { kind: 'held', untilMs }
    this.#held.add(lane)
  }

  #stop(item: Item): Lane<Item> {
    const lane = this.#running.get(item)
    if (lane === undefined) throw new Error(`Offset ${item.offset} of ${item.source} is not running.`)
    this.#running.delete(item)
    return lane
  }
}
