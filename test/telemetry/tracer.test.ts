import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Failure } from '../../contracts/failures.ts'
import {
  agentSpan,
  currentTraceparent,
  errors,
  extract,
  inject,
  own,
  processSpan,
  runSpanIds,
  type SpanRecord,
  sendSpan,
  traceHeaders,
} from '../../src/telemetry/index.ts'
import { exporter, journalFile, telemetry } from './support.ts'

const named = (spans: readonly SpanRecord[], name: string) => spans.find(span => span.name === name)

test('spans nest across await, and work side by side does not mix', async () => {
  const { withSpan, startRunSpan, journal } = telemetry()
  await startRunSpan({ runId: 'r1' }, () =>
    Promise.all(
      ['a', 'b'].map(name =>
        withSpan(name, {}, async () => {
          await turn()
          await withSpan(`${name} below`, {}, () => turn())
        }),
      ),
    ),
  )
  const spans = journal.spansOfRun('r1')
  for (const name of ['a', 'b']) {
    expect(named(spans, `${name} below`)?.parentSpanId).toBe(named(spans, name)?.spanId)
    expect(named(spans, name)?.parentSpanId).toBe(runSpanIds('r1').spanId)
  }
})

test('a span is in the journal, open, before its work begins', async () => {
  const { withSpan, journal } = telemetry()
  await withSpan('step', {}, ({ traceId }) => {
    expect(journal.spansOf(traceId)).toMatchObject([{ name: 'step', state: { kind: 'open' } }])
  })
})

test('what a span is told about its run holds for all below it, and an agent is their service', async () => {
  const { withSpan, startRunSpan, journal } = telemetry()
  await startRunSpan({ runId: 'r1', deliveryId: 'd1', feed: 'acme/products' }, () =>
    withSpan(...agentSpan('planner'), () => withSpan('step', {}, () => undefined)),
  )
  const [root, , step] = journal.spansOfRun('r1')
  expect(root?.service).toBe('aiworkflow')
  expect(step).toMatchObject({
    service: 'planner',
    attributes: { [own.runId]: 'r1', [own.deliveryId]: 'd1', [own.feed]: 'acme/products', [own.agent]: 'planner' },
  })
})

test('a span placed in another trace has nothing of the scope it was made in, one of the same trace has all', async () => {
  const { withSpan, journal } = telemetry()
  const elsewhere = { traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` }
  const outer = await withSpan('outer', { scope: { runId: 'r1', agent: 'planner' } }, async span => {
    await withSpan('elsewhere', { parent: elsewhere }, () => undefined)
    await withSpan('served', { parent: { traceparent: span.traceparent } }, () => undefined)
    return span
  })
  expect(journal.spansOf('1'.repeat(32))).toMatchObject([{ service: 'aiworkflow', attributes: {} }])
  expect(named(journal.spansOf(outer.traceId), 'served')).toMatchObject({
    service: 'planner',
    attributes: { [own.runId]: 'r1' },
    links: [],
  })
})

test('a message carries the trace from one telemetry to another, with a link, whatever its sampling flag says', async () => {
  const file = journalFile()
  const [intake, planner] = [telemetry({ journalFile: file }), telemetry({ journalFile: file })]
  const message = { system: 'aiworkflow', topic: 'feed.delivered' }
  const headers = await intake.startRunSpan({ runId: 'r1' }, () =>
    intake.withSpan(...sendSpan(message), () => traceHeaders()),
  )
  const unsampled = { traceparent: Buffer.from(headers.traceparent?.replace(/01$/, '00') ?? '') }
  const [name, shape] = processSpan(message)
  await planner.withSpan(
    name,
    { ...shape, scope: { runId: 'r1' }, parent: unsampled, links: [unsampled] },
    () => undefined,
  )
  const spans = planner.journal.spansOfRun('r1')
  const sent = named(spans, 'send feed.delivered')
  expect(named(spans, 'process feed.delivered')).toMatchObject({
    kind: 'consumer',
    parentSpanId: sent?.spanId,
    links: [{ traceId: sent?.traceId, spanId: sent?.spanId }],
  })
})

test('a span placed elsewhere than below the active span is linked to it', async () => {
  const { withSpan, journal } = telemetry()
  const outer = await withSpan('outer', {}, async span => {
    await withSpan('fresh', { parent: 'root' }, () => undefined)
    return span
  })
  const fresh = journal.traces().find(trace => trace.traceId !== outer.traceId)
  expect(journal.spansOf(fresh?.traceId ?? '')).toMatchObject([{ links: [{ spanId: outer.spanId }] }])
})

test('a context injected is the context extracted, and one already in a carrier stays', async () => {
  const { withSpan } = telemetry()
  const state = { traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`, tracestate: 'vendor=x' }
  await withSpan('step', { parent: state }, span => {
    const carrier = inject({ other: 1 })
    expect(carrier).toEqual({ other: 1, traceparent: span.traceparent, tracestate: 'vendor=x' })
    expect(extract(carrier)).toMatchObject({ traceId: span.traceId, spanId: span.spanId, isRemote: true })
    expect(currentTraceparent()).toBe(span.traceparent)
    expect(inject(state)).toBe(state)
  })
  expect(inject({})).toEqual({})
})

