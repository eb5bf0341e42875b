import type { DatabaseSync, StatementSync } from 'node:sqlite'

const sql = {
  start: `insert into spans (trace_id, span_id, parent_id, trace_state, name, kind, service, run_id, owner, started_us, ended_us,
      state, attributes, events, links)
    values (:trace, :span, :parent, :traceState, :name, :kind, :service, :run, :owner, :started, :ended, :state, :attributes,
      :events, :links) on conflict do nothing`,
  write: `update spans set name = :name, ended_us = :ended, state = :state, attributes = :attributes, events = :events,
      owner = :owner, due = :due
    where trace_id = :trace and span_id = :span and ended_us is null and owner = :from`,
  has: 'select 1 from spans where trace_id = ? and span_id = ?',
  spansOf: 'select * from spans where trace_id = ? order by started_us, rowid',
  traces: `select t.*, count(*) spans, count(*) filter (where s.ended_us is null) open,
      count(*) filter (where s.state ->> 'status' = 'error') failed
    from (select * from traces where :run is null or run_id = :run order by started_us desc limit :limit) t
    join spans s using (trace_id) group by trace_id order by started_us desc, trace_id`,
  due: 'select * from spans where owner = ? and due = 1 order by ended_us limit ?',
  confirmed: 'update spans set due = 0 where trace_id = ? and span_id = ?',
  addOwner: 'insert into owners values (:id, :boot, :namespace, :pid, :started, :thread, :seen)',
  seen: 'update owners set seen_ms = ? where id = ?',
  otherOwners: 'select * from owners where id <> ?',
  forgetOwner: `delete from owners where id = :id and not exists (select 1 from spans where owner = :id and ended_us is null)
      and not exists (select 1 from spans where owner = :id and due = 1)`,
  touchedBy: `select * from spans where owner = :id and trace_id in
      (select trace_id from spans where owner = :id and ended_us is null)`,
  takeDue: 'update spans set owner = ? where owner = ? and due = 1',
  stale: `select trace_id from traces t
    where (last_us < :before or last_us < (select last_us from traces order by last_us desc limit 1 offset :most))
      and not exists (select 1 from spans s where s.trace_id = t.trace_id and s.ended_us is null)
      and (run_id is null or run_id not in (select value from json_each(:keep)))
    order by last_us limit :limit`,
  removeSpans: 'delete from spans where trace_id in (select value from json_each(?))',
  removeTraces: 'delete from traces where trace_id in (select value from json_each(?))',
} as const

export type Statements = Readonly<Record<keyof typeof sql, StatementSync>>

/** All statements of the journal, prepared. */
export const prepareAll = (db: DatabaseSync): Statements =>
  Object.fromEntries(Object.entries(sql).map(([name, text]) => [name, db.prepare(text)])) as unknown as Statements
