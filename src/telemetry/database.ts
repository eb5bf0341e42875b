import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { asFailure, Failure } from '../../contracts/failures.ts'
import { own } from './names.ts'
import { type SpanRecord, spanRecord } from './record.ts'

const version = 1

/**
 * A trace's own row is kept by triggers, so that it can never differ from its spans. `due` is 1 while an exporter has yet
 * to confirm the span. The partial indexes hold only what is unfinished, so looking for it costs nothing in a long journal.
 */
const schema = `
create table if not exists owners (
  id text primary key, boot text not null, namespace text not null, pid integer not null, started text not null,
  thread integer not null, seen_ms integer not null
) strict;
create table if not exists traces (
  trace_id text primary key, run_id text, started_us integer not null, last_us integer not null
) strict;
create index if not exists traces_by_run on traces (run_id);
create index if not exists traces_by_last on traces (last_us);
create table if not exists spans (
  trace_id text not null, span_id text not null, parent_id text, trace_state text, name text not null, kind text not null,
  service text not null, run_id text, owner text not null, started_us integer not null, ended_us integer, state text not null,
  attributes text not null, events text not null, links text not null, due integer not null default 0,
  primary key (trace_id, span_id)
) strict;
create index if not exists spans_open on spans (owner) where ended_us is null;
create index if not exists spans_due on spans (owner, ended_us) where due = 1;
create trigger if not exists span_started after insert on spans begin
  insert into traces values (new.trace_id, new.run_id, new.started_us, new.started_us)
  on conflict do update set run_id = coalesce(run_id, excluded.run_id), started_us = min(started_us, excluded.started_us),
    last_us = max(last_us, excluded.last_us);
end;
create trigger if not exists span_ended after update of ended_us on spans when new.ended_us is not null begin
  update traces set last_us = max(last_us, new.ended_us) where trace_id = new.trace_id;
end;
pragma user_version = ${version};`

/** Opens the journal's file, or memory for `:memory:`, and makes its tables. Throws what {@link journalFailure} says. */
export function openDatabase(file: string): DatabaseSync {
  try {
    if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true })
    const db = new DatabaseSync(file, { timeout: 5_000 })
    try {
      // Going over to WAL does not wait for other processes that do the same, whatever the time-out says.
      whileLocked(() => db.exec('pragma journal_mode = wal'))
      db.exec('pragma synchronous = normal')
      inTransaction(db, () => {
        const found = Number(db.prepare('pragma user_version').get()?.user_version)
        if (found > version) throw new Failure('DOCUMENT_INVALID', `${file} was written by a newer aiworkflow`)
        if (found < version) db.exec(schema)
      })
      return db
    } catch (error) {
      db.close()
      throw error
    }
  } catch (error) {
    throw journalFailure(error, file)
  }
}

/** Runs `work` as one transaction that takes the write lock first. */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('begin immediate')
  try {
    const value = work()
    db.exec('commit')
    return value
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    throw error
  }
}

/** SQLite's primary result codes that mean something to a person. */
const busy = 5
const locked = 6
const corrupt = 11
const full = 13
const notADatabase = 26

const codeOf = (error: unknown): number => Number((error as { errcode?: number }).errcode ?? 0) & 0xff

export function journalFailure(error: unknown, file: string): Failure {
  if (error instanceof Failure) return error
  const say = `the telemetry journal ${file}`
  const code = codeOf(error)
  if (code === busy || code === locked) return new Failure('STATE_BUSY', `${say} is locked`, { cause: error })
  if (code === full) return new Failure('DISK_FULL', `${say} has no room left on its disk`, { cause: error })
  if (code === corrupt || code === notADatabase)
    return new Failure('DOCUMENT_INVALID', `${say} is damaged`, {
      cause: error,
      wayOut: `Move ${file} away; a new one is begun.`,
    })
  return new Failure('INTERNAL', `${say}: ${asFailure(error).message}`, { cause: error })
}

const pause = new Int32Array(new SharedArrayBuffer(4))

function whileLocked(work: () => void, attempts = 200): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      work()
      return
    } catch (error) {
      if (attempt === attempts || codeOf(error) !== busy) throw error
      Atomics.wait(pause, 0, 0, 25)
    }
  }
}

export type Row = Record<string, SQLOutputValue>

/** The columns of a span that its start fixes, and those that its end may change. */
export function startColumns(record: SpanRecord) {
  return {
    trace: record.traceId,
    span: record.spanId,
    parent: record.parentSpanId ?? null,
    traceState: record.traceState ?? null,
    kind: record.kind,
    service: record.service,
    run: textOrNull(record.attributes[own.runId]),
    started: record.startUs,
    links: JSON.stringify(record.links),
  }
}

export function endColumns(record: SpanRecord) {
  return {
    name: record.name,
    ended: record.state.kind === 'ended' ? record.state.endUs : null,
    state: JSON.stringify(record.state),
    attributes: JSON.stringify(record.attributes),
    events: JSON.stringify(record.events),
  }
}

/** A row as a record, checked: other programs can write to the file too. Throws `DOCUMENT_INVALID`. */
export function recordOfRow(row: Row): SpanRecord {
  const parsed = spanRecord.safeParse({
    traceId: row.trace_id,
    spanId: row.span_id,
    parentSpanId: row.parent_id ?? undefined,
    traceState: row.trace_state ?? undefined,
    name: row.name,
    kind: row.kind,
    service: row.service,
    startUs: row.started_us,
    state: json(row.state),
    attributes: json(row.attributes),
    events: json(row.events),
    links: json(row.links),
  })
  if (parsed.success) return parsed.data
  throw new Failure('DOCUMENT_INVALID', `span ${String(row.span_id)} in the telemetry journal: ${parsed.error.message}`)
}

function json(text: SQLOutputValue | undefined): unknown {
  try {
    return JSON.parse(String(text))
  } catch {
    return undefined
  }
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null)
