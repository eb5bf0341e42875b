/**
 * An event on the wire: CloudEvents 1.0, binary mode, as the Kafka protocol binding says. The value is the data as JSON,
 * `content-type` names its type, every attribute and extension is a text header `ce_<name>`. The trace context is written
 * twice on purpose: `traceparent` / `tracestate` in plain headers belong to the hop, `ce_traceparent` / `ce_tracestate`
 * (the distributed tracing extension) say where the event was made and never change on the way.
 *
 * Errors: MESSAGE_INVALID (naming the attribute), MESSAGE_TOO_LARGE.
 */
import { z } from 'zod'
import { Failure } from '../contracts/failures.ts'
import type { OutgoingMessage } from './bus.ts'

/** Headers and value together; more than this is data that should travel by reference. */
export const maxMessageBytes = 256 * 1024

const text = z.string().min(1)

/** CloudEvents wants lower-case letters and digits in names of attributes. */
const extensionName = z.string().regex(/^[a-z0-9]{1,20}$/)

export const eventSchema = z.strictObject({
  /** Unique with `source`; a duplicate of a message has the same. */
  id: text,
  source: text,
  type: text,
  subject: text.optional(),
  /** RFC 3339, when the event happened. */
  time: z.iso.datetime({ offset: true }).optional(),
  dataschema: text.optional(),
  runid: text.optional(),
  deliveryid: text.optional(),
  /** What the run may still spend, by unit (calls, milliseconds, tokens, money in millionths). */
  budget: z.record(z.string(), z.number()).optional(),
  /** Trace context where the event was made. */
  traceparent: text.optional(),
  tracestate: text.optional(),
  /** Further extensions, kept as they came. */
  extensions: z.record(extensionName, z.string()).optional(),
  /** Any JSON; the event's own schema says more. */
  data: z.unknown(),
})

export type Event = z.infer<typeof eventSchema>

/** Trace context of the hop. */
export interface Hop {
  readonly traceparent?: string
  readonly tracestate?: string
}

export interface DecodedEvent {
  readonly event: Event
  readonly hop: Hop
}

/** Header values as clients deliver them: text, bytes, or several under one name. */
export type WireHeaders = Readonly<Record<string, string | Uint8Array | readonly (string | Uint8Array)[] | undefined>>

const attributes = [
  'id',
  'source',
  'type',
  'subject',
  'time',
  'dataschema',
  'runid',
  'deliveryid',
  'traceparent',
  'tracestate',
] as const

const known = new Set<string>([...attributes, 'specversion', 'budget'])
const decoder = new TextDecoder('utf-8', { fatal: true })

export function encodeEvent(
  event: Event,
  hop: Hop = {},
  maxBytes = maxMessageBytes,
): Pick<OutgoingMessage, 'headers' | 'value'> {
  const headers: Record<string, string> = { 'content-type': 'application/json', ce_specversion: '1.0' }
  for (const [name, value] of Object.entries(event.extensions ?? {})) headers[`ce_${name}`] = value
  for (const name of attributes) if (event[name] !== undefined) headers[`ce_${name}`] = event[name]
  if (event.budget !== undefined) headers.ce_budget = JSON.stringify(event.budget)
  if (hop.traceparent !== undefined) headers.traceparent = hop.traceparent
  if (hop.tracestate !== undefined) headers.tracestate = hop.tracestate
  const value = Buffer.from(JSON.stringify(event.data ?? null), 'utf8')
  const bytes = Object.entries(headers).reduce((sum, header) => sum + Buffer.byteLength(header.join('')), value.length)
  if (bytes > maxBytes) {
    throw new Failure(
      'MESSAGE_TOO_LARGE',
      `Event ${event.id} (${event.type}) has ${bytes} bytes; ${maxBytes} are allowed.`,
    )
  }
  return { headers, value }
}

/** An event as a message for `topic`, ordered by `key`. */
export function eventMessage(topic: string, key: string, event: Event, hop?: Hop): OutgoingMessage {
  return { topic, key, ...encodeEvent(event, hop) }
}

export function decodeEvent(message: {
  readonly headers: WireHeaders
  readonly value: Uint8Array | null
}): DecodedEvent {
  const bytes = Object.entries(message.headers).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + bytesOf(value),
    message.value?.length ?? 0,
  )
  if (bytes > maxMessageBytes) {
    throw new Failure('MESSAGE_TOO_LARGE', `A message of ${bytes} bytes came; ${maxMessageBytes} are allowed.`)
  }
  const header = (name: string) => textOf(message.headers[name], name)
  if (header('ce_specversion') !== '1.0') {
    throw new Failure(
      'MESSAGE_INVALID',
      'The message is not a CloudEvents 1.0 event in binary mode: no ce_specversion 1.0.',
    )
  }
  const contentType = header('content-type')
  if (contentType === undefined || !/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(contentType)) {
    throw new Failure(
      'MESSAGE_INVALID',
      `The content type is ${contentType ?? 'missing'}; application/json is expected.`,
    )
  }
  const fields: Record<string, unknown> = { data: json(message.value, 'data') }
  for (const name of attributes) put(fields, name, header(`ce_${name}`))
  const budget = header('ce_budget')
  if (budget !== undefined) fields.budget = json(budget, 'ce_budget')
  const extensions: Record<string, unknown> = {}
  for (const name of Object.keys(message.headers)) {
    if (name.startsWith('ce_') && !known.has(name.slice(3))) put(extensions, name.slice(3), header(name))
  }
  if (Object.keys(extensions).length > 0) fields.extensions = extensions
  const parsed = eventSchema.safeParse(fields)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new Failure('MESSAGE_INVALID', `Attribute ${issue?.path.join('.')} of the event: ${issue?.message}.`)
  }
  const hop: Record<string, string> = {}
  put(hop, 'traceparent', header('traceparent'))
  put(hop, 'tracestate', header('tracestate'))
  return { event: parsed.data, hop }
}

function bytesOf(value: WireHeaders[string]): number {
  if (value === undefined) return 0
  if (typeof value === 'string') return Buffer.byteLength(value)
  return value instanceof Uint8Array ? value.length : value.reduce((sum, one) => sum + bytesOf(one), 0)
}

function put(target: Record<string, unknown>, name: string, value: string | undefined): void {
  if (value !== undefined) target[name] = value
}

function textOf(value: WireHeaders[string], name: string): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  if (!(value instanceof Uint8Array)) return textOf(value[0], name)
  try {
    return decoder.decode(value)
  } catch (error) {
    throw new Failure('MESSAGE_INVALID', `Header ${name} is not UTF-8.`, { cause: error })
  }
}

function json(value: Uint8Array | string | null, what: string): unknown {
  try {
    return JSON.parse(typeof value === 'string' ? value : decoder.decode(value ?? new Uint8Array()))
  } catch (error) {
    throw new Failure('MESSAGE_INVALID', `The ${what} of the event is not JSON in UTF-8.`, { cause: error })
  }
}
