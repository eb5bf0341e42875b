/** The client side of MCP: the one module that knows it. A connection to one server, used by the host for every call. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { type CallToolResult, ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js'
import { Failure } from '../../contracts/failures.ts'
import type { TraceHeaders } from '../telemetry/context.ts'
import { toolsPath } from './http.ts'
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

/** A tool server in another process, as `aiworkflow tools NAME --http PORT` starts it. */
export interface RemoteToolServer {
  readonly name: string
  readonly url: string
  /** Asked for with every request, so that one that was renewed is used. */
  readonly token: () => string | Promise<string>
}

/** A call in which no word comes for so long, not even that it is still running, is over. */
const defaultSilenceMs = 30_000

/** The call that a request of the transport belongs to. */
const underWay = new AsyncLocalStorage<{ lost(why: string): void }>()

/**
 * Connects when the first call is made, and again when a connection could not be made. A call that the server did not take is
 * TOOL_UNREACHABLE; one that it may have taken is {@link NoAnswer} of the same.
 */
export function connectOverHttp(
  { name, url, token }: RemoteToolServer,
  options: { readonly silenceMs?: number } = {},
): ToolClient {
  let connected: Promise<ToolClient> | undefined
  const connect = async (): Promise<ToolClient> => {
    const transport = new StreamableHTTPClientTransport(new URL(toolsPath, url), {
      fetch: async (address, init) => {
        const headers = new Headers(init?.headers)
        headers.set('authorization', `Bearer ${await token()}`)
        return watchedFetch(address, { ...init, headers })
      },
    })
    return connectClient(transport as Transport, { silenceMs: options.silenceMs ?? defaultSilenceMs })
  }
  return {
    call: async (tool, input, call) => {
      try {
        connected ??= connect()
        const client = await connected.catch(error => {
          connected = undefined
          throw error instanceof NoAnswer ? error : unreachable(name, url, error, 'not begun')
        })
        return await client.call(tool, input, call)
      } catch (error) {
        if (error instanceof Failure || error instanceof NoAnswer) throw error
        throw unreachable(name, url, error, 'under way')
      }
    },
    close: async () => {
      await (await connected?.catch(() => undefined))?.close()
    },
  }
}

/** An answer that ends before its call is answered is news that the transport does not bring. */
async function watchedFetch(address: string | URL, init: RequestInit): Promise<Response> {
  const call = underWay.getStore()
  const response = await fetch(address, init)
  if (call === undefined || !response.body || !/event-stream/.test(response.headers.get('content-type') ?? ''))
    return response
  const reader = response.body.getReader()
  const watched = new ReadableStream<Uint8Array>({
    pull: async controller => {
      try {
        const { done, value } = await reader.read()
        if (!done) return controller.enqueue(value)
        call.lost('it ended without an answer')
        controller.close()
      } catch (error) {
        call.lost(reasonOf(error))
        controller.error(error)
      }
    },
    cancel: reason => reader.cancel(reason),
  })
  return new Response(watched, response)
}

/** What a call that did not get through comes to. */
function unreachable(name: string, url: string, error: unknown, stage: 'not begun' | 'under way'): Failure | NoAnswer {
  const place = `${name} tools at ${url}`
  if (error instanceof StreamableHTTPError && (error.code === 401 || error.code === 403))
    return new Failure('TOOL_FORBIDDEN', `The ${place} refuse this token.`, {
      cause: error,
      wayOut:
        'Give AIWORKFLOW_TOOLS_TOKEN a token that `aiworkflow tools token HOLDER DIR` made with the secret of that server.',
    })
  const failure = new Failure('TOOL_UNREACHABLE', `The ${place} do not answer: ${reasonOf(error)}.`, { cause: error })
  return stage === 'not begun' || refusedToConnect(error) ? failure : new NoAnswer(failure)
}

const refusedToConnect = (error: unknown): boolean =>
  error instanceof Error && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED'

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message || String(error.cause) : error.message
}

/** Connects to a server in this process. Values are handed over as they are, so both sides treat them as read-only. */
export async function connectInMemory(server: ToolServer): Promise<ToolClient> {
  const [here, there] = InMemoryTransport.createLinkedPair()
  await server.connect(there)
  return connectClient(here)
}

/** `silenceMs`: asks to hear while a call is running, and gives up when nothing is heard for so long. */
export async function connectClient(
  transport: Transport,
  options: { readonly silenceMs?: number } = {},
): Promise<ToolClient> {
  const client = new Client({ name: 'aiworkflow', version: '1' })
  await client.connect(transport)

  const call = async (tool: string, input: Record<string, unknown>, { signal, timeoutMs, trace }: CallOptions) => {
    // One controller per call: a listener left on a run's signal by every call would grow with the run.
    const waiting = new AbortController()
    const stop = () => waiting.abort(signal?.reason)
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
    let lost: string | undefined
    let answered = false
    const line = {
      lost: (why: string) => {
        // What has come in is read before the end of the line counts.
        setTimeout(() => {
          if (answered) return
          lost = why
          waiting.abort(new Error(why))
        }, settleMs)
      },
    }
    const patience =
      options.silenceMs === undefined || options.silenceMs >= timeoutMs
        ? { timeout: timeoutMs }
        : {
            timeout: options.silenceMs,
            maxTotalTimeout: timeoutMs,
            resetTimeoutOnProgress: true,
            onprogress: () => undefined,
          }
    try {
      const request = { name: tool, arguments: input, _meta: { ...trace } }
      const result = await underWay.run(line, () =>
        client.callTool(request, undefined, { signal: waiting.signal, ...patience }),
      )
      return readResult(tool, result as CallToolResult)
    } catch (error) {
      if (signal?.aborted) throw new NoAnswer(stopped(tool, signal.reason))
      if (lost !== undefined)
        throw new NoAnswer(
          new Failure('TOOL_UNREACHABLE', `The connection was lost while ${tool} was running: ${lost}.`),
        )
      if (error instanceof McpError) throw new NoAnswer(unanswered(tool, error, timeoutMs))
      throw error
    } finally {
      answered = true
      signal?.removeEventListener('abort', stop)
    }
  }

  return { call, close: () => client.close() }
}

const settleMs = 50

const stopped = (tool: string, reason: unknown): Failure =>
  reason instanceof Failure
    ? reason
    : new Failure('DRAINING', `Nobody waits for ${tool} any longer: the run was asked to stop.`, { cause: reason })

/** No answer in the time a call was given, which is over. */
export class TimeUp extends Failure {
  readonly timeoutMs: number

  constructor(tool: string, timeoutMs: number, cause: unknown) {
    super('TOOL_TIMEOUT', `${tool} gave no answer within ${timeoutMs} ms.`, { cause })
    this.timeoutMs = timeoutMs
  }
}

function unanswered(tool: string, error: McpError, timeoutMs: number): Failure {
  if (error.code === ErrorCode.RequestTimeout) return new TimeUp(tool, timeoutMs, error)
  if (error.code === ErrorCode.ConnectionClosed)
    return new Failure('TOOL_TIMEOUT', `The server of ${tool} went away before it answered.`, { cause: error })
  return new Failure('TOOL_OUTPUT_INVALID', `${tool} answered outside of the protocol: ${error.message}`, {
    cause: error,
  })
}
