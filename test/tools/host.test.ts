import { afterEach, describe, expect, test } from 'vitest'
import type { AgentName } from '../../contracts/chain.ts'
import { chain } from '../../contracts/chain.ts'
import { Failure } from '../../contracts/failures.ts'
import { serverNames, type ToolId, type ToolInput, toolServers } from '../../contracts/tools/index.ts'
import { Budgets } from '../../src/state/budgets.ts'
import { Ledger } from '../../src/state/ledger.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import { createTelemetry } from '../../src/telemetry/tracer.ts'
import { type AgentOptions, createHost, type HostOptions } from '../../src/tools/host.ts'
import { serveTools } from '../../src/tools/server.ts'

const run = 'r_000000000000000000000001'
const feed = { vendor: 'acme', table: 'products' }
const table = { namespace: 'product_core', name: 'product' }
const decision = {
  id: 'x_1',
  runId: run,
  feed,
  agent: 'modeling',
  question: 'mapping:gtin',
  answer: 'ean',
  step: 'evidence' as const,
  confidence: 0.9,
  evidence: [],
  by: 'modeling',
  costMicros: 0,
  at: '2026-11-24T00:00:00Z',
}
const publishing = { table, branch: `stage_${run}`, writeKey: 'w1' }

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

type Answers = { [Id in ToolId]?: (input: ToolInput<Id>, call: { signal: AbortSignal }) => unknown }

/** A host whose tools answer as told and count their calls; state outlives a host, as in a restart. */
function world() {
  const store = new SqliteStateStore({ path: ':memory:' })
  const telemetry = createTelemetry({ journalFile: ':memory:', serviceName: 'test' })
  const ledger = new Ledger(store, { ttlMs: 60_000 })
  const budgets = new Budgets(store, { ttlMs: 60_000 })
  closers.push(
    () => store.close(),
    () => telemetry.shutdown(),
  )
  const calls: string[] = []
  const start = async (answers: Answers, options: Partial<HostOptions> = {}) => {
    const servers = serverNames.map(name => {
      const handlers = Object.keys(toolServers[name]).map(tool => {
        const id = `${name}.${tool}` as ToolId
        const answer = (input: unknown, call: { signal: AbortSignal }) => {
          calls.push(id)
          return (answers[id] as ((input: unknown, call: object) => unknown) | undefined)?.(input, call) ?? {}
        }
        return [tool, answer]
      })
      return serveTools(name, toolServers[name], Object.fromEntries(handlers) as never, telemetry)
    })
    const host = await createHost({ servers, ledger, budgets, telemetry, ...options })
    closers.unshift(() => host.close())
    return (agent: AgentName, more: Partial<AgentOptions> = {}) => {
      const budget = { toolCalls: 100, wallMs: 60_000, startedAt: '2026-11-24T00:00:00Z' }
      return host.forAgent({ agent, runId: run, budget, ...more })
    }
  }
  return { start, calls, ledger, budgets, telemetry, store }
}
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'went through',
    (error: Failure) => error.code,
  )

