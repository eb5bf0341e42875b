/** The client side of MCP: the one module that knows it. A connection to one server, used by the host for every call. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { type CallToolResult, ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js'
import { Failure } from '../../contracts/failures.ts'
import type { TraceHeaders } from '../telemetry/context.ts'
import type { ToolServer } from './server.ts'
import { readResult } from './wire.ts'

export interface CallOptions {
  /** The trace context the tool's span becomes a child of. */
  readonly trace: TraceHeaders
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

export interface ToolClient {
  /**
   * The tool's output, not yet parsed. What the tool threw is thrown as the same Failure.
   * @throws NoAnswer when the outcome is not known: no answer in time, the caller stopped waiting, the server went away.
   */
  call(tool: string, input: Record<string, unknown>, options: CallOptions): Promise<unknown>
  close(): Promise<void>
}

/** The tool may or may not have done its work: nobody said. `failure` is what the caller is told. */
export class NoAnswer extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.message, { cause: failure })
    this.name = 'NoAnswer'
    this.failure = failure
  }
}

/** Connects to a server in this process. Values are handed over as they are, so both sides treat them as read-only. */
export async function connectInMemory(server: ToolServer): Promise<ToolClient> {
  const [here, there] = InMemoryTransport.createLinkedPair()
  await server.connect(there)
  return connectClient(here)
}

export async function connectClient(transport: Transport): Promise<ToolClient> {
  const client = new Client({ name: 'aiworkflow', version: '1' })
  await client.connect(transport)

  const call = async (tool: string, input: Record<string, unknown>, options: CallOptions) => {
    const { signal, timeoutMs } = options
    // One controller per call: a listener left on a run's signal by every call would grow with the run.
    const waiting = new AbortController()
    const stop = () => waiting.abort(signal?.reason)
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
    try {
      const request = { name: tool, arguments: input, _meta: { ...options.trace } }
      const result = await client.callTool(request, undefined, { signal: waiting.signal, timeout: timeoutMs })
      return readResult(tool, result as CallToolResult)
    } catch (error) {
      if (signal?.aborted) throw new NoAnswer(stopped(tool, signal.reason))
      if (error instanceof McpError) throw new NoAnswer(unanswered(tool, error, timeoutMs))
      throw error
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  return { call, close: () => client.close() }
}

const stopped = (tool: string, reason: unknown): Failure =>
  reason instanceof Failure
    ? reason
    : new Failure('DRAINING', `Nobody waits for ${tool} any longer: the run was asked to stop.`, { cause: reason })

function unanswered(tool: string, error: McpError, timeoutMs: number): Failure {
  if (error.code === ErrorCode.RequestTimeout)
    return new Failure('TOOL_TIMEOUT', `${tool} gave no answer within ${timeoutMs} ms.`, { cause: error })
  if (error.code === ErrorCode.ConnectionClosed)
    return new Failure('TOOL_TIMEOUT', `The server of ${tool} went away before it answered.`, { cause: error })
  return new Failure('TOOL_OUTPUT_INVALID', `${tool} answered outside of the protocol: ${error.message}`, {
    cause: error,
  })
}
