import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { fromFile, Parser } from '@asyncapi/parser'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type JsonSchema, payloadSchema, schemaFile, topics } from '../../contracts/asyncapi.ts'
import { incompatibilities } from '../../contracts/compatibility.ts'
import { events, eventType } from '../../contracts/events/events.ts'
import { releasedFiles, releasedFolder } from '../../scripts/contracts.ts'
import { fromMessage } from '../../src/runtime/outgoing.ts'

const released = (name: string) => readFile(new URL(name, releasedFolder), 'utf8')

test('the files in contracts/released are what `npm run contracts` writes', async () => {
  for (const [name, text] of await releasedFiles()) expect(await released(name), name).toBe(text)
})

test("AsyncAPI's own parser finds no error in the document and resolves every payload", async () => {
  const file = fileURLToPath(new URL('asyncapi.yaml', releasedFolder))
  const { document, diagnostics } = await fromFile(new Parser(), file).parse()
  expect(diagnostics.filter(({ severity }) => severity === 0)).toEqual([])
  expect(
    document
      ?.allChannels()
      .all()
      .map(channel => channel.address())
      .sort(),
  ).toEqual([...topics].sort())
  expect(document?.allMessages().all()).toHaveLength(topics.length)
  for (const message of document?.allMessages().all() ?? [])
    expect(message.payload()?.properties(), message.name()).toHaveProperty('run')
})

test.each(topics)('the released version of %s still accepts and promises the same', async topic => {
  const before = JSON.parse(await released(schemaFile(topic)))
  expect(incompatibilities(topic, before, payloadSchema(topic))).toEqual([])
})

const StoredMessage = z.strictObject({
  key: z.string(),
  headers: z.record(z.string(), z.string()),
  data: z.json(),
})

test.each(await readdir(new URL('../fixtures/messages/', import.meta.url)))(
  '%s, a message of a released version as it was sent once, is read as it was meant',
  async name => {
    const text = await readFile(new URL(`../fixtures/messages/${name}`, import.meta.url), 'utf8')
    const { key, headers, data } = StoredMessage.parse(JSON.parse(text))
    const topic = topics.find(known => name.startsWith(`${known}.v`)) ?? ''
    const event = fromMessage({ topic, key, headers, value: Buffer.from(JSON.stringify(data)) })
    expect(event).toMatchObject({ id: headers['ce_id'], topic, key, traceparent: headers['traceparent'] })
    expect(event.data).toEqual(data)
  },
)

test.each(topics)('there is a message of the released version of %s', async topic => {
  const text = await readFile(
    new URL(`../fixtures/messages/${topic}.v${events[topic].v}.json`, import.meta.url),
    'utf8',
  )
  expect(StoredMessage.parse(JSON.parse(text)).headers['ce_type']).toBe(eventType(topic))
})

const schema = {
  type: 'object',
  properties: { title: { type: 'string' }, kind: { type: 'string', enum: ['a', 'b'] }, count: { type: 'number' } },
  required: ['title', 'kind'],
  additionalProperties: false,
}
const { title, kind, count } = schema.properties
const breaking: [string, JsonSchema][] = [
  ['a removed field', { ...schema, properties: { title, kind } }],
  ['a removed field whose name is an annotation elsewhere', { ...schema, properties: { kind, count } }],
  [
    'an added required field',
    { ...schema, properties: { ...schema.properties, x: {} }, required: ['title', 'kind', 'x'] },
  ],
  ['an added optional field', { ...schema, properties: { ...schema.properties, x: {} } }],
  ['a field made required', { ...schema, required: ['title', 'kind', 'count'] }],
  ['a field made optional', { ...schema, required: ['title'] }],
  ['a widened enum', { ...schema, properties: { ...schema.properties, kind: { ...kind, enum: ['a', 'b', 'c'] } } }],
  ['a narrowed enum', { ...schema, properties: { ...schema.properties, kind: { ...kind, enum: ['a'] } } }],
  ['a narrowed type', { ...schema, properties: { ...schema.properties, count: { type: 'integer' } } }],
  ['an opened object', { ...schema, additionalProperties: {} }],
]

describe('a change under a released version number', () => {
  test.each(breaking)('%s is refused, with the way out', (_, changed) => {
    const found = incompatibilities('topic', schema, changed)
    expect(found).not.toEqual([])
    for (const sentence of found) expect(sentence).toContain('new version number')
  })

  test('other words, other order: harmless', () => {
    const same = {
      description: 'said anew',
      additionalProperties: false,
      required: ['kind', 'title'],
      properties: { count, kind: { enum: ['b', 'a'], type: 'string' }, title: { ...title, description: 'a name' } },
      type: 'object',
    }
    expect(incompatibilities('topic', schema, same)).toEqual([])
  })

  test('is judged alike from both sides, and a schema always fits itself', () => {
    const any = fc.dictionary(
      fc.constantFrom('type', 'enum', 'title', 'minLength', 'properties', 'items'),
      fc.jsonValue(),
    )
    fc.assert(
      fc.property(any, any, (a, b) => {
        expect(incompatibilities('topic', a, a)).toEqual([])
        expect(incompatibilities('topic', a, b).length > 0).toBe(incompatibilities('topic', b, a).length > 0)
      }),
    )
  })
})
