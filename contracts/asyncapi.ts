/**
 * The message contracts for people and machines outside: an AsyncAPI 3.0 document and one JSON Schema (draft 2020-12 where zod
 * writes it) per topic and version, made from the pipeline table and the event schemas. Pure and deterministic; servers,
 * partitions and replication belong to whoever deploys and are left out.
 */
import { z } from 'zod'
import { agentNames, chain, consumerGroup } from './chain.ts'
import { events, eventType, type Topic } from './events/events.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

export const topics = Object.keys(events) as Topic[]

/** Name of the file that holds the schema of a topic's current version. */
export const schemaFile = (topic: Topic): string => `${topic}.v${events[topic].v}.schema.json`

/** What may travel: the reader's side of the schema, as writers check the same before they send. */
export function payloadSchema(topic: Topic): JsonSchema {
  const schema = z.toJSONSchema(events[topic].data, { io: 'input', target: 'draft-7' })
  return { title: eventType(topic), ...schema }
}

const text = { type: 'string', minLength: 1 } as const

/** Headers of CloudEvents in Kafka's binary mode, see bus/envelope.ts. */
const headers = (topic: Topic): JsonSchema => ({
  type: 'object',
  required: ['content-type', 'ce_specversion', 'ce_id', 'ce_source', 'ce_type'],
  properties: {
    'content-type': { type: 'string', const: 'application/json' },
    ce_specversion: { type: 'string', const: '1.0' },
    ce_id: { ...text, description: 'Unique with ce_source; a duplicate of a message has the same.' },
    ce_source: text,
    ce_type: { type: 'string', const: eventType(topic) },
    ce_subject: { ...text, description: 'The feed, the same as the key.' },
    ce_time: { type: 'string', format: 'date-time' },
    ce_dataschema: text,
    ce_runid: text,
    ce_deliveryid: text,
    ce_budget: { ...text, description: 'JSON: what the run may still spend, by unit.' },
    ce_traceparent: { ...text, description: 'W3C trace context where the event was made.' },
    ce_tracestate: text,
    traceparent: { ...text, description: 'W3C trace context of the hop.' },
    tracestate: text,
  },
})

const ref = (path: string) => ({ $ref: path })
const channel = (topic: Topic) => ref(`#/channels/${topic}`)
const kafka = '0.5.0'

/** @param version of the product; @param schemaAt what `$ref` a payload gets: its file, or anything a reader resolves. */
export function asyncApiDocument(version: string, schemaAt: (topic: Topic) => JsonSchema): JsonSchema {
  const operation = (action: 'send' | 'receive', topic: Topic, group?: string) => ({
    action,
    channel: channel(topic),
    messages: [ref(`#/channels/${topic}/messages/${eventType(topic)}`)],
    ...(group === undefined
      ? {}
      : { bindings: { kafka: { groupId: { type: 'string', const: group }, bindingVersion: kafka } } }),
  })
  const operations = agentNames.flatMap(agent => [
    ...chain[agent].consumes.map(
      topic => [`${agent}.receive.${topic}`, operation('receive', topic, consumerGroup(agent))] as const,
    ),
    ...chain[agent].emits.map(topic => [`${agent}.send.${topic}`, operation('send', topic)] as const),
  ])
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'aiworkflow',
      version,
      description: 'Events between the agents: CloudEvents 1.0 in binary mode, ordered by feed.',
    },
    defaultContentType: 'application/json',
    channels: Object.fromEntries(
      topics.map(topic => [
        topic,
        {
          address: topic,
          messages: { [eventType(topic)]: ref(`#/components/messages/${eventType(topic)}`) },
          bindings: { kafka: { topic, bindingVersion: kafka } },
        },
      ]),
    ),
    operations: Object.fromEntries(operations),
    components: {
      messages: Object.fromEntries(
        topics.map(topic => [
          eventType(topic),
          {
            name: eventType(topic),
            contentType: 'application/json',
            headers: headers(topic),
            payload: schemaAt(topic),
            bindings: {
              kafka: { key: { type: 'string', description: 'Feed key: vendor/table.' }, bindingVersion: kafka },
            },
          },
        ]),
      ),
    },
  }
}
