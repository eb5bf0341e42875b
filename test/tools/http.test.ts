/** Tool servers over HTTP: who may call, what a page may not, and what becomes of calls whose line is cut. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { AgentName } from '../../contracts/chain.ts'
import { Failure } from '../../contracts/failures.ts'
import { toolServers } from '../../contracts/tools/index.ts'
import { Budgets } from '../../src/state/budgets.ts'
import { Ledger } from '../../src/state/ledger.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import { own } from '../../src/telemetry/names.ts'
import { orphans } from '../../src/telemetry/orphans.ts'
import { createTelemetry } from '../../src/telemetry/tracer.ts'
import { connectOverHttp } from '../../src/tools/client.ts'
import { createHost } from '../../src/tools/host.ts'
import { type HttpOptions, serveToolsOverHttp } from '../../src/tools/http.ts'
import { serveTools, type ToolHandlers } from '../../src/tools/server.ts'
import { type TokenHolder, tokenOf } from '../../src/tools/tokens.ts'
import { keeps } from '../promises.ts'
import { startProxy } from '../rig/proxy.ts'

const secret = randomBytes(32).toString('hex')
const run = 'r_000000000000000000000001'
const budget = { toolCalls: 100, wallMs: 600_000, startedAt: '2026-11-24T00:00:00Z' }
const table = { namespace: 'product_core', name: 'product' }
const publishing = { table, branch: `stage_${run}`, writeKey: 'w1' }

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

type Lakehouse = ToolHandlers<(typeof toolServers)['lakehouse']>

function world() {
  const store = new SqliteStateStore({ path: ':memory:' })
  const telemetry = createTelemetry({ journalFile: ':memory:', serviceName: 'test' })
  closers.push(
    () => store.close(),
    () => telemetry.shutdown(),
  )
  const serve = async (
    handlers: Partial<Lakehouse>,
    more: Partial<HttpOptions> & { progressEveryMs?: number } = {},
  ) => {
    const { progressEveryMs = 20, ...options } = more
    const every = Object.keys(toolServers.lakehouse).map(name => [name, () => ({})] as const)
    const all = { ...Object.fromEntries(every), ...handlers } as unknown as Lakehouse
    const server = await serveToolsOverHttp(
      serveTools('lakehouse', toolServers.lakehouse, all, telemetry, { progressEveryMs }),
      { port: 0, secret, ...options },
    )
    closers.push(() => server.close(1_000))
    return { ...server, url: `http://127.0.0.1:${server.port}` }
  }
  const host = async (url: string, holder: TokenHolder = 'validator') => {
    const made = await createHost({
      servers: [{ name: 'lakehouse', url, token: () => tokenOf(holder, secret) }],
      ledger: new Ledger(store, { ttlMs: 60_000 }),
      budgets: new Budgets(store, { ttlMs: 60_000 }),
      telemetry,
    })
    closers.push(() => made.close())
    return (agent: AgentName = 'validator') => made.forAgent({ agent, runId: run, budget })
  }
  return { serve, host, telemetry, store }
}

const published = { outcome: 'published' as const, snapshotId: '7' }
const rows = { columns: [{ name: 'n', type: 'INTEGER' }], rows: [[1]] }

/** A bare request, as anybody may send it. */
async function bare(url: string, options: { headers?: Record<string, string>; method?: string; body?: string } = {}) {
  const { method = 'POST', headers = {}, body = '{}' } = options
  const sent = request(url, { method, headers: { 'content-type': 'application/json', ...headers } })
  sent.end(method === 'POST' ? body : undefined)
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode as number, text }
}

