import type { LogMessage } from './partition-log.ts'

/** A message as a client of Kafka delivers it. */
export interface WireMessage {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: string
  readonly offset: string
  readonly headers?: Readonly<Record<string, WireHeader>>
}

type WireHeader = string | Uint8Array | readonly (string | Uint8Array)[] | undefined

/** A message with no key, or with no value, as others may write it, has an empty one here. */
export function logMessage(topic: string, partition: number, message: WireMessage): LogMessage {
  const { key, value, timestamp, offset, headers = {} } = message
  return {
    topic,
    partition,
    key: textOf(key ?? undefined) ?? '',
    headers: Object.fromEntries(
      Object.entries(headers).flatMap(([name, header]) => {
        const text = textOf(header)
        return text === undefined ? [] : [[name, text]]
      }),
    ),
    value: value ?? new Uint8Array(),
    offset: Number(offset),
    publishedAtMs: Number(timestamp),
  }
}

/** Of several headers of one name the first counts, as in envelope.ts. */
function textOf(header: WireHeader): string | undefined {
  if (header === undefined || typeof header === 'string') return header
  return header instanceof Uint8Array ? Buffer.from(header).toString('utf8') : textOf(header[0])
}
