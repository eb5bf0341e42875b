/** Cassettes: what a provider answered is kept and played, without a key and without the provider. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HumanMessage } from '@langchain/core/messages'
import { afterAll, expect, test } from 'vitest'
import { createClient, registerProvider } from '../../src/model/providers.ts'
import { startModelServer } from '../rig/model.ts'
import { key } from './world.ts'

const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-tape-'))
afterAll(() => rm(folder, { recursive: true }))

const request = (text: string) => ({ messages: [new HumanMessage(text)], maxOutputTokens: 50 })
const options = { timeoutMs: 5_000, idempotencyKey: 'k' }

test('what was recorded is played again, whole, with its usage; nothing else is, and no key is in it', async () => {
  const file = join(folder, 'tape.jsonl')
  const server = await startModelServer((_body, call) =>
    call === 1 ? { status: 429 } : { content: 'noted', toolCalls: [{ name: 'look', arguments: { at: 1 } }] },
  )
  const name = 'openai:gpt-5.1'
  const recording = createClient({ name, url: server.url, key, cassette: { mode: 'record', file } })
  await expect(recording.chat(request('look'), options)).rejects.toMatchObject({ code: 'MODEL_BUSY' })
  const recorded = await recording.chat(request(`look with ${key}`), options)
  await server.close()

  const played = await createClient({ name, cassette: { mode: 'replay', file } }).chat(
    request(`look with ${key}`),
    options,
  )
  const essence = ({ message, ...usage }: typeof recorded) => [message.text, message.tool_calls, usage]
  expect(essence(played)).toEqual(essence(recorded))
  expect(played.inputTokens).toBeGreaterThan(0)
  await expect(
    createClient({ name, cassette: { mode: 'replay', file } }).chat(request('something else'), options),
  ).rejects.toMatchObject({ code: 'MODEL_REFUSED' })
  expect(await readFile(file, 'utf8')).not.toContain(key)
})

test('a tape that is none says where', async () => {
  const file = join(folder, 'broken.jsonl')
  await writeFile(file, '{"request": 1}\n')
  const play = (at: string) =>
    createClient({ name: 'openai:x', cassette: { mode: 'replay', file: at } }).chat(request('a'), options)
  await expect(play(file)).rejects.toMatchObject({
    code: 'DOCUMENT_INVALID',
    message: expect.stringContaining('line 1'),
  })
  await expect(play(join(folder, 'missing.jsonl'))).rejects.toMatchObject({ code: 'SETTING_INVALID' })
})

test('a provider of one’s own is reached by its name; others are named, and a key is asked for', async () => {
  registerProvider('acme', ({ model }) => ({
    id: `acme:${model}`,
    provider: 'acme',
    model,
    chat: async () => {
      throw new Error('never asked')
    },
  }))
  expect(createClient({ name: 'acme:tiny' })).toMatchObject({ id: 'acme:tiny', provider: 'acme', model: 'tiny' })
  expect(() => registerProvider('acme', () => createClient({ name: 'openai:x', key }))).toThrow('already')
  expect(() => createClient({ name: 'nobody:x' })).toThrow(expect.objectContaining({ code: 'MODEL_PROVIDER_UNKNOWN' }))
  expect(() => createClient({ name: 'openai:gpt-5.1' })).toThrow(expect.objectContaining({ code: 'MODEL_KEY_MISSING' }))
})