describe('the door: who may call what', () => {
  test('a tool on the list is called with defaults filled in', async () => {
    const { start } = world()
    const agent = await start({ 'lakehouse.query': input => ({ columns: [], rows: [[input.limit ?? null]] }) })
    const answer = await agent('modeling').call('lakehouse.query', { sql: 'select 1' })
    expect(answer).toEqual({ columns: [], rows: [[1000]] })
  })

  test('a tool off the list is TOOL_FORBIDDEN, names the list, and no server hears of it', async () => {
    const { start, calls } = world()
    const agent = await start({})
    for (const [name, { tools }] of Object.entries(chain)) {
      const all = serverNames.flatMap(server =>
        Object.keys(toolServers[server]).map(tool => `${server}.${tool}` as ToolId),
      )
      for (const id of all.filter(id => !(tools as readonly string[]).includes(id))) {
        const error = await agent(name as AgentName)
          .call(id, {} as never)
          .catch((caught: Failure) => caught)
        expect(error).toMatchObject({ code: 'TOOL_FORBIDDEN', message: expect.stringContaining(tools.join(', ')) })
      }
    }
    expect(calls).toEqual([])
  })

  test.each([
    'lakehouse.drop_everything',
    'shell.run',
    'lakehouse',
    'lakehouse.query.more',
    '__proto__.toString',
    'lakehouse.toString',
  ])('%s is TOOL_UNKNOWN', async id => {
    const agent = await world().start({})
    expect(await codeOf(agent('modeling').call(id as ToolId, {} as never))).toBe('TOOL_UNKNOWN')
  })

  test('arguments and answers outside of the contract are refused', async () => {
    const { start, calls } = world()
    const agent = (await start({ 'lakehouse.query': () => ({ columns: 'none' }) }))('modeling')
    expect(await codeOf(agent.call('lakehouse.query', { sql: 'select 1', limit: 0 }))).toBe('TOOL_INPUT_INVALID')
    expect(calls).toEqual([])
    expect(await codeOf(agent.call('lakehouse.query', { sql: 'select 1' }))).toBe('TOOL_OUTPUT_INVALID')
  })
})

