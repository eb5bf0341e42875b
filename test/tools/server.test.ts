import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Failure } from '../../contracts/failures.ts'
import { serverNames, toolServers } from '../../contracts/tools/index.ts'
import { readingTool, writingTool } from '../../contracts/tools/tool.ts'
import { createTelemetry } from '../../src/telemetry/tracer.ts'
import { connectInMemory, NoAnswer } from '../../src/tools/client.ts'
import { serveTools } from '../../src/tools/server.ts'

const contracts = {
  double: readingTool({
    title: 'Double',
    description: 'Twice a number.',
    input: z.strictObject({ number: z.number(), times: z.int().default(2) }),
    output: z.strictObject({ result: z.number() }),
  }),
  break_down: writingTool({
    title: 'Break down',
    description: 'Fails as it is told.',
    input: z.strictObject({ how: z.enum(['failure', 'error', 'answer', 'silence']) }),
    output: z.strictObject({ result: z.number() }),
  }),
}

const heard: AbortSignal[] = []
const serve = (spans?: Parameters<typeof serveTools>[3]) =>
  serveTools(
    'arithmetic',
    contracts,
    {
      double: ({ number, times }) => ({ result: number * times }),
      break_down: ({ how }, { signal }) => {
        if (how === 'failure')
          throw new Failure('TABLE_CONFLICT', 'Somebody was faster.', {
            owner: 'the lake team',
            wayOut: 'Wait a little.',
          })
        if (how === 'error') throw new TypeError('undefined is not a function')
        if (how === 'answer') return { result: 'many' } as unknown as { result: number }
        heard.push(signal)
        return new Promise(resolve => signal.addEventListener('abort', () => resolve({ result: 0 })))
      },
    },
    spans,
  )
const options = { trace: {}, timeoutMs: 5_000 }
const caught = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable('nothing was thrown'),
    (error: unknown) => error,
  )

