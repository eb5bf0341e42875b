/** MCP servers of a user's own, by stdio or streamable HTTP: what they list is what can be called, as they describe it. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'
import { Failure } from '../../contracts/failures.ts'
import { serverNames } from '../../contracts/tools/index.ts'
import type { CallOptions } from './client.ts'
import { NoAnswer } from './client.ts'
import type { ConnectedServer } from './host.ts'
import type { ToolContracts } from './server.ts'

export type ForeignServer =
  | {
      readonly name: string
      readonly command: string
      readonly arguments?: readonly string[]
      /** All of its environment but what every program gets. */
      readonly environment?: Readonly<Record<string, string>>
    }
  | { readonly name: string; readonly url: string; readonly token?: string }

export interface ConnectedForeign extends ConnectedServer {
  /** JSON Schema of each tool's arguments. */
  readonly parameters: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** Its own arguments are checked by the server; its output is whatever it says. */
const anything = z.looseObject({})
const taken = new Set<string>([...serverNames, 'skills'])

/** @throws Failure TOOL_UNREACHABLE; SETTING_INVALID for a name that is taken or is none. */
export async function connectForeign(server: ForeignServer): Promise<ConnectedForeign> {
  const { name } = server
  if (!/^[a-z][a-z0-9_-]{0,40}$/.test(name) || taken.has(name))
    throw new Failure('SETTING_INVALID', `A server cannot be called ${JSON.stringify(name)}.`, {
      wayOut: `Use small letters, digits, "_" and "-", and none of ${[...taken].join(', ')}.`,
    })
  const client = new Client({ name: 'aiworkflow', version: '1' })
  try {
    await client.connect(transportTo(server))
    const { tools } = await client.listTools()
    const contracts: ToolContracts = Object.fromEntries(
      tools.map(({ name: tool, title, description = '', annotations }) => [
        tool,
        {
          title: title ?? annotations?.title ?? tool,
          description,
          input: anything,
          output: anything,
          annotations: {
            // What a server does not say is taken for the worst.
            readOnlyHint: annotations?.readOnlyHint ?? false,
            destructiveHint: annotations?.destructiveHint ?? true,
            idempotentHint: annotations?.idempotentHint ?? false,
            openWorldHint: annotations?.openWorldHint ?? true,
          },
        },
      ]),
    )
    const parameters = Object.fromEntries(tools.map(({ name: tool, inputSchema }) => [tool, inputSchema]))
    return { name, contracts, parameters, client: { call: caller(client, name), close: () => client.close() } }
  } catch (error) {
    await client.close().catch(() => undefined)
    throw new Failure('TOOL_UNREACHABLE', `The server ${name} cannot be connected to: ${(error as Error).message}.`, {
      cause: error,
    })
  }
}

function transportTo(server: ForeignServer): Transport {
  if ('command' in server) {
    const { command, arguments: args = [], environment } = server
    return new StdioClientTransport({ command, args: [...args], ...(environment && { env: { ...environment } }) })
  }
  const { url, token } = server
  const requestInit = token === undefined ? {} : { requestInit: { headers: { authorization: `Bearer ${token}` } } }
  return new StreamableHTTPClientTransport(new URL(url), requestInit) as Transport
}

const caller =
  (client: Client, name: string) =>
  async (tool: string, input: Record<string, unknown>, { trace, timeoutMs, signal }: CallOptions): Promise<unknown> => {
    const request = { name: tool, arguments: input, _meta: { ...trace } }
    const result = await client
      .callTool(request, undefined, { timeout: timeoutMs, ...(signal && { signal }) })
      .catch(error => {
        throw new NoAnswer(new Failure('TOOL_TIMEOUT', `${name}.${tool} gave no answer: ${(error as Error).message}.`))
      })
    return outputOf(`${name}.${tool}`, result as CallToolResult)
  }

function outputOf(tool: string, { isError, structuredContent, content }: CallToolResult): unknown {
  const text = content.map(part => (part.type === 'text' ? part.text : `[${part.type}]`)).join('\n')
  if (isError) throw new Failure('TOOL_OUTPUT_INVALID', `${tool} failed: ${text}`)
  return structuredContent ?? { text }
}