describe('the door: effects run once', () => {
  const published = { outcome: 'published', snapshotId: '7' }

  test('a change asked for again is answered from the ledger, also by the next process, and the span says so', async () => {
    const { start, calls, telemetry } = world()
    const answers: Answers = { 'lakehouse.publish': () => published }
    const first = await start(answers)
    expect(await first('validator').call('lakehouse.publish', publishing)).toEqual(published)
    const second = await start(answers)
    expect(await second('validator').call('lakehouse.publish', publishing)).toEqual(published)
    expect(calls).toEqual(['lakehouse.publish'])
    const [trace] = telemetry.journal.traces()
    const spans = telemetry.journal.spansOf(trace!.traceId)
    expect(spans.at(-1)?.attributes['aiworkflow.tool.fromLedger']).toBe(true)
  })

  test('without the ledger the same change is made twice', async () => {
    const { start, calls } = world()
    const agent = (await start({ 'lakehouse.publish': () => published }, { disableLedger: true }))('validator')
    await agent.call('lakehouse.publish', publishing)
    await agent.call('lakehouse.publish', publishing)
    expect(calls).toEqual(['lakehouse.publish', 'lakehouse.publish'])
  })

  test('other arguments, another write key and another run are effects of their own; key order is not', async () => {
    const { start, calls } = world()
    const agent = await start({ 'lakehouse.publish': () => published })
    const validator = agent('validator')
    await validator.call('lakehouse.publish', publishing)
    await validator.call('lakehouse.publish', {
      writeKey: 'w1',
      branch: publishing.branch,
      table: { name: 'product', namespace: 'product_core' },
    })
    expect(calls).toHaveLength(1)
    await validator.call('lakehouse.publish', { ...publishing, writeKey: 'w2' })
    await validator.call('lakehouse.publish', publishing, { writeKey: 'round 2' })
    await agent('validator', { runId: 'r_000000000000000000000002' }).call('lakehouse.publish', publishing)
    expect(calls).toHaveLength(4)
  })

  test('a reading tool is asked every time', async () => {
    const { start, calls } = world()
    let found = 0
    const agent = (await start({ 'lakehouse.query': () => ({ columns: [], rows: [[++found]] }) }))('validator')
    await agent.call('lakehouse.query', { sql: 'select 1' })
    expect((await agent.call('lakehouse.query', { sql: 'select 1' })).rows).toEqual([[2]])
    expect(calls).toHaveLength(2)
  })

  test('a failure leaves nothing behind: the next call is made', async () => {
    const { start, calls } = world()
    let tries = 0
    const agent = await start({
      'lakehouse.publish': () => {
        if (++tries === 1) throw new Failure('TABLE_CONFLICT', 'Moved.', { owner: 'lake team' })
        return published
      },
    })
    const failed = await agent('validator')
      .call('lakehouse.publish', publishing)
      .catch((error: Failure) => error)
    expect(failed).toMatchObject({ code: 'TABLE_CONFLICT', kind: 'transient', owner: 'lake team' })
    expect(await agent('validator').call('lakehouse.publish', publishing)).toEqual(published)
    expect(calls).toEqual(['lakehouse.publish', 'lakehouse.publish'])
  })

  /** A process that dies between the tool's work and the ledger: `complete` never happens. */
  const crash = async (ledger: Ledger, work: () => Promise<unknown>) => {
    const complete = ledger.complete
    ledger.complete = () => Promise.reject(new Failure('STATE_BUSY', 'kill -9'))
    await work().catch(() => undefined)
    ledger.complete = complete
  }

  test('crash after the change, before the ledger: the history is asked, the change is not made again', async () => {
    const { start, calls, ledger } = world()
    const answers: Answers = {
      'lakehouse.publish': () => published,
      'lakehouse.find_write': input => ({ snapshotId: input.writeKey === 'w1' ? '7' : null, summary: {} }),
    }
    const agent = (await start(answers))('validator')
    await crash(ledger, () => agent.call('lakehouse.publish', publishing))
    const again = { outcome: 'already', snapshotId: '7' }
    expect(await agent.call('lakehouse.publish', publishing)).toEqual(again)
    expect(await agent.call('lakehouse.publish', publishing)).toEqual(again)
    expect(calls).toEqual(['lakehouse.publish', 'lakehouse.find_write'])
  })

  test('crash before the change: the history does not know it, so it is made', async () => {
    const { start, calls, ledger } = world()
    const answers: Answers = {
      'lakehouse.publish': () => published,
      'lakehouse.find_write': () => ({ snapshotId: null, summary: {} }),
    }
    const agent = (await start(answers))('validator')
    await crash(ledger, () => agent.call('lakehouse.publish', publishing))
    expect(await agent.call('lakehouse.publish', publishing)).toEqual(published)
    expect(calls).toEqual(['lakehouse.publish', 'lakehouse.find_write', 'lakehouse.publish'])
  })

  test('crash in a change that its arguments make idempotent: it is asked again', async () => {
    const { start, calls, ledger } = world()
    const agent = (await start({ 'metadata.record_decisions': () => ({ recorded: 1 }) }))('modeling')
    await crash(ledger, () => agent.call('metadata.record_decisions', { decisions: [decision] }))
    await agent.call('metadata.record_decisions', { decisions: [decision] })
    expect(calls).toEqual(['metadata.record_decisions', 'metadata.record_decisions'])
  })

  test('no answer in time: TOOL_TIMEOUT, the intent stays, and the next caller asks what came of it', async () => {
    const { start, calls } = world()
    const answers: Answers = {
      'lakehouse.publish': () => new Promise(() => {}),
      'lakehouse.find_write': () => ({ snapshotId: '9', summary: {} }),
    }
    const agent = (await start(answers, { callTimeoutMs: 20 }))('validator')
    expect(await codeOf(agent.call('lakehouse.publish', publishing))).toBe('TOOL_TIMEOUT')
    expect(await agent.call('lakehouse.publish', publishing)).toEqual({ outcome: 'already', snapshotId: '9' })
    expect(calls).toEqual(['lakehouse.publish', 'lakehouse.find_write'])
  })

  test('a run that is stopped while a tool works: DRAINING, and the tool hears of it', async () => {
    const { start } = world()
    const stop = new AbortController()
    let heard: AbortSignal | undefined
    const answers: Answers = {
      'lakehouse.publish': (_, { signal }) => {
        heard = signal
        stop.abort(new Failure('DRAINING', 'stopping'))
        return new Promise(() => {})
      },
    }
    const agent = (await start(answers))('validator', { signal: stop.signal })
    expect(await codeOf(agent.call('lakehouse.publish', publishing))).toBe('DRAINING')
    expect(heard?.aborted).toBe(true)
  })

  test('a lease that is lost begins no effect', async () => {
    const { start, calls, store } = world()
    const lease = await store.acquireLease('thread', 'me', 60_000)
    await store.releaseLease({ name: 'thread', token: lease!.token })
    const agent = (await start({}))('validator', { guard: { name: 'thread', token: lease!.token } })
    expect(await codeOf(agent.call('lakehouse.publish', publishing))).toBe('LEASE_LOST')
    expect(calls).toEqual([])
  })
})

