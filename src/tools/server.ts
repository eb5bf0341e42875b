/**
 * Serving tools over MCP: the one module that knows the server side of the SDK, so that a newer protocol revision is one change.
 *
 * A tool is a contract (`contracts/tools`) and a handler. Of each call this module makes: parsed input, a server span below the
 * caller's context, parsed output, and of anything thrown a result that carries the Failure (`wire.ts`). It keeps no state.
 *
 * 1. A handler sees only input that its contract accepts; a client sees only output that its contract allows.
 * 2. No exception leaves a call: what is thrown is a result, so the connection outlives every fault of a tool.
 * 3. A connection is one client's. Handlers are shared by all connections and may run at the same time.
 */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  type CallToolRequest,
  CallToolRequestSchema,
  type CallToolResult,
  ListToolsRequestSchema,
  type ServerCapabilities,
  type ServerNotification,
  type ServerRequest,
  type Tool,
} from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'
import { Failure } from '../../contracts/failures.ts'
import type { ToolContract } from '../../contracts/tools/tool.ts'
import { toolServerSpan } from '../telemetry/shapes.ts'
import type { Telemetry } from '../telemetry/tracer.ts'
import { failureResult, successResult } from './wire.ts'

export type ToolContracts = Readonly<Record<string, ToolContract>>

/** What a handler knows of the call besides its input. */
export interface ToolCall {
  /** Aborted when the caller gave up or went away. */
  readonly signal: AbortSignal
}

export type ToolHandlers<C extends ToolContracts> = {
  readonly [T in keyof C]: (
    input: z.output<C[T]['input']>,
    call: ToolCall,
  ) => z.input<C[T]['output']> | Promise<z.input<C[T]['output']>>
}

/** What opens spans; a whole `Telemetry` will do, and without one nothing is recorded. */
export type Spans = Pick<Telemetry, 'withSpan'>

/** A set of tools that any number of clients can be connected to. */
export interface ToolServer {
  readonly name: string
  /** Its tools ask the client something in the middle of a call, so that over HTTP a session joins the answer to the call. */
  readonly asksBack: boolean
  /** Serves one client until either side closes. Without a caller, whoever is at the other end may call every tool. */
  connect(transport: Transport, caller?: Caller): Promise<Connection>
}

/** Who is at the other end of a connection, and which tools of this server are theirs. */
export interface Caller {
  readonly name: string
  may(tool: string): boolean
}

export interface Connection {
  /** Settles when the client is gone. */
  readonly closed: Promise<void>
  /** Settles when no call of this connection is running. */
  settled(): Promise<void>
  close(): Promise<void>
}

export interface ServeOptions {
  /** How often a caller that asked for it hears that its call is still running. */
  readonly progressEveryMs?: number
  readonly beyond?: Beyond
}

/** What a server offers besides tools whose answers are data of a contract. */
export interface Beyond {
  readonly asksBack?: boolean
  readonly tools?: Readonly<Record<string, PlainTool>>
  /** More of the protocol than tools: adds handlers to the server of every connection. */
  readonly configure?: (server: Server) => void
  readonly capabilities?: ServerCapabilities
}

/** A tool that answers in the protocol's own shapes, with a picture say. */
export interface PlainTool {
  readonly listing: Omit<Tool, 'name'>
  call(args: Readonly<Record<string, unknown>>, extra: Extra): CallToolResult | Promise<CallToolResult>
}

const defaultProgressEveryMs = 5_000

