import { expect, test } from 'vitest'
import { exporter, journalFile, telemetry } from './support.ts'

test('every span is exported once, after it ended, as it is in the journal', async () => {
  const out = exporter()
  const { withSpan, flush, journal } = telemetry({ exporter: out.fake })
  const { traceId } = await withSpan('outer', { attributes: { n: 1 } }, async span => {
    await withSpan('inner', { kind: 'client' }, () => undefined)
    await flush()
    expect(out.spans.map(({ name }) => name)).toEqual(['inner'])
    return span
  })
  await Promise.all([flush(), flush()])
  await flush()
  const [outer, inner] = journal.spansOf(traceId)
  expect(out.spans.map(({ name }) => name)).toEqual(['inner', 'outer'])
  const [exportedInner, exportedOuter] = out.spans
  expect(exportedInner?.parentSpanContext?.spanId).toBe(outer?.spanId)
  expect(exportedInner?.kind).toBe(2)
  expect(exportedInner?.startTime).toEqual([
    Math.floor((inner?.startUs ?? 0) / 1e6),
    ((inner?.startUs ?? 0) % 1e6) * 1e3,
  ])
  expect(exportedOuter?.attributes).toMatchObject({ n: 1 })
  expect(exportedOuter?.resource.attributes).toMatchObject({ 'service.name': 'aiworkflow' })
})

test.each(['failed', 'thrown'] as const)('an exporter that %s keeps its spans due, and gets them again', async how => {
  const out = exporter([how])
  const { withSpan, flush } = telemetry({ exporter: out.fake })
  await withSpan('step', {}, () => undefined)
  expect(await flush()).toBe(false)
  expect(out.spans).toEqual([])
  expect(await flush()).toBe(true)
  expect(await flush()).toBe(true)
  expect(out.spans).toHaveLength(1)
})

test('what one telemetry ended and did not live to export, the next one exports', async () => {
  const file = journalFile()
  const lost = exporter()
  const first = telemetry({ journalFile: file, exporter: lost.fake })
  await first.withSpan('step', {}, () => undefined)
  const idle = exporter()
  const beside = telemetry({ journalFile: file, exporter: idle.fake })
  await beside.flush()
  expect(idle.spans).toEqual([])
  first.abandon()
  beside.recoverInterrupted()
  await beside.flush()
  expect(lost.spans).toEqual([])
  expect(idle.spans.map(({ name }) => name)).toEqual(['step'])
})

test('a shut down exports what is due', async () => {
  const out = exporter()
  const { withSpan, shutdown } = telemetry({ exporter: out.fake })
  await withSpan('step', {}, () => undefined)
  await shutdown()
  expect(out.spans).toHaveLength(1)
})
