/**
 * One tool server over MCP's streamable HTTP (revision 2025-11-25, section Transports), for agents in other processes.
 *
 * Owns a listening socket. It keeps no session, but for a server whose tools ask their client back (`conversations.ts`): every POST
 * is answered by a connection of its own, so a server that was restarted serves a client that knew the one before. Invariants:
 *  1. Nothing but `/healthz` is answered without a token of this workspace, and a token opens its holder's tools only.
 *  2. A request whose `Host` or `Origin` names another place is refused, so that no page in a browser reaches a server on loopback
 *     by a name of its own (DNS rebinding).
 *  3. A call whose client goes away goes on to its end: what became of it is asked by its write key.
 *
 * How it fails: a request that is no call is answered with a status and a sentence; closing waits for running calls, up to a limit.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { conversations } from './conversations.ts'
import { listenOn } from './listen.ts'
import type { Caller, ToolServer } from './server.ts'
import { holderOf, mayCall } from './tokens.ts'

export interface HttpOptions {
  /** Where to listen: loopback, unless told otherwise. */
  readonly host?: string | undefined
  /** 0 takes a free one. */
  readonly port: number
  /** What tokens are checked by, see tokens.ts. */
  readonly secret: string
  /** Where tools ask their client back: how long a session that nobody uses is kept. */
  readonly sessionIdleMs?: number | undefined
}

export interface HttpServer {
  readonly port: number
  /** Stops listening, waits for running calls for so long, then ends them. */
  close(drainTimeoutMs: number): Promise<void>
}

export const healthPath = '/healthz'
export const toolsPath = '/mcp'
const loopback = '127.0.0.1'
/** Arguments are small: data travels by reference. */
const mostRequestBytes = 4 << 20
const keepAliveMs = 5_000

/** @throws Failure SETTING_INVALID where the place is taken or is none of this machine's. */
export async function serveToolsOverHttp(server: ToolServer, options: HttpOptions): Promise<HttpServer> {
  const { host = loopback, port, secret } = options
  const names = new Set(['localhost', loopback, '[::1]', host])
  const transportOptions = { keepAliveMs, maxRequestBodySize: mostRequestBytes }
  const sessions = server.asksBack
    ? conversations(server, transportOptions, { idleMs: options.sessionIdleMs })
    : undefined
  let open = 0
  let idle: () => void = () => {}

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? '/', 'http://host').pathname
    // A machine that listens for others is called by names that it cannot know; who listens on loopback knows all of them.
    const isLocal = isLoopback(host)
    if (isLocal && !names.has(nameOf(request.headers.host)))
      return refuse(response, 403, 'This host is not the one that was called.')
    const { origin } = request.headers
    if (origin !== undefined && !names.has(originName(origin)))
      return refuse(response, 403, 'Pages of other places may not call tools.')
    if (path === healthPath) return say(response, 200, 'ok\n')
    if (path !== toolsPath) return refuse(response, 404, `Tools are at ${toolsPath}.`)
    const [scheme = '', token = ''] = (request.headers.authorization ?? '').split(' ')
    const holder = scheme.toLowerCase() === 'bearer' ? holderOf(token, secret) : undefined
    if (holder === undefined) {
      response.setHeader('WWW-Authenticate', 'Bearer realm="aiworkflow"')
      return refuse(response, 401, 'A token of this workspace is needed: aiworkflow tools token HOLDER DIR')
    }
    const caller: Caller = { name: holder, may: tool => mayCall(holder, `${server.name}.${tool}`) }
    if (sessions) {
      if (await sessions.answer(request, response, caller)) return
      return refuse(response, 404, 'There is no such session, or no more: begin another.')
    }
    if (request.method !== 'POST') {
      response.setHeader('Allow', 'POST')
      return refuse(response, 405, 'There are no sessions to listen to or to end: POST each call.')
    }
    const transport = new StreamableHTTPServerTransport(transportOptions)
    const connection = await server.connect(transport as Parameters<ToolServer['connect']>[0], caller)
    response.once('close', () => void connection.settled().then(() => connection.close()))
    await transport.handleRequest(request, response)
  }

  const http = createServer((request, response) => {
    open += 1
    response.once('close', () => {
      open -= 1
      if (open === 0) idle()
    })
    answer(request, response).catch(error => {
      if (response.headersSent) response.destroy()
      else
        refuse(response, 500, `This is a fault of the tool server: ${error instanceof Error ? error.name : 'unknown'}.`)
    })
  })
  http.requestTimeout = 30_000
  http.headersTimeout = 10_000
  const listening = await listenOn(http, port, host, '--http')
  return {
    port: listening,
    close: async drainTimeoutMs => {
      const closed = new Promise<void>(resolve => http.close(() => resolve()))
      http.closeIdleConnections()
      if (open > 0) {
        const late = setTimeout(() => idle(), drainTimeoutMs)
        await new Promise<void>(resolve => {
          idle = resolve
        })
        clearTimeout(late)
      }
      await sessions?.close()
      http.closeAllConnections()
      await closed
    },
  }
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.setHeader('Content-Type', 'application/json')
  // As the protocol words an error that belongs to no request.
  say(response, status, JSON.stringify({ jsonrpc: '2.0', error: { code: -32_000, message }, id: null }))
}

function say(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status
  response.end(text)
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\./.test(host)

/** A host without its port. */
const nameOf = (host: string | undefined): string => (host ?? '').replace(/:\d+$/, '').toLowerCase()

const originName = (origin: string): string => (URL.canParse(origin) ? new URL(origin).hostname.toLowerCase() : '')
