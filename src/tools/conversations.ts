/**
 * Sessions of MCP's streamable HTTP (revision 2025-11-25, section Session Management), for servers whose tools ask the client
 * something in the middle of a call: the client's answer comes by another request, which only a session joins to the call.
 *
 * Owns one connection per session, in this process: a session does not outlive it, and a client that names one that is gone is told
 * 404 and begins another. Invariants: a session is its holder's, for whoever else it does not exist; one that nobody has used for
 * `idleMs` ends; a holder who opens more than `mostPerHolder` loses the one that was used longest ago.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Caller, Connection, ToolServer } from './server.ts'

export interface Conversations {
  /** Answers a request of a holder, in the session that it names or in a new one. False where there is no such session. */
  answer(request: IncomingMessage, response: ServerResponse, caller: Caller): Promise<boolean>
  close(): Promise<void>
}

interface Conversation {
  readonly holder: string
  readonly transport: StreamableHTTPServerTransport
  readonly connection: Connection
  open: number
  idle?: NodeJS.Timeout | undefined
}

type TransportOptions = ConstructorParameters<typeof StreamableHTTPServerTransport>[0]

const defaultIdleMs = 5 * 60_000
const mostPerHolder = 64

export function conversations(
  server: ToolServer,
  options: TransportOptions,
  { idleMs = defaultIdleMs }: { readonly idleMs?: number | undefined } = {},
): Conversations {
  /** By session id, the one used longest ago first. */
  const known = new Map<string, Conversation>()

  const end = async (id: string): Promise<void> => {
    const conversation = known.get(id)
    known.delete(id)
    clearTimeout(conversation?.idle)
    await conversation?.connection.close()
  }

  const begin = async (caller: Caller): Promise<Conversation> => {
    const transport = new StreamableHTTPServerTransport({
      ...options,
      sessionIdGenerator: randomUUID,
      onsessioninitialized: id => {
        known.set(id, conversation)
        const own = [...known].filter(([, { holder }]) => holder === caller.name)
        if (own.length > mostPerHolder) void end(own[0]![0])
      },
      onsessionclosed: id => end(id),
    })
    const connection = await server.connect(transport as Parameters<ToolServer['connect']>[0], caller)
    const conversation: Conversation = { holder: caller.name, transport, connection, open: 0 }
    return conversation
  }

  const use = async (conversation: Conversation, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    conversation.open += 1
    clearTimeout(conversation.idle)
    response.once('close', () => {
      conversation.open -= 1
      const id = conversation.transport.sessionId
      if (conversation.open > 0) return
      // A first request that was no greeting began nothing.
      if (id === undefined) return void conversation.connection.close()
      if (known.has(id)) conversation.idle = setTimeout(() => void end(id), idleMs).unref()
    })
    await conversation.transport.handleRequest(request, response)
  }

  return {
    answer: async (request, response, caller) => {
      const id = request.headers['mcp-session-id']
      if (id === undefined) {
        await use(await begin(caller), request, response)
        return true
      }
      const conversation = typeof id === 'string' ? known.get(id) : undefined
      if (conversation?.holder !== caller.name) return false
      known.delete(id as string)
      known.set(id as string, conversation)
      await use(conversation, request, response)
      return true
    },
    close: async () => {
      await Promise.all([...known.keys()].map(end))
    },
  }
}
