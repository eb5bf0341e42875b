import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import { onTestFinished } from 'vitest'
import { createTelemetry, type SpanRecord, spanKey } from '../../src/telemetry/index.ts'

/** A journal file of its own, removed when the test ends. */
export function journalFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'telemetry-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, '.aiworkflow', 'telemetry.sqlite')
}

/** A telemetry that is shut down when the test ends. */
export function telemetry(options: Partial<Parameters<typeof createTelemetry>[0]> = {}) {
  const made = createTelemetry({ journalFile: ':memory:', serviceName: 'aiworkflow', ...options })
  onTestFinished(() => made.shutdown())
  return made
}

/** Remembers what it was handed. `answers` are given in turn, then every batch succeeds. */
export function exporter(answers: readonly ('failed' | 'thrown')[] = []) {
  const spans: ReadableSpan[] = []
  const left = [...answers]
  const fake: SpanExporter = {
    export(batch, done) {
      const answer = left.shift()
      if (answer === 'thrown') throw new Error('no route')
      if (answer === 'failed') return done({ code: 1, error: new Error('unavailable') })
      spans.push(...batch)
      done({ code: 0 })
    },
    shutdown: () => Promise.resolve(),
  }
  return { fake, spans, keys: () => spans.map(span => spanKey(span.spanContext())).sort() }
}

export const traceId = 'a'.repeat(32)

/** A span of a trace made by hand: 10 µs long, after those made before it in number. */
export function span(spanId: string, parentSpanId?: string, changes: Partial<SpanRecord> = {}): SpanRecord {
  const startUs = changes.startUs ?? 1_000_000
  return {
    traceId,
    spanId,
    ...(parentSpanId !== undefined && { parentSpanId }),
    name: spanId,
    kind: 'internal',
    service: 'aiworkflow',
    startUs,
    state: { kind: 'ended', endUs: startUs + 10, status: 'unset' },
    attributes: {},
    events: [],
    links: [],
    ...changes,
  }
}
