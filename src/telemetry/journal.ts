/**
 * The journal of spans: a file in which every span is written when it starts and again when it ends.
 *
 * It owns the file's rows. It never makes a span and never talks to an exporter: it only knows which spans are due to one.
 * Several processes, and several journals in one process, share the file; each opened journal is an owner of its own.
 *
 * Invariants
 *  1. A span's row is committed before {@link Journal.start} returns, so before the span's context can leave the process.
 *  2. An open row has one owner. Only its owner ends it, or, when that owner is dead, one successor, which becomes the owner
 *     in the same transaction. A living owner's spans are never touched.
 *  3. A row ends once. The end of a span that is no longer its owner's, or that has ended, changes nothing.
 *  4. An ended row is due to an exporter until that exporter confirms it, and only the owner hands it over. Whoever takes
 *     over for a dead owner takes its due rows too. So a span is handed over once, or again with the same ids and times where
 *     a process died, or an exporter failed, between the handing over and the confirmation.
 *  5. A trace with an open span, or of a run that is to be kept, is not removed.
 *
 * How it fails: a start that cannot be written throws, since a step that leaves no trace is not to run. An end that cannot be
 * written is kept and tried again with the next write: the step it tells of has already happened. What a kill -9 leaves is
 * whole up to the last commit; a power cut may take the last commits with it (WAL, synchronous = normal).
 */
import type { DatabaseSync } from 'node:sqlite'
import { diag } from '@opentelemetry/api'
import { Failure } from '../../contracts/failures.ts'
import {
  endColumns,
  inTransaction,
  journalFailure,
  openDatabase,
  type Row,
  recordOfRow,
  startColumns,
} from './database.ts'
import { isLiving, newOwner, type Owner, release } from './owner.ts'
import type { SpanRecord } from './record.ts'
import { interrupted } from './recovery.ts'
import { prepareAll, type Statements } from './statements.ts'

export interface Retention {
  /** Traces without a sign of life for longer are removed, also where an exporter never confirmed them. */
  readonly maxAgeMs: number
  /** The newest this many traces are kept. */
  readonly maxTraces: number
  /** Ids of runs that wait for people: their traces are kept however old they are. */
  readonly keepRuns?: () => Iterable<string>
}

export const defaultRetention: Retention = { maxAgeMs: 90 * 86_400_000, maxTraces: 20_000 }

/** Most traces that one pruning removes, so that no writer waits long for it. */
const pruneTraces = 200

export interface JournalOptions {
  readonly retention?: Retention
  /** Whether ended spans are due to an exporter. */
  readonly exports?: boolean
  /** Whether spans are written, rather than only read: a reader is no owner. Default true. */
  readonly writes?: boolean
}

export interface TraceSummary {
  readonly traceId: string
  readonly runId: string | undefined
  readonly startUs: number
  /** The last start or end of one of its spans. */
  readonly lastUs: number
  readonly spans: number
  readonly open: number
  readonly failed: number
}

export class Journal {
  readonly file: string
  readonly #db: DatabaseSync
  readonly #run: Statements
  readonly #owner: Owner
  readonly #retention: Retention
  readonly #exports: boolean
  readonly #late: SpanRecord[] = []

  /** Opens `file`, made if it is missing. Throws `STATE_BUSY`, `DISK_FULL` or `DOCUMENT_INVALID`. */
  constructor(file: string, options: JournalOptions = {}) {
    this.file = file
    this.#retention = options.retention ?? defaultRetention
    this.#exports = options.exports ?? false
    this.#db = openDatabase(file)
    this.#run = prepareAll(this.#db)
    this.#owner = newOwner()
    if (options.writes ?? true) this.#guard(() => this.#run.addOwner.run({ ...this.#owner, seen: Date.now() }))
  }

  get isOpen(): boolean {
    return this.#db.isOpen
  }

  /** Writes a span that has just started. A span that is already known stays as it is. */
  start(record: SpanRecord): void {
    if (!this.isOpen) throw new Failure('DRAINING', `no span ${record.name}: the telemetry is shut down`)
    this.#guard(() => this.#run.start.run({ ...startColumns(record), ...endColumns(record), owner: this.#owner.id }))
  }

  /** Writes what an open span has gathered so far, so that a crash does not take it away. Never throws: the end has it too. */
  update(record: SpanRecord): void {
    try {
      this.#write(record, this.#owner.id)
    } catch (error) {
      diag.warn(`what span ${record.spanId} holds is not yet written: ${String(error)}`)
    }
  }

  /** Writes a span's end. Never throws: what cannot be written now is tried again with the next end. */
  end(record: SpanRecord): void {
    this.#late.push(record)
    this.#writeLate()
  }

