/**
 * A server of language models on loopback that speaks OpenAI's chat completions as far as clients use them: answers and tool calls from
 * a script, whole or streamed, and everything that goes wrong with a provider.
 *
 * Owns a listening socket and the list of what it was asked. `paid` counts what a provider would have billed: every answer that was
 * begun, whether or not the client got it.
 */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

export interface ChatBody {
  readonly model: string
  readonly messages: readonly {
    readonly role: string
    readonly content: string | null
    readonly tool_calls?: readonly { readonly id: string; readonly function: { name: string; arguments: string } }[]
    readonly tool_call_id?: string
  }[]
  readonly tools?: readonly { readonly function: { readonly name: string; readonly parameters: unknown } }[]
  readonly response_format?: unknown
  readonly max_tokens?: number
  readonly max_completion_tokens?: number
  readonly stream?: boolean
}

export interface Reply {
  readonly content?: string
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: unknown }[]
  readonly finish?: string
  /** Refuses instead: 429, 500. */
  readonly status?: number
  readonly retryAfterS?: number
  readonly delayMs?: number
  /** The line is cut after the answer was begun. */
  readonly cut?: boolean
  /** No JSON at all. */
  readonly garbage?: boolean
}

export type Script = (body: ChatBody, call: number) => Reply | Promise<Reply>

export interface ModelServer {
  /** What `model` in the settings names. */
  readonly url: string
  /** Every request, as it came. */
  readonly asked: readonly ChatBody[]
  readonly paid: number
  /** The headers of every request: what a key must not be found elsewhere by. */
  readonly authorizations: readonly (string | undefined)[]
  script: Script
  /** Answers a call with a key it has seen as it did before, and bills it once. */
  idempotent: boolean
  close(): Promise<void>
}

/** About what a tokenizer would count, so that usage is not always zero. */
export const tokens = (text: string): number => Math.ceil(text.length / 4)

export async function startModelServer(script: Script): Promise<ModelServer> {
  const asked: ChatBody[] = []
  const authorizations: (string | undefined)[] = []
  const answered = new Map<string, Reply>()
  let paid = 0
  let calls = 0
  const nextId = () => {
    calls += 1
    return `call_${calls}`
  }
  const http = createServer(async (request, response) => {
    try {
      let text = ''
      for await (const chunk of request.setEncoding('utf8')) text += chunk
      if (!request.url?.endsWith('/chat/completions')) return refuse(response, 404)
      const body = JSON.parse(text) as ChatBody
      asked.push(body)
      authorizations.push(request.headers.authorization)
      const key = String(request.headers['idempotency-key'])
      const before = server.idempotent ? answered.get(key) : undefined
      const reply = before ?? (await server.script(body, asked.length))
      if (reply.status !== undefined) {
        if (reply.retryAfterS !== undefined) response.setHeader('retry-after', String(reply.retryAfterS))
        return refuse(response, reply.status)
      }
      if (before === undefined) paid += 1
      answered.set(key, reply)
      if (reply.delayMs !== undefined) await delay(reply.delayMs)
      if (response.destroyed) return
      const { message, usage, finish } = told(reply, nextId, text)
      if (reply.garbage) return void response.writeHead(200, { 'content-type': 'application/json' }).end('<html>')
      if (body.stream) return await stream(response, body.model, message, usage, finish, reply.cut ?? false)
      const whole = JSON.stringify({
        id: 'chatcmpl-1',
        object: 'chat.completion',
        created: 1,
        model: body.model,
        choices: [{ index: 0, message, finish_reason: finish }],
        usage,
      })
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(whole) })
      if (!reply.cut) return void response.end(whole)
      response.write(whole.slice(0, 40), () => response.destroy())
    } catch (error) {
      refuse(response, 500, String(error))
    }
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  const server: ModelServer = {
    url: `http://127.0.0.1:${(http.address() as { port: number }).port}/v1`,
    asked,
    authorizations,
    get paid() {
      return paid
    },
    script,
    idempotent: false,
    close: async () => {
      http.closeAllConnections()
      http.close()
      await once(http, 'close')
    },
  }
  return server
}

function told(reply: Reply, nextId: () => string, sent: string) {
  const calls = reply.toolCalls?.map(({ name, arguments: args }) => ({
    id: nextId(),
    type: 'function',
    function: { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) },
  }))
  const message = { role: 'assistant', content: reply.content ?? null, ...(calls && { tool_calls: calls }) }
  const output = tokens(JSON.stringify(message))
  const usage = { prompt_tokens: tokens(sent), completion_tokens: output, total_tokens: tokens(sent) + output }
  return { message, usage, finish: reply.finish ?? (calls ? 'tool_calls' : 'stop') }
}

async function stream(
  response: ServerResponse,
  model: string,
  message: ReturnType<typeof told>['message'],
  usage: object,
  finish: string,
  cut: boolean,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = (choices: unknown[], more = {}) =>
    response.write(
      `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model, choices, ...more })}\n\n`,
    )
  send([{ index: 0, delta: { role: 'assistant', content: '' } }])
  for (const part of message.content?.match(/[\s\S]{1,16}/g) ?? []) send([{ index: 0, delta: { content: part } }])
  for (const [index, call] of (message.tool_calls ?? []).entries())
    send([{ index: 0, delta: { tool_calls: [{ index, ...call }] } }])
  // What is written is on its way before the line goes.
  await delay(5)
  if (cut) return void response.destroy()
  send([{ index: 0, delta: {}, finish_reason: finish }])
  send([], { usage })
  response.end('data: [DONE]\n\n')
}

function refuse(response: ServerResponse, status: number, message = `status ${status}`): void {
  if (response.headersSent) return void response.destroy()
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ error: { message, type: 'error', code: null, param: null } }))
}