test.each([
  ['nothing', undefined],
  ['a number', 7],
  ['an unknown version 00 with more to it', `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01-more`],
  ['a forbidden version', `ff-${'1'.repeat(32)}-${'2'.repeat(16)}-01`],
  ['a trace id of zeros', `00-${'0'.repeat(32)}-${'2'.repeat(16)}-01`],
  ['capital letters', `00-${'A'.repeat(32)}-${'2'.repeat(16)}-01`],
])('a traceparent of %s is no context', (_what, traceparent) => {
  expect(extract({ traceparent })).toBeUndefined()
})

test('a failure is thrown on, and its span says code, owner and way out; only the innermost describes it', async () => {
  const { withSpan, journal } = telemetry()
  const failure = new Failure('TABLE_MISSING', 'no table acme', { owner: 'lake team' })
  const run = withSpan('outer', {}, () => withSpan('inner', {}, () => Promise.reject(failure)))
  await expect(run).rejects.toBe(failure)
  const [outer, inner] = journal.spansOf(journal.traces()[0]?.traceId ?? '')
  for (const span of [outer, inner])
    expect(span).toMatchObject({
      state: { status: 'error', message: 'no table acme' },
      attributes: {
        [errors.type]: 'TABLE_MISSING',
        [own.failureCode]: 'TABLE_MISSING',
        [own.failureOwner]: 'lake team',
        [own.failureWayOut]: failure.wayOut,
      },
    })
  expect(inner?.events.map(event => event.name)).toEqual(['exception'])
  expect(outer?.events).toEqual([])
})

test('a fault of the program keeps the frames of its stack, without its message', async () => {
  const { withSpan, journal } = telemetry()
  await expect(withSpan('step', {}, () => Promise.reject(new TypeError('x is\nnot a function')))).rejects.toThrow()
  const [span] = journal.spansOf(journal.traces()[0]?.traceId ?? '')
  expect(span?.attributes).toMatchObject({ [errors.type]: 'TypeError', [own.failureCode]: 'INTERNAL' })
  expect(span?.events[0]?.attributes[errors.exceptionStack]).toMatch(/^\s+at /)
})

test('waiting for a person and stopping on request are no errors', async () => {
  class Pause extends Error {}
  const { withSpan, journal } = telemetry({ isPause: thrown => thrown instanceof Pause })
  await expect(withSpan('waits', {}, () => Promise.reject(new Pause()))).rejects.toThrow()
  await expect(withSpan('stops', {}, () => Promise.reject(new Failure('DRAINING', 'stopping')))).rejects.toThrow()
  const states = journal.traces().flatMap(trace => journal.spansOf(trace.traceId).map(span => span.state))
  expect(states).toMatchObject([{ status: 'unset' }, { status: 'unset' }])
})

test('secrets reach neither journal nor exporter', async () => {
  const out = exporter()
  const { withSpan, journal, flush } = telemetry({ exporter: out.fake })
  const secret = 'hunter2hunter2'
  const failing = withSpan('step', { attributes: { password: secret, url: `https://me:${secret}@lake/` } }, span => {
    span.event('asked', { authorization: secret, header: `Bearer ${secret}` })
    throw new Failure('ENGINE_FAILED', `connect postgres://me:${secret}@db/x failed`)
  })
  await expect(failing).rejects.toThrow()
  await flush()
  const kept = JSON.stringify([journal.spansOf(journal.traces()[0]?.traceId ?? ''), out.spans])
  expect(out.spans).toHaveLength(1)
  expect(kept).toContain('postgres://***@db/x')
  expect(kept).not.toContain(secret)
})

test('shut down, a telemetry ends its own open spans as interrupted, and refuses new ones', async () => {
  const file = journalFile()
  const { withSpan, shutdown } = telemetry({ journalFile: file })
  let release = () => {}
  const held = withSpan('held', {}, () => new Promise<void>(resolve => (release = resolve)))
  await shutdown()
  release()
  await held
  const { journal } = telemetry({ journalFile: file })
  expect(journal.traces()).toMatchObject([{ spans: 1, open: 0, failed: 1 }])
  await expect(withSpan('late', {}, () => undefined)).rejects.toMatchObject({ code: 'DRAINING' })
})
