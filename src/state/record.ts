/**
 * Values of the store: JSON documents, and frames of a JSON header and bytes. What is read back is checked against its
 * schema; a record that does not fit is a fault, never guessed at.
 */
import { z } from 'zod'
import type { OutgoingMessage } from '../../bus/bus.ts'
import { Failure } from '../../contracts/failures.ts'
import type { Entry } from './store.ts'

const newline = 10

export function encodeRecord(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8')
}

/** Errors: INTERNAL, naming the key. */
export function decodeRecord<Schema extends z.ZodType>(schema: Schema, { key, value }: Entry): z.output<Schema> {
  const parsed = schema.safeParse(JSON.parse(Buffer.from(value).toString('utf8')))
  if (parsed.success) return parsed.data
  throw new Failure('INTERNAL', `The state under ${key} does not fit its schema: ${z.prettifyError(parsed.error)}`)
}

/** A JSON header on one line, then bytes. */
export function encodeFrame(header: unknown, body: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`, 'utf8'), body])
}

export function decodeFrame<Schema extends z.ZodType>(
  schema: Schema,
  { key, value, version }: Entry,
): { readonly header: z.output<Schema>; readonly body: Uint8Array } {
  const end = value.indexOf(newline)
  return {
    header: decodeRecord(schema, { key, version, value: value.subarray(0, end) }),
    body: value.subarray(end + 1),
  }
}

/** A bus message inside a record; its bytes as base64. */
export const messageRecord = z.object({
  topic: z.string(),
  key: z.string(),
  headers: z.record(z.string(), z.string()),
  base64: z.string(),
})

export function packMessage({ topic, key, headers, value }: OutgoingMessage): z.infer<typeof messageRecord> {
  return { topic, key, headers: { ...headers }, base64: Buffer.from(value).toString('base64') }
}

export function unpackMessage({ topic, key, headers, base64 }: z.infer<typeof messageRecord>): OutgoingMessage {
  return { topic, key, headers, value: Buffer.from(base64, 'base64') }
}
