import {
  createTraceState,
  type HrTime,
  type Attributes as OtelAttributes,
  type SpanContext,
  type SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api'
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { z } from 'zod'
import { coreSchemaUrl, service } from './names.ts'
import { redact, redactText } from './redact.ts'

/** The span kinds, in the order of OpenTelemetry's numbers for them. */
export const spanKinds = ['internal', 'server', 'client', 'producer', 'consumer'] as const
export type SpanKindName = (typeof spanKinds)[number]

const scalar = z.union([z.string(), z.number(), z.boolean()])
const attributes = z.record(z.string(), z.union([scalar, z.array(scalar)]))

/**
 * One span as it is kept, read and exported: plain JSON, times in microseconds since 1970. It is redacted where it is made
 * ({@link recordOf}), and journal and exporters see nothing else, so that no secret gets past that one place.
 */
export const spanRecord = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  traceState: z.string().optional(),
  name: z.string(),
  kind: z.enum(spanKinds),
  /** What OpenTelemetry calls `service.name`: the agent, or the program outside of agents. */
  service: z.string(),
  startUs: z.number(),
  state: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('open') }),
    z.object({
      kind: z.literal('ended'),
      endUs: z.number(),
      status: z.enum(['unset', 'ok', 'error']),
      message: z.string().optional(),
    }),
  ]),
  attributes,
  events: z.array(z.object({ name: z.string(), timeUs: z.number(), attributes })),
  links: z.array(z.object({ traceId: z.string(), spanId: z.string(), attributes })),
})
export type SpanRecord = z.infer<typeof spanRecord>
export type SpanState = SpanRecord['state']
export type SpanEvent = SpanRecord['events'][number]
export type Attributes = z.infer<typeof attributes>
export type AttributeValue = Attributes[string]

/** Identifies a span among all spans. */
export const spanKey = (span: { readonly traceId: string; readonly spanId: string }): string =>
  `${span.traceId}/${span.spanId}`

const statuses = ['unset', 'ok', 'error'] as const

/** An SDK span, running or ended, as a record; redacted. */
export function recordOf(span: ReadableSpan): SpanRecord {
  const { traceId, spanId, traceState } = span.spanContext()
  return {
    traceId,
    spanId,
    ...(span.parentSpanContext && { parentSpanId: span.parentSpanContext.spanId }),
    ...(traceState && { traceState: traceState.serialize() }),
    name: span.name,
    kind: spanKinds[span.kind] ?? 'internal',
    service: String(span.resource.attributes[service.name]),
    startUs: microseconds(span.startTime),
    state: span.ended
      ? {
          kind: 'ended',
          endUs: microseconds(span.endTime),
          status: statuses[span.status.code],
          ...(span.status.message !== undefined && { message: redactText(span.status.message) }),
        }
      : { kind: 'open' },
    attributes: redact(span.attributes),
    events: span.events.map(event => ({
      name: event.name,
      timeUs: microseconds(event.time),
      attributes: redact(event.attributes),
    })),
    links: span.links.map(link => ({
      traceId: link.context.traceId,
      spanId: link.context.spanId,
      attributes: redact(link.attributes),
    })),
  }
}

/** An ended record as exporters take it. A span that is still open has nothing to export. */
export function readableOf(record: SpanRecord): ReadableSpan {
  const { state } = record
  if (state.kind === 'open') throw new TypeError(`span ${record.spanId} (${record.name}) is still open`)
  const contextOf = (traceId: string, spanId: string): SpanContext => ({
    traceId,
    spanId,
    traceFlags: TraceFlags.SAMPLED,
  })
  const traceState = record.traceState === undefined ? undefined : createTraceState(record.traceState)
  const status = statuses.indexOf(state.status) as SpanStatusCode
  return {
    name: record.name,
    kind: spanKinds.indexOf(record.kind),
    spanContext: () => ({ ...contextOf(record.traceId, record.spanId), ...(traceState && { traceState }) }),
    ...(record.parentSpanId !== undefined && { parentSpanContext: contextOf(record.traceId, record.parentSpanId) }),
    startTime: hrTime(record.startUs),
    endTime: hrTime(state.endUs),
    duration: hrTime(state.endUs - record.startUs),
    status: { code: status, ...(state.message !== undefined && { message: state.message }) },
    attributes: record.attributes as OtelAttributes,
    events: record.events.map(event => ({
      name: event.name,
      time: hrTime(event.timeUs),
      attributes: event.attributes as OtelAttributes,
    })),
    links: record.links.map(link => ({
      context: contextOf(link.traceId, link.spanId),
      attributes: link.attributes as OtelAttributes,
    })),
    ended: true,
    resource: resourceOf(record.service),
    instrumentationScope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

export const instrumentationScope = { name: 'aiworkflow', schemaUrl: coreSchemaUrl } as const

const resources = new Map<string, Resource>()

/** The resource of a service; one object per service, since exporters group spans by it. */
export function resourceOf(name: string): Resource {
  const known = resources.get(name)
  if (known) return known
  const made = resourceFromAttributes({ [service.name]: name, [service.namespace]: 'aiworkflow' })
  resources.set(name, made)
  return made
}

const microseconds = ([seconds, nanoseconds]: HrTime): number => seconds * 1e6 + Math.round(nanoseconds / 1e3)
const hrTime = (us: number): HrTime => [Math.floor(us / 1e6), (us % 1e6) * 1e3]