describe('tools over HTTP', () => {
  test('a call goes over and comes back, below the caller’s span, and says who called', async () => {
    const { serve, host, telemetry } = world()
    const { url } = await serve({ query: () => rows })
    const tools = (await host(url))()
    await telemetry.startRunSpan({ runId: run }, async () => {
      expect(await tools.call('lakehouse.query', { sql: 'SELECT 1' })).toMatchObject({ rows: [[1]] })
    })
    const spans = telemetry.journal.spansOfRun(run)
    const trace = telemetry.journal.spansOf(spans[0]!.traceId)
    expect(orphans(trace)).toEqual([])
    const served = trace.find(span => span.kind === 'server')
    expect(served?.attributes).toMatchObject({ [own.toolCaller]: 'validator' })
    expect(JSON.stringify(trace)).not.toContain('aiw1.')
  })

  test('the failure of a tool is the same failure on this side', async () => {
    const { serve, host } = world()
    const { url } = await serve({
      query: () => {
        throw new Failure('QUERY_FAILED', 'no such column: x', { owner: 'lake team', wayOut: 'Name another.' })
      },
    })
    const tools = (await host(url))()
    await expect(tools.call('lakehouse.query', { sql: 'SELECT x' })).rejects.toMatchObject({
      code: 'QUERY_FAILED',
      owner: 'lake team',
      wayOut: 'Name another.',
    })
  })

  keeps('P11')('without a token of the workspace nothing is answered, and the error says how to get one', async () => {
    const { serve, host } = world()
    const { url } = await serve({})
    for (const headers of [
      {},
      { authorization: 'Bearer aiw1.planner.x' },
      { authorization: tokenOf('planner', secret) },
    ])
      expect(await bare(`${url}/mcp`, { headers })).toMatchObject({
        status: 401,
        text: expect.stringContaining('tools token'),
      })
    const stranger = connectOverHttp({ name: 'lakehouse', url, token: () => tokenOf('planner', 'f'.repeat(64)) })
    const failure = await stranger
      .call('query', { sql: 'SELECT 1' }, { trace: { traceparent: '' }, timeoutMs: 5_000 })
      .catch(error => error)
    expect(failure).toMatchObject({ code: 'TOOL_FORBIDDEN', wayOut: expect.stringContaining('AIWORKFLOW_TOOLS_TOKEN') })
    await host(url)
  })

  keeps('P11')(
    'the server itself holds an agent to its list: it sees no other tool, and is refused one it names',
    async () => {
      const { serve } = world()
      let publishes = 0
      const { url } = await serve({
        query: () => rows,
        publish: () => {
          publishes += 1
          return published
        },
      })
      const modeling = connectOverHttp({ name: 'lakehouse', url, token: () => tokenOf('modeling', secret) })
      closers.push(() => modeling.close())
      const options = { trace: { traceparent: '' }, timeoutMs: 5_000 }
      expect(await modeling.call('query', { sql: 'SELECT 1' }, options)).toMatchObject(rows)
      await expect(modeling.call('publish', publishing, options)).rejects.toMatchObject({ code: 'TOOL_FORBIDDEN' })
      expect(publishes).toBe(0)
    },
  )

  keeps('P11')('a page of another place, or another name for this machine, is refused; so are sessions', async () => {
    const { serve } = world()
    const { url } = await serve({})
    const authorization = `Bearer ${tokenOf('reader', secret)}`
    expect(await bare(`${url}/mcp`, { headers: { authorization, origin: 'https://evil.example' } })).toMatchObject({
      status: 403,
    })
    expect(await bare(`${url}/mcp`, { headers: { authorization, host: 'evil.example' } })).toMatchObject({
      status: 403,
    })
    expect(await bare(`${url}/mcp`, { method: 'GET', headers: { authorization } })).toMatchObject({ status: 405 })
    expect(await bare(`${url}/mcp`, { method: 'DELETE', headers: { authorization } })).toMatchObject({ status: 405 })
    expect(await bare(`${url}/elsewhere`)).toMatchObject({ status: 404 })
    expect(await bare(`${url}/healthz`, { method: 'GET' })).toEqual({ status: 200, text: 'ok\n' })
  })

  test('a body that is no message, or is far too large, is refused and the server goes on', async () => {
    const { serve, host } = world()
    const { url } = await serve({ query: () => rows })
    const headers = {
      authorization: `Bearer ${tokenOf('reader', secret)}`,
      accept: 'application/json, text/event-stream',
    }
    expect((await bare(`${url}/mcp`, { headers, body: 'no json' })).status).toBe(400)
    expect((await bare(`${url}/mcp`, { headers, body: JSON.stringify({ big: 'x'.repeat(5 << 20) }) })).status).toBe(413)
    expect(await (await host(url))().call('lakehouse.query', { sql: 'SELECT 1' })).toMatchObject({ rows: [[1]] })
  })

  test('a call that takes longer than silence may last is kept alive by word of its progress', async () => {
    const { serve } = world()
    const { url } = await serve({ query: () => delay(700).then(() => rows) }, { progressEveryMs: 50 })
    const quick = connectOverHttp(
      { name: 'lakehouse', url, token: () => tokenOf('reader', secret) },
      { silenceMs: 300 },
    )
    closers.push(() => quick.close())
    const options = { trace: { traceparent: '' }, timeoutMs: 10_000 }
    expect(await quick.call('query', { sql: 'SELECT 1' }, options)).toMatchObject(rows)
    const mute = await serve({ query: () => delay(2_000).then(() => rows) }, { progressEveryMs: 60_000 })
    const deaf = connectOverHttp(
      { name: 'lakehouse', url: mute.url, token: () => tokenOf('reader', secret) },
      { silenceMs: 300 },
    )
    closers.push(() => deaf.close())
    await expect(deaf.call('query', { sql: 'SELECT 1' }, options)).rejects.toMatchObject({
      failure: { code: 'TOOL_TIMEOUT' },
    })
  })

  keeps('P4')(
    'the line is cut in mid-call: the change goes on, the next try asks for it, and it is made once',
    async () => {
      const { serve, host } = world()
      let publishes = 0
      const { promise: slow, resolve: end } = Promise.withResolvers<void>()
      const { port } = await serve({
        publish: async () => {
          await slow
          publishes += 1
          return published
        },
        find_write: () => ({ snapshotId: publishes > 0 ? '7' : null, summary: {} }),
      })
      const proxy = await startProxy(port)
      closers.push(() => proxy.close())
      const tools = (await host(`http://127.0.0.1:${proxy.port}`))()
      await tools.call('lakehouse.find_write', { table, writeKey: 'w0' })
      const cut = tools.call('lakehouse.publish', publishing).catch(error => error)
      await delay(200)
      proxy.cutAll()
      expect(await cut).toMatchObject({ code: 'TOOL_UNREACHABLE', kind: 'transient', waits: true })
      end()
      await delay(100)
      expect(await tools.call('lakehouse.publish', publishing)).toMatchObject({ outcome: 'already', snapshotId: '7' })
      expect(publishes).toBe(1)
    },
  )

  keeps('P4')(
    'a server that is not there is waited for; started again on its port it serves the same client',
    async () => {
      const { serve, host } = world()
      const first = await serve({ query: () => rows })
      const tools = (await host(first.url))()
      await tools.call('lakehouse.query', { sql: 'SELECT 1' })
      await first.close(0)
      await expect(tools.call('lakehouse.query', { sql: 'SELECT 1' })).rejects.toMatchObject({
        code: 'TOOL_UNREACHABLE',
        waits: true,
      })
      await serve({ query: () => rows }, { port: first.port })
      expect(await tools.call('lakehouse.query', { sql: 'SELECT 1' })).toMatchObject({ rows: [[1]] })
    },
  )

  keeps('P8')('a server that is away costs a run nothing, however often it is looked for', async () => {
    const { host, store } = world()
    const tools = (await host('http://127.0.0.1:1'))()
    for (let look = 0; look < 5; look += 1)
      await expect(tools.call('lakehouse.query', { sql: 'SELECT 1' })).rejects.toMatchObject({
        code: 'TOOL_UNREACHABLE',
      })
    const left = await new Budgets(store, { ttlMs: 60_000 }).account(run).left()
    expect(left).toEqual({ calls: budget.toolCalls, milliseconds: budget.wallMs })
  })

  test('closing lets running calls end', async () => {
    const { serve, host } = world()
    const begun = Promise.withResolvers<void>()
    const query = () => {
      begun.resolve()
      return delay(300).then(() => rows)
    }
    const server = await serve({ query })
    const call = (await host(server.url))().call('lakehouse.query', { sql: 'SELECT 1' })
    await begun.promise
    await server.close(5_000)
    expect(await call).toMatchObject({ rows: [[1]] })
  })
})
