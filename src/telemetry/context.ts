import { createHash } from 'node:crypto'
import {
  type Context,
  context,
  createContextKey,
  createTraceState,
  isSpanContextValid,
  type SpanContext,
  trace,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { own } from './names.ts'
import type { Attributes } from './record.ts'

/** Anything that carries a trace context among its entries: message headers, an MCP `_meta`, a thread's stored context. */
export type Carrier = Readonly<Record<string, unknown>>

/** The W3C trace context headers; empty outside of any span. */
export type TraceHeaders = {
  readonly traceparent?: string
  readonly tracestate?: string
}

/** What all spans below a span share with it, within the process. An agent is also the service of its spans. */
export interface RunScope {
  readonly runId?: string
  readonly deliveryId?: string
  readonly feed?: string
  readonly agent?: string
}

const scopeKey = createContextKey('aiworkflow scope')
let prepared = false

/**
 * Makes spans nest across `await`, for the whole process, once: OpenTelemetry allows one context manager. One that a host
 * program has set before is used as it is.
 */
export function useAsyncContext(): void {
  if (!prepared) context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  prepared = true
}

export const scopeOf = (at: Context): RunScope => (at.getValue(scopeKey) as RunScope | undefined) ?? {}

/** `at` with entries of the scope added or replaced. */
export const withScope = (at: Context, scope: RunScope): Context => at.setValue(scopeKey, { ...scopeOf(at), ...scope })

/** `at` with nothing in its scope: what is placed in another trace shares nothing with what happens to be active. */
export const withoutScope = (at: Context): Context => at.deleteValue(scopeKey)

export function scopeAttributes(scope: RunScope): Attributes {
  const { runId, deliveryId, feed, agent } = scope
  return {
    ...(runId !== undefined && { [own.runId]: runId }),
    ...(deliveryId !== undefined && { [own.deliveryId]: deliveryId }),
    ...(feed !== undefined && { [own.feed]: feed }),
    ...(agent !== undefined && { [own.agent]: agent }),
  }
}

/** The active span's context as headers. Its span is in the journal already, so they may leave the process. */
export function traceHeaders(): TraceHeaders {
  const active = trace.getSpanContext(context.active())
  if (!active || !isSpanContextValid(active)) return {}
  const tracestate = active.traceState?.serialize()
  return { traceparent: traceparentOf(active), ...(tracestate && { tracestate }) }
}

/** `carrier` with the active span's context. A context that is already in it stays: it was put there on purpose. */
export function inject<T extends Carrier>(carrier: T): T & TraceHeaders {
  return 'traceparent' in carrier ? carrier : { ...carrier, ...traceHeaders() }
}

/** The context in a carrier, its values text or, as Kafka has them, bytes; none where it is missing or malformed. */
export function extract(carrier: Carrier): SpanContext | undefined {
  const parts = /^(?!ff)([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/.exec(
    textOf(carrier.traceparent) ?? '',
  )
  const [, version, traceId = '', spanId = '', flags = '', more] = parts ?? []
  if (version === '00' && more !== undefined) return undefined
  const found = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
  if (!isSpanContextValid(found)) return undefined
  const tracestate = textOf(carrier.tracestate)
  return { ...found, ...(tracestate && { traceState: createTraceState(tracestate) }) }
}

export const currentTraceparent = (): string | undefined => traceHeaders().traceparent

export const traceparentOf = (span: { readonly traceId: string; readonly spanId: string }): string =>
  `00-${span.traceId}-${span.spanId}-01`

/**
 * The trace and root span ids of a run. They follow from its id, so that a run that is begun again after a crash goes on in
 * its own trace instead of beginning another.
 */
export function runSpanIds(runId: string): { readonly traceId: string; readonly spanId: string } {
  const digest = createHash('sha256').update(`aiworkflow run ${runId}`).digest('hex')
  return { traceId: digest.slice(0, 32), spanId: digest.slice(32, 48) }
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value.trim()
  return value instanceof Uint8Array ? new TextDecoder().decode(value).trim() : undefined
}
