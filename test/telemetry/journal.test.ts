import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { Journal, own, type Retention, type SpanRecord } from '../../src/telemetry/index.ts'
import { journalFile, span } from './support.ts'

function journal(file: string, retention?: Retention, exports = false): Journal {
  const made = new Journal(file, { exports, ...(retention && { retention }) })
  onTestFinished(() => made.close())
  return made
}

const open = (id: string, parent?: string, changes: Partial<SpanRecord> = {}) =>
  span(id, parent, { state: { kind: 'open' }, ...changes })

test('a journal closed with open spans: another in the same process ends them; a second one finds nothing left', () => {
  const file = journalFile()
  const first = journal(file)
  first.start(open('a'))
  const [second, third] = [journal(file), journal(file)]
  expect(second.recoverInterrupted()).toEqual([])
  first.close()
  expect(second.recoverInterrupted().map(({ spanId }) => spanId)).toEqual(['a'])
  expect(third.recoverInterrupted()).toEqual([])
})

test('an interrupted span ends at the last sign of life at or below it, by the same owner only', () => {
  const file = journalFile()
  const [dying, living] = [journal(file), journal(file)]
  dying.start(open('a', undefined, { startUs: 100 }))
  dying.start(open('b', 'a', { startUs: 200 }))
  dying.end(span('b', 'a', { startUs: 200, state: { kind: 'ended', endUs: 700, status: 'ok' } }))
  dying.start(open('c', 'a', { startUs: 300 }))
  living.start(open('d', 'c', { startUs: 900 }))
  dying.close()
  const ends = living.recoverInterrupted().map(({ spanId, state }) => [spanId, state.kind === 'ended' && state.endUs])
  expect(ends).toEqual([
    ['a', 700],
    ['c', 300],
  ])
})

test('the end of a span that a successor has ended changes nothing', () => {
  const file = journalFile()
  const first = journal(file)
  const second = journal(file)
  first.start(open('a'))
  // As after a wrong belief that the owner is dead: the row has another owner.
  const raw = new DatabaseSync(file)
  raw.exec(`update spans set owner = 'other'`)
  raw.close()
  first.end(span('a'))
  expect(second.spansOf(span('a').traceId)).toMatchObject([{ state: { kind: 'open' } }])
})

test('a span ends once, and due to an exporter until it is confirmed', () => {
  const one = journal(journalFile(), undefined, true)
  one.start(open('a'))
  expect(one.due(10)).toEqual([])
  one.end(span('a'))
  one.end(span('a', undefined, { name: 'again' }))
  expect(one.due(10)).toEqual([span('a')])
  one.confirm([span('a')])
  expect(one.due(10)).toEqual([])
})

test('an end that cannot be written is written with the next one', () => {
  const file = journalFile()
  const one = journal(file)
  for (const id of ['a', 'b']) one.start(open(id))
  const raw = new DatabaseSync(file)
  raw.exec(`create trigger refuse before update on spans begin select raise(abort, 'no'); end`)
  one.end(span('a'))
  expect(one.traces()).toMatchObject([{ open: 2 }])
  raw.exec('drop trigger refuse')
  raw.close()
  one.end(span('b'))
  expect(one.traces()).toMatchObject([{ open: 0 }])
})

test('a trace is told by its run, the newest first', () => {
  const one = journal(journalFile())
  for (const [run, startUs] of [
    ['r1', 10],
    ['r2', 30],
    ['r1', 20],
  ] as const)
    one.start(open(`s${startUs}`, undefined, { traceId: `t${startUs}`, startUs, attributes: { [own.runId]: run } }))
  expect(one.traces({ runId: 'r1' }).map(trace => trace.traceId)).toEqual(['t20', 't10'])
  expect(one.traces({ limit: 1 })).toEqual([
    { traceId: 't30', runId: 'r2', startUs: 30, lastUs: 30, spans: 1, open: 1, failed: 0 },
  ])
  expect(one.spansOfRun('r1').map(({ spanId }) => spanId)).toEqual(['s10', 's20'])
})

test('retention removes what is old and what is too many, but no open trace and none of a run that waits', () => {
  const file = journalFile()
  const nowUs = Date.now() * 1_000
  const dayUs = 86_400_000_000
  const one = journal(file, { maxAgeMs: 10 * 86_400_000, maxTraces: 4, keepRuns: () => ['waits'] })
  const traces: [string, number, string, boolean][] = [
    ['old', 20, 'r1', false],
    ['old-open', 20, 'r2', true],
    ['old-waits', 20, 'waits', false],
    ['third', 3, 'r3', false],
    ['second', 2, 'r4', false],
    ['first', 1, 'r5', false],
  ]
  for (const [traceId, days, run, isOpen] of traces) {
    const startUs = nowUs - days * dayUs
    const changes = { traceId, startUs, attributes: { [own.runId]: run } }
    one.start(open('s', undefined, changes))
    if (!isOpen) one.end(span('s', undefined, changes))
  }
  const left = () =>
    one
      .traces()
      .map(trace => trace.traceId)
      .sort()
  expect(one.prune()).toBe(1)
  expect(left()).toEqual(['first', 'old-open', 'old-waits', 'second', 'third'])
  expect(one.spansOf('old')).toEqual([])
  expect(journal(file, { maxAgeMs: 1e12, maxTraces: 2, keepRuns: () => ['waits'] }).prune()).toBe(1)
  expect(left()).toEqual(['first', 'old-open', 'old-waits', 'second'])
})

test('several processes open the same new file at once, and all their spans are there', async () => {
  const file = journalFile()
  const source = `
    import { Journal } from ${JSON.stringify(new URL('../../src/telemetry/index.ts', import.meta.url).href)}
    const journal = new Journal(process.argv[1])
    for (let i = 0; i < 50; i += 1) {
      const span = { traceId: String(process.pid), spanId: String(i), name: 's', kind: 'internal', service: 's', startUs: i,
        attributes: {}, events: [], links: [] }
      journal.start({ ...span, state: { kind: 'open' } })
      journal.end({ ...span, state: { kind: 'ended', endUs: i, status: 'ok' } })
    }
    journal.close()`
  const children = [1, 2, 3].map(() =>
    spawn(process.execPath, ['--no-warnings', '--input-type=module-typescript', '-e', source, file], {
      stdio: 'inherit',
    }),
  )
  const codes = await Promise.all(children.map(async child => (await once(child, 'exit'))[0] as number))
  expect(codes).toEqual([0, 0, 0])
  expect(journal(file).traces()).toMatchObject(
    [{ spans: 50 }, { spans: 50 }, { spans: 50 }].map(t => ({ ...t, open: 0 })),
  )
})

test('a file that is no journal, or one of a newer program, is refused with the way out', () => {
  const file = journalFile()
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, 'this is a text, and longer than a header of SQLite would be. '.repeat(20))
  expect(() => new Journal(file)).toThrow(expect.objectContaining({ code: 'DOCUMENT_INVALID' }))
  const newer = journalFile()
  mkdirSync(dirname(newer), { recursive: true })
  const raw = new DatabaseSync(newer)
  raw.exec('pragma user_version = 99')
  raw.close()
  expect(() => new Journal(newer)).toThrow(/newer/)
})
