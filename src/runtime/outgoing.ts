/** An event on its way out of an agent: kept with the checkpoint that decided it, published afterwards. */
import { z } from 'zod'
import type { OutgoingMessage, ReceivedMessage } from '../../bus/bus.ts'
import { type DecodedEvent, decodeEvent, eventMessage } from '../../bus/envelope.ts'
import { feedKey } from '../../contracts/data/common.ts'
import { type EventData, events, eventType, type Topic } from '../../contracts/events/events.ts'
import { Failure } from '../../contracts/failures.ts'

export const OutgoingEvent = z.strictObject({
  id: z.string(),
  topic: z.enum(Object.keys(events) as [Topic, ...Topic[]]),
  /** Feed key. */
  key: z.string(),
  source: z.string(),
  time: z.iso.datetime(),
  runId: z.string().optional(),
  deliveryId: z.string().optional(),
  /** Where the event was made. */
  traceparent: z.string().optional(),
  data: z.json(),
})
export type OutgoingEvent = z.infer<typeof OutgoingEvent>

export interface IncomingEvent<T extends Topic = Topic> {
  readonly id: string
  readonly topic: T
  readonly key: string
  readonly data: EventData<T>
  /** Context of the hop: the span that sent it. */
  readonly traceparent: string | undefined
}

export function toMessage(event: OutgoingEvent, hopTraceparent: string | undefined): OutgoingMessage {
  const about = events[event.topic].data.safeParse(event.data)
  if (!about.success) {
    throw new Failure(
      'MESSAGE_INVALID',
      `${event.source} made a ${event.topic} that its own schema refuses: ${z.prettifyError(about.error)}`,
    )
  }
  return eventMessage(
    event.topic,
    event.key,
    {
      id: event.id,
      source: event.source,
      type: eventType(event.topic),
      subject: event.key,
      time: event.time,
      ...(event.runId === undefined ? {} : { runid: event.runId }),
      ...(event.deliveryId === undefined ? {} : { deliveryid: event.deliveryId }),
      ...(event.traceparent === undefined ? {} : { traceparent: event.traceparent }),
      ...budgetOf(event),
      data: event.data,
    },
    hopTraceparent === undefined ? {} : { traceparent: hopTraceparent },
  )
}

/** Errors: MESSAGE_INVALID for what no released schema accepts, or under another key than its feed; MESSAGE_TOO_LARGE. */
export function fromMessage(message: Pick<ReceivedMessage, 'topic' | 'key' | 'headers' | 'value'>): IncomingEvent {
  const { event, hop }: DecodedEvent = decodeEvent(message)
  const topic = topicOf(message.topic)
  if (event.type !== eventType(topic)) {
    throw new Failure(
      'MESSAGE_INVALID',
      `Event ${event.id} is of type ${event.type}; known on topic ${topic} is ${eventType(topic)}.`,
    )
  }
  const data = events[topic].data.safeParse(event.data)
  if (!data.success) {
    throw new Failure(
      'MESSAGE_INVALID',
      `Event ${event.id} does not fit the schema of ${event.type}: ${z.prettifyError(data.error)}`,
    )
  }
  const feed = feedKey('feed' in data.data ? data.data.feed : data.data.delivery.feed)
  if (message.key !== feed) {
    throw new Failure(
      'MESSAGE_INVALID',
      `Event ${event.id} (${event.type}) is about ${feed}, but its key is ${JSON.stringify(message.key)}; the key has to be the feed.`,
    )
  }
  return { id: event.id, topic, key: message.key, data: data.data, traceparent: hop.traceparent ?? event.traceparent }
}

function topicOf(name: string): Topic {
  if (name in events) return name as Topic
  throw new Failure('MESSAGE_INVALID', `Topic ${name} is not in the chain.`)
}

function budgetOf(event: OutgoingEvent): { budget?: Record<string, number> } {
  const run = z
    .object({ run: z.object({ budget: z.object({ toolCalls: z.number(), wallMs: z.number() }) }) })
    .safeParse(event.data)
  return run.success
    ? { budget: { calls: run.data.run.budget.toolCalls, milliseconds: run.data.run.budget.wallMs } }
    : {}
}
