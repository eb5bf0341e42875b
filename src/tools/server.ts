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
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  CallToolRequestSchema,
  type CallToolResult,
  ListToolsRequestSchema,
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
  /** Serves one client until either side closes. */
  connect(transport: Transport): Promise<Connection>
}

export interface Connection {
  /** Settles when the client is gone. */
  readonly closed: Promise<void>
  close(): Promise<void>
}

/** @param name the server's name, the part before the dot of a tool id. */
export function serveTools<C extends ToolContracts>(
  name: string,
  contracts: C,
  handlers: ToolHandlers<C>,
  spans?: Spans,
): ToolServer {
  let listed: Tool[] | undefined
  const list = () => {
    listed ??= Object.entries(contracts).map(([tool, contract]) => listing(tool, contract))
    return { tools: listed }
  }

  const answer = async (tool: string, args: unknown, call: ToolCall): Promise<CallToolResult> => {
    const contract = Object.hasOwn(contracts, tool) ? contracts[tool] : undefined
    if (!contract)
      throw new Failure('TOOL_UNKNOWN', `${name} has no tool ${tool}: it has ${Object.keys(contracts).join(', ')}.`)
    const handler = handlers[tool] as (input: unknown, call: ToolCall) => unknown
    const input = parseWith(contract.input, args, 'TOOL_INPUT_INVALID', `${name}.${tool} cannot take its arguments`)
    const output = await handler(input, call)
    return successResult(parseWith(contract.output, output, 'TOOL_OUTPUT_INVALID', `${name}.${tool} answered wrongly`))
  }

  const connect = async (transport: Transport): Promise<Connection> => {
    // The low-level server, since McpServer answers arguments that do not fit with a bare text: the Failure would be lost.
    const server = new Server({ name: `aiworkflow-${name}`, version: '1' }, { capabilities: { tools: {} } })
    server.setRequestHandler(ListToolsRequestSchema, list)
    server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
      const { name: tool, arguments: args = {}, _meta = {} } = params
      const work = () => answer(tool, args, { signal: extra.signal })
      try {
        if (!spans) return await work()
        const [span, options] = toolServerSpan({ tool, server: name, requestId: String(extra.requestId) })
        return await spans.withSpan(span, { ...options, parent: _meta }, work)
      } catch (error) {
        return failureResult(error)
      }
    })
    const closed = new Promise<void>(resolve => {
      server.onclose = resolve
    })
    await server.connect(transport)
    return { closed, close: () => server.close() }
  }

  return { name, connect }
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
