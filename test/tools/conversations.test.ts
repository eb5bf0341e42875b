/** Sessions over HTTP, for servers whose tools ask their client back: whose they are, and how they end. */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { serveToolsOverHttp, toolsPath } from '../../src/tools/http.ts'
import { type TokenHolder, tokenOf } from '../../src/tools/tokens.ts'
import { conformanceServer } from './conformance-server.ts'

const secret = randomBytes(32).toString('hex')
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function served(sessionIdleMs?: number) {
  const server = await serveToolsOverHttp(conformanceServer(), {
    port: 0,
    secret,
    ...(sessionIdleMs && { sessionIdleMs }),
  })
  closers.push(() => server.close(100))
  const url = `http://127.0.0.1:${server.port}${toolsPath}`
  const send = (message: object | undefined, session?: string, holder: TokenHolder = 'reader', method = 'POST') =>
    fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${tokenOf(holder, secret)}`,
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        ...(session && { 'mcp-session-id': session }),
      },
      ...(message && { body: JSON.stringify({ jsonrpc: '2.0', ...message }) }),
    })
  const begin = async () => {
    const answer = await send({
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
    })
    await answer.text()
    return answer.headers.get('mcp-session-id')!
  }
  return { send, begin }
}

const list = { id: 2, method: 'tools/list', params: {} }

test('a session is its holder’s: for another it does not exist', async () => {
  const { send, begin } = await served()
  const session = await begin()
  expect((await send(list, session)).status).toBe(200)
  expect((await send(list, session, 'planner')).status).toBe(404)
  expect((await send(list, 'made-up')).status).toBe(404)
})

test('a session that its client ends, or does not use, is gone', async () => {
  const { send, begin } = await served(100)
  const [ended, unused] = [await begin(), await begin()]
  expect((await send(undefined, ended, 'planner', 'DELETE')).status).toBe(404)
  expect((await send(undefined, ended, 'reader', 'DELETE')).status).toBe(200)
  expect((await send(list, ended)).status).toBe(404)
  await delay(300)
  const late = await send(list, unused)
  expect(late.status).toBe(404)
  expect(await late.text()).toContain('begin another')
})

test('who opens too many sessions loses the one used longest ago', async () => {
  const { send, begin } = await served()
  const first = await begin()
  const second = await begin()
  expect((await send(list, first)).status).toBe(200)
  for (let more = 0; more < 63; more += 1) await begin()
  expect((await send(list, second)).status).toBe(404)
  expect((await send(list, first)).status).toBe(200)
})