  /**
   * Ends the open spans of owners that are dead: status error `interrupted`, at the last sign of life of the span or of what
   * the same owner did below it. Takes over what they still owed to an exporter. Answers the spans it ended.
   */
  recoverInterrupted(): SpanRecord[] {
    const dead = () =>
      this.#otherOwners().filter(([owner, seenMs]) => !isLiving(owner, seenMs, this.#owner, Date.now()))
    if (dead().length === 0) return []
    return this.#guard(() =>
      inTransaction(this.#db, () =>
        dead().flatMap(([{ id }]) => {
          const ended = this.#endOpen(id)
          if (this.#exports) this.#run.takeDue.run(this.#owner.id, id)
          this.#run.forgetOwner.run({ id })
          return ended
        }),
      ),
    )
  }

  /** Ends this owner's own open spans as interrupted: it is about to stop. Answers them. */
  interruptOwn(): SpanRecord[] {
    return this.#guard(() => {
      this.#writeLate()
      return inTransaction(this.#db, () => this.#endOpen(this.#owner.id))
    })
  }

  /** Ended spans that this owner has yet to hand to its exporter, oldest end first. */
  due(limit: number): SpanRecord[] {
    return this.#run.due.all(this.#owner.id, limit).map(recordOfRow)
  }

  /** The exporter has these. */
  confirm(records: readonly SpanRecord[]): void {
    this.#guard(() =>
      inTransaction(this.#db, () => {
        for (const record of records) this.#run.confirmed.run(record.traceId, record.spanId)
      }),
    )
  }

  has(span: { readonly traceId: string; readonly spanId: string }): boolean {
    return this.#run.has.get(span.traceId, span.spanId) !== undefined
  }

  /** All spans of a trace, by start. */
  spansOf(traceId: string): SpanRecord[] {
    return this.#run.spansOf.all(traceId).map(recordOfRow)
  }

  /** The newest traces first; of one run where `runId` is given. */
  traces(query: { readonly runId?: string; readonly limit?: number } = {}): TraceSummary[] {
    return this.#run.traces.all({ run: query.runId ?? null, limit: query.limit ?? 100 }).map((row: Row) => ({
      traceId: String(row.trace_id),
      runId: row.run_id === null ? undefined : String(row.run_id),
      startUs: Number(row.started_us),
      lastUs: Number(row.last_us),
      spans: Number(row.spans),
      open: Number(row.open),
      failed: Number(row.failed),
    }))
  }

  /** All spans of a run, over all its traces, by start. */
  spansOfRun(runId: string): SpanRecord[] {
    const spans = this.traces({ runId }).flatMap(trace => this.spansOf(trace.traceId))
    return spans.sort((a, b) => a.startUs - b.startUs)
  }

  /** Removes up to {@link pruneTraces} traces that the retention no longer covers. Answers how many it removed. */
  prune(): number {
    const { maxAgeMs, maxTraces, keepRuns } = this.#retention
    return this.#guard(() =>
      inTransaction(this.#db, () => {
        const stale = this.#run.stale.all({
          before: (Date.now() - maxAgeMs) * 1_000,
          most: Math.max(0, maxTraces - 1),
          keep: JSON.stringify([...(keepRuns?.() ?? [])]),
          limit: pruneTraces,
        })
        const ids = JSON.stringify(stale.map(row => row.trace_id))
        this.#run.removeSpans.run(ids)
        this.#run.removeTraces.run(ids)
        return stale.length
      }),
    )
  }

  /** What an owner does from time to time: say that it lives, end what the dead left, remove the old. Never throws. */
  tend(): void {
    try {
      this.#run.seen.run(Date.now(), this.#owner.id)
      this.recoverInterrupted()
      this.prune()
    } catch (error) {
      diag.warn(`the telemetry journal could not be tended: ${String(error)}`)
    }
  }

  /** Closes the file as it is: spans still open are left for a successor to end. */
  close(): void {
    release(this.#owner)
    if (this.#db.isOpen) this.#db.close()
  }

  #writeLate(): void {
    for (const record of this.#late.splice(0)) {
      try {
        this.#write(record, this.#owner.id)
      } catch (error) {
        this.#late.push(record)
        diag.warn(`the end of span ${record.spanId} is not yet written: ${String(error)}`)
      }
    }
  }

  #endOpen(owner: string): SpanRecord[] {
    const ended = interrupted(this.#run.touchedBy.all({ id: owner }).map(recordOfRow))
    for (const record of ended) this.#write(record, owner)
    return ended
  }

  /** Writes what may change of a row that is open and owned by `from`; this journal is its owner afterwards. */
  #write(record: SpanRecord, from: string): void {
    const due = Number(this.#exports && record.state.kind === 'ended')
    const { traceId: trace, spanId: span } = record
    this.#run.write.run({ ...endColumns(record), trace, span, due, from, owner: this.#owner.id })
  }

  #otherOwners(): (readonly [Owner, number])[] {
    return this.#run.otherOwners.all(this.#owner.id).map((row: Row) => {
      const text = (column: string) => String(row[column])
      const owner = { id: text('id'), boot: text('boot'), namespace: text('namespace'), started: text('started') }
      return [{ ...owner, pid: Number(row.pid), thread: Number(row.thread) }, Number(row.seen_ms)]
    })
  }

  #guard<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw journalFailure(error, this.file)
    }
  }
}