describe('the door: budgets and spans', () => {
  const granted = (toolCalls: number, wallMs = 60_000) => ({ toolCalls, wallMs, startedAt: '2026-11-24T00:00:00Z' })
  const rows: Answers = { 'lakehouse.query': () => ({ columns: [], rows: [] }) }

  test('the call after the last one granted is BUDGET_EXHAUSTED and is not made, whichever agent asks', async () => {
    const { start, calls } = world()
    const agent = await start(rows)
    await agent('modeling', { budget: granted(2) }).call('lakehouse.query', { sql: 'select 1' })
    await agent('validator', { budget: granted(2) }).call('lakehouse.query', { sql: 'select 2' })
    const third = agent('validator', { budget: granted(2) }).call('lakehouse.query', { sql: 'select 3' })
    expect(await codeOf(third)).toBe('BUDGET_EXHAUSTED')
    expect(calls).toHaveLength(2)
  })

  test('a run without time left calls nothing, and a call gets no more time than the run has', async () => {
    const { start, calls } = world()
    const agent = await start({ 'lakehouse.query': () => new Promise(() => {}) })
    const short = agent('modeling', { budget: granted(9, 25) })
    expect(await codeOf(short.call('lakehouse.query', { sql: 'select 1' }))).toBe('TOOL_TIMEOUT')
    expect(await codeOf(short.call('lakehouse.query', { sql: 'select 1' }))).toBe('BUDGET_EXHAUSTED')
    expect(calls).toHaveLength(1)
  })

  test('what is refused and what the ledger answers costs nothing', async () => {
    const { start, budgets } = world()
    const agent = (await start({ 'lakehouse.publish': () => ({ outcome: 'published', snapshotId: '1' }) }))('validator')
    await codeOf(agent.call('lakehouse.create_table', {} as never))
    for (let times = 0; times < 3; times += 1) await agent.call('lakehouse.publish', publishing)
    expect((await budgets.account(run).left())?.calls).toBe(99)
  })

  test('a span per call with the server below it; arguments only as a digest', async () => {
    const { start, telemetry } = world()
    const agent = (await start(rows))('modeling')
    await agent.call('lakehouse.query', { sql: "select 'top secret'" })
    const [trace] = telemetry.journal.traces()
    const spans = telemetry.journal.spansOf(trace!.traceId)
    expect(spans.map(span => [span.name, span.parentSpanId === spans[0]?.spanId])).toEqual([
      ['execute_tool lakehouse.query', false],
      ['tools/call query', true],
    ])
    expect(JSON.stringify(spans)).not.toContain('top secret')
    expect(spans[0]?.attributes).toMatchObject({
      'gen_ai.tool.name': 'lakehouse.query',
      'gen_ai.agent.name': 'modeling',
      'aiworkflow.tool.arguments.digest': expect.stringMatching(/^sha256:/),
    })
  })

  test('a refused call is in the trace with its code', async () => {
    const { start, telemetry } = world()
    await codeOf((await start(rows))('planner').call('lakehouse.query', { sql: 'select 1' }))
    const [trace] = telemetry.journal.traces()
    const [span] = telemetry.journal.spansOf(trace!.traceId)
    expect(span?.attributes['aiworkflow.failure.code']).toBe('TOOL_FORBIDDEN')
  })
})