/** @param name the server's name, the part before the dot of a tool id. */
export function serveTools<C extends ToolContracts>(
  name: string,
  contracts: C,
  handlers: ToolHandlers<C>,
  spans?: Spans,
  serving: ServeOptions = {},
): ToolServer {
  const { progressEveryMs = defaultProgressEveryMs, beyond = {} } = serving
  const plain = beyond.tools ?? {}
  let listed: Tool[] | undefined
  const list = (caller: Caller | undefined) => {
    listed ??= [
      ...Object.entries(contracts).map(([tool, contract]) => listing(tool, contract)),
      ...Object.entries(plain).map(([tool, { listing }]) => ({ ...listing, name: tool })),
    ]
    return { tools: caller ? listed.filter(tool => caller.may(tool.name)) : listed }
  }

  const answer = async (tool: string, args: unknown, call: ToolCall): Promise<CallToolResult> => {
    const contract = Object.hasOwn(contracts, tool) ? contracts[tool] : undefined
    if (!contract) {
      const known = [...Object.keys(contracts), ...Object.keys(plain)]
      throw new Failure('TOOL_UNKNOWN', `${name} has no tool ${tool}: it has ${known.join(', ')}.`)
    }
    const handler = handlers[tool] as (input: unknown, call: ToolCall) => unknown
    const input = parseWith(contract.input, args, 'TOOL_INPUT_INVALID', `${name}.${tool} cannot take its arguments`)
    const output = await handler(input, call)
    return successResult(parseWith(contract.output, output, 'TOOL_OUTPUT_INVALID', `${name}.${tool} answered wrongly`))
  }

  const connect = async (transport: Transport, caller?: Caller): Promise<Connection> => {
    const running = new Set<Promise<unknown>>()
    // The low-level server, since McpServer answers arguments that do not fit with a bare text: the Failure would be lost.
    const server = new Server(
      { name: `aiworkflow-${name}`, version: '1' },
      { capabilities: { tools: {}, ...beyond.capabilities } },
    )
    beyond.configure?.(server)
    const callTool = async (params: CallToolRequest['params'], extra: Extra): Promise<CallToolResult> => {
      const { name: tool, arguments: args = {}, _meta = {} } = params
      const work = async () => {
        const isPlain = Object.hasOwn(plain, tool)
        if (caller && (isPlain || Object.hasOwn(contracts, tool)) && !caller.may(tool))
          throw new Failure('TOOL_FORBIDDEN', `${caller.name} may not call ${name}.${tool}.`)
        if (isPlain) return plain[tool]!.call(args, extra)
        return answer(tool, args, { signal: extra.signal })
      }
      const stopTelling = tellProgress(extra, _meta.progressToken, progressEveryMs)
      try {
        if (!spans) return await work()
        const shape = { tool, server: name, requestId: String(extra.requestId), ...(caller && { caller: caller.name }) }
        const [span, options] = toolServerSpan(shape)
        return await spans.withSpan(span, { ...options, parent: _meta }, work)
      } catch (error) {
        return failureResult(error)
      } finally {
        stopTelling()
      }
    }
    server.setRequestHandler(ListToolsRequestSchema, () => list(caller))
    server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => {
      const call = callTool(params, extra)
      running.add(call)
      return call.finally(() => running.delete(call))
    })
    const closed = new Promise<void>(resolve => {
      server.onclose = resolve
    })
    await server.connect(transport)
    return { closed, settled: async () => void (await Promise.allSettled(running)), close: () => server.close() }
  }

  return { name, asksBack: beyond.asksBack ?? false, connect }
}

export type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>

/** Tells a caller that wants to know, from time to time, that its call is still running; returns how to stop. */
function tellProgress(extra: Extra, progressToken: string | number | undefined, everyMs: number): () => void {
  if (progressToken === undefined) return () => {}
  let progress = 0
  const timer = setInterval(() => {
    progress += 1
    // Whoever has gone away need not hear of it.
    void extra
      .sendNotification({ method: 'notifications/progress', params: { progressToken, progress } })
      .catch(() => undefined)
  }, everyMs)
  return () => clearInterval(timer)
}

/** The other end is whoever started this process: stdin and stdout. */
export const stdioTransport = (): Transport => new StdioServerTransport()

/** @throws Failure with the places that do not fit, never with the values at them. */
export function parseWith<S extends z.ZodType>(
  schema: S,
  value: unknown,
  code: 'TOOL_INPUT_INVALID' | 'TOOL_OUTPUT_INVALID',
  what: string,
): z.output<S> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const places = parsed.error.issues.slice(0, 5).map(issue => `${issue.path.join('.') || 'it'}: ${issue.message}`)
  throw new Failure(code, `${what}: ${places.join('; ')}.`)
}

function listing(name: string, contract: ToolContract): Tool {
  // draft-07 is what clients of every released revision of the protocol can check.
  const schemaOf = (schema: z.ZodType, io: 'input' | 'output') => z.toJSONSchema(schema, { io, target: 'draft-7' })
  return {
    name,
    title: contract.title,
    description: contract.description,
    inputSchema: schemaOf(contract.input, 'input') as Tool['inputSchema'],
    outputSchema: schemaOf(contract.output, 'output') as NonNullable<Tool['outputSchema']>,
    annotations: { title: contract.title, ...contract.annotations },
  }
}
