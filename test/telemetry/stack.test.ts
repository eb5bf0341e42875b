import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  errors,
  genAi,
  own,
  renderStack,
  type SpanRecord,
  spanKey,
  stackDocument,
  stackOf,
} from '../../src/telemetry/index.ts'
import { flat, spanForest } from './forest.ts'
import { span } from './support.ts'

const ended = (endUs: number, status: 'unset' | 'error' = 'unset') => ({ kind: 'ended', endUs, status }) as const

function failed(endUs: number, code = 'TABLE_MISSING'): Pick<SpanRecord, 'state' | 'attributes'> {
  const attributes = {
    [errors.type]: code,
    [own.failureCode]: code,
    [own.failureMessage]: 'no table',
    [own.failureOwner]: 'lake team',
  }
  return { state: { kind: 'ended', endUs, status: 'error', message: 'no table' }, attributes }
}

/** A turn of an agent that came by a message: another service than what sent it. */
const agent = (id: string, parent: string, name: string, changes: Partial<SpanRecord> = {}) =>
  span(id, parent, {
    service: name,
    name: `process for ${name}`,
    kind: 'consumer',
    ...changes,
    attributes: { [own.agent]: name, ...changes.attributes },
  })

test('any spans at all: each is exactly one frame, and is printed once', () => {
  fc.assert(
    fc.property(spanForest, spans => {
      const stack = stackOf(spans)
      const frames = flat([...stack.roots, ...stack.orphans])
      expect(frames.map(spanKey).sort()).toEqual(spans.map(spanKey).sort())
      const printed = renderStack(stackOf(spans.map(one => ({ ...one, name: `<${spanKey(one)}>` }))))
      const steps = printed.split('\n').filter(line => !line.startsWith('    at '))
      for (const one of spans) expect(steps.filter(line => line.includes(`<${spanKey(one)}>`))).toHaveLength(1)
      expect(JSON.parse(JSON.stringify(stackDocument(stack)))).toEqual(stackDocument(stack))
    }),
  )
})

test('any spans at all: frames with no parent are roots, those whose parent is missing are orphans', () => {
  fc.assert(
    fc.property(spanForest, spans => {
      const stack = stackOf(spans)
      const keys = new Set(spans.map(spanKey))
      const lost = spans.filter(one => one.parentSpanId && !keys.has(`${one.traceId}/${one.parentSpanId}`))
      expect(stack.roots.map(spanKey).sort()).toEqual(
        spans
          .filter(one => !one.parentSpanId)
          .map(spanKey)
          .sort(),
      )
      expect(stack.orphans.map(spanKey)).toEqual(expect.arrayContaining(lost.map(spanKey)))
    }),
  )
})

test('any spans at all: a run failed exactly if it has a cause, whose path is the failing frames', () => {
  fc.assert(
    fc.property(spanForest, spans => {
      const stack = stackOf(spans)
      expect(stack.cause !== undefined).toBe(stack.state === 'failed')
      const failing = flat([...stack.roots, ...stack.orphans]).filter(frame => frame.failing)
      expect((stack.cause?.path ?? []).map(spanKey).sort()).toEqual(failing.map(spanKey).sort())
    }),
  )
})

test('a span given twice, open and ended, counts once, as it was last', () => {
  const stack = stackOf([span('a', undefined, { state: { kind: 'open' } }), span('a')])
  expect(flat(stack.roots)).toMatchObject([{ state: { kind: 'done' } }])
})

test('a failure in a tool is followed from its root through the agent that it broke', () => {
  const stack = stackOf([
    span('root', undefined, { startUs: 0, attributes: { [own.runId]: 'r1' } }),
    agent('ingestion', 'root', 'ingestion', { startUs: 10, ...failed(50) }),
    span('ok', 'ingestion', { startUs: 15, service: 'ingestion' }),
    span('tool', 'ingestion', { startUs: 20, service: 'ingestion', ...failed(40) }),
  ])
  expect(stack).toMatchObject({ runId: 'r1', state: 'failed', cause: { code: 'TABLE_MISSING', owner: 'lake team' } })
  expect(stack.cause?.path.map(frame => frame.spanId)).toEqual(['tool', 'ingestion', 'root'])
})

test('a failure that its own agent lived through does not fail the run', () => {
  const stack = stackOf([
    span('root', undefined, { startUs: 0 }),
    agent('planner', 'root', 'planner', { startUs: 10, state: ended(50) }),
    span('tool', 'planner', { startUs: 20, service: 'planner', ...failed(40) }),
  ])
  expect(stack).toMatchObject({ state: 'done' })
})

test('an attempt that a later one replaced no longer counts, whether it failed, crashed, stopped or waited', () => {
  for (const first of [
    failed(20),
    { state: ended(20, 'error'), attributes: { [own.interrupted]: true } },
    { state: ended(20), attributes: { [own.failureKind]: 'cancelled' } },
    { state: ended(20), attributes: { [own.waiting]: true } },
  ]) {
    const spans = [
      span('root', undefined, { startUs: 0 }),
      agent('first', 'root', 'planner', { startUs: 10, ...first }),
    ]
    expect(stackOf(spans).state).not.toBe('done')
    const stack = stackOf([...spans, agent('second', 'root', 'planner', { startUs: 30, state: ended(40) })])
    expect(stack).toMatchObject({ state: 'done', roots: [{ children: [{ superseded: true }, { superseded: false }] }] })
  }
})

test('the same tool called with other arguments is not another attempt', () => {
  const tool = (id: string, digest: string, changes: Partial<SpanRecord>) =>
    span(id, 'root', {
      name: 'execute_tool stat',
      ...changes,
      attributes: { [genAi.operationName]: 'execute_tool', [own.toolArgumentsDigest]: digest, ...changes.attributes },
    })
  const spans = (second: string) => [
    span('root', undefined, { startUs: 0, ...failed(50) }),
    tool('a', 'd1', { startUs: 10, ...failed(20) }),
    tool('b', second, { startUs: 30 }),
  ]
  expect(stackOf(spans('d2')).cause?.path.map(frame => frame.spanId)).toEqual(['a', 'root'])
  expect(stackOf(spans('d1')).cause?.path.map(frame => frame.spanId)).toEqual(['root'])
})

test('a run is running while a span is open, and waits while nothing has gone on after the question', () => {
  const root = span('root', undefined, { startUs: 0 })
  const waiting = agent('turn', 'root', 'modeling', {
    startUs: 10,
    state: ended(20),
    attributes: { [own.waiting]: true },
  })
  expect(stackOf([root, waiting]).state).toBe('waiting')
  expect(stackOf([root, waiting, span('next', 'turn', { startUs: 30 })]).state).toBe('done')
  expect(stackOf([root, waiting, span('next', 'root', { state: { kind: 'open' } })]).state).toBe('running')
})