describe('serving tools', () => {
  test('a call answers structured content with defaults filled in, and the same as text', async () => {
    const client = await connectInMemory(serve())
    expect(await client.call('double', { number: 21 }, options)).toEqual({ result: 42 })
    const [here, there] = InMemoryTransport.createLinkedPair()
    await serve().connect(there)
    const bare = new Client({ name: 'any', version: '1' })
    await bare.connect(here)
    const answer = await bare.callTool({ name: 'double', arguments: { number: 2 } })
    expect(answer.content).toEqual([{ type: 'text', text: '{"result":4}' }])
  })

  test('a Failure arrives as the same Failure, and as a sentence for clients that do not know it', async () => {
    const client = await connectInMemory(serve())
    const failure = await caught(client.call('break_down', { how: 'failure' }, options))
    expect(failure).toBeInstanceOf(Failure)
    expect(failure).toMatchObject({
      code: 'TABLE_CONFLICT',
      kind: 'transient',
      message: 'Somebody was faster.',
      wayOut: 'Wait a little.',
      owner: 'the lake team',
    })
    const [here, there] = InMemoryTransport.createLinkedPair()
    await serve().connect(there)
    const bare = new Client({ name: 'any', version: '1' })
    await bare.connect(here)
    const answer = await bare.callTool({ name: 'break_down', arguments: { how: 'failure' } })
    expect(answer).toMatchObject({
      isError: true,
      content: [{ type: 'text', text: 'TABLE_CONFLICT: Somebody was faster. Wait a little.' }],
    })
  })

  test('what is no Failure arrives as INTERNAL and terminal', async () => {
    const client = await connectInMemory(serve())
    expect(await caught(client.call('break_down', { how: 'error' }, options))).toMatchObject({
      code: 'INTERNAL',
      kind: 'terminal',
      message: 'undefined is not a function',
    })
  })

  test('arguments that do not fit are TOOL_INPUT_INVALID with their places, not their values', async () => {
    const client = await connectInMemory(serve())
    const failure = await caught(client.call('double', { number: 'secret', extra: 1 }, options))
    expect(failure).toMatchObject({ code: 'TOOL_INPUT_INVALID', message: expect.stringMatching(/number: .*extra/) })
    expect((failure as Failure).message).not.toContain('secret')
  })

  test('an answer outside of the output schema is TOOL_OUTPUT_INVALID', async () => {
    const client = await connectInMemory(serve())
    expect(await caught(client.call('break_down', { how: 'answer' }, options))).toMatchObject({
      code: 'TOOL_OUTPUT_INVALID',
    })
  })

  test('a tool that is not there is TOOL_UNKNOWN and names those that are; object members are no tools', async () => {
    const client = await connectInMemory(serve())
    for (const tool of ['triple', 'constructor']) {
      expect(await caught(client.call(tool, {}, options))).toMatchObject({
        code: 'TOOL_UNKNOWN',
        message: expect.stringContaining('double, break_down'),
      })
    }
  })

  test('no answer in time: the outcome is unknown, and the tool hears that nobody waits', async () => {
    const client = await connectInMemory(serve())
    const error = await caught(client.call('break_down', { how: 'silence' }, { ...options, timeoutMs: 20 }))
    expect(error).toBeInstanceOf(NoAnswer)
    expect((error as NoAnswer).failure).toMatchObject({ code: 'TOOL_TIMEOUT', kind: 'transient' })
    expect(heard.at(-1)?.aborted).toBe(true)
  })

  test('a caller that stops: the outcome is unknown, the reason is what the caller gave', async () => {
    const client = await connectInMemory(serve())
    const stop = new AbortController()
    const waiting = caught(client.call('break_down', { how: 'silence' }, { ...options, signal: stop.signal }))
    stop.abort(new Failure('LEASE_LOST', 'Somebody else goes on.'))
    expect(((await waiting) as NoAnswer).failure).toMatchObject({ code: 'LEASE_LOST' })
    const late = caught(client.call('double', { number: 1 }, { ...options, signal: AbortSignal.abort('drain') }))
    expect(((await late) as NoAnswer).failure).toMatchObject({ code: 'DRAINING', kind: 'cancelled' })
  })

  test('a call opens a server span below the context in `_meta`, failed where the tool failed', async () => {
    const telemetry = createTelemetry({ journalFile: ':memory:', serviceName: 'test' })
    const client = await connectInMemory(serve(telemetry))
    const traceparent = '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01'
    await client.call('double', { number: 1 }, { ...options, trace: { traceparent } })
    await caught(client.call('break_down', { how: 'failure' }, { ...options, trace: { traceparent } }))
    const spans = telemetry.journal.spansOf('0123456789abcdef0123456789abcdef')
    expect(spans.map(span => [span.name, span.kind, span.parentSpanId])).toEqual([
      ['tools/call double', 'server', '0123456789abcdef'],
      ['tools/call break_down', 'server', '0123456789abcdef'],
    ])
    expect(spans[0]?.attributes).toMatchObject({ 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'double' })
    expect(spans[1]?.attributes).toMatchObject({ 'aiworkflow.failure.code': 'TABLE_CONFLICT' })
    await telemetry.shutdown()
  })

  test.each(serverNames)(
    'every tool of %s is listed with schemas that a validator takes, and its annotations',
    async name => {
      const contractsOf = toolServers[name]
      const nobody = Object.fromEntries(Object.keys(contractsOf).map(tool => [tool, () => expect.unreachable()]))
      const [here, there] = InMemoryTransport.createLinkedPair()
      await serveTools(name, contractsOf, nobody as never).connect(there)
      const client = new Client({ name: 'any', version: '1' })
      await client.connect(here)
      const { tools } = await client.listTools()
      expect(tools.map(tool => tool.name)).toEqual(Object.keys(contractsOf))
      const ajv = new Ajv({ strict: false })
      addFormats.default(ajv)
      for (const tool of tools) {
        expect(tool.inputSchema.type).toBe('object')
        ajv.compile(tool.inputSchema)
        ajv.compile(tool.outputSchema!)
        const { annotations } = contractsOf[tool.name as keyof typeof contractsOf] as { annotations: object }
        expect(tool.annotations).toMatchObject(annotations)
      }
    },
  )
})
