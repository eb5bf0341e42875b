/** Models of OpenAI and of any server that speaks its chat completions: the only importer of @langchain/openai. */
import type { AIMessageChunk } from '@langchain/core/messages'
import { ChatOpenAICompletions } from '@langchain/openai'
import { Failure } from '../../contracts/failures.ts'
import { redactText } from '../telemetry/redact.ts'
import { Busy, type ChatAnswer, type ChatOptions, type ChatRequest, type ModelClient, Unanswered } from './client.ts'

export interface OpenAiOptions {
  readonly id: string
  readonly model: string
  /** Where it is; left out, OpenAI's own. */
  readonly baseUrl?: string | undefined
  readonly key: string
  /** Stands between client and server: cassettes. */
  readonly fetch?: typeof fetch | undefined
}

/** Servers of one's own want no key, and the client wants one. */
export const noKey = 'none'

export function openAiClient({ id, model, baseUrl, key, fetch: fetcher }: OpenAiOptions): ModelClient {
  const provider = baseUrl === undefined ? 'openai' : new URL(baseUrl).hostname
  return {
    id,
    provider,
    model,
    chat: async (request, options) => {
      // Whether the request left is what tells a call that cost nothing from one that may have.
      let sent = false
      // The client keeps nothing of what a fetch throws but its message, and a cassette throws Failures.
      let thrown: unknown
      const watched: typeof fetch = async (input, init) => {
        sent = true
        const headers = new Headers(init?.headers)
        headers.set('Idempotency-Key', options.idempotencyKey)
        const answer = await (fetcher ?? fetch)(input, { ...init, headers }).catch(error => {
          sent = !neverSent(error)
          thrown = error
          throw error
        })
        sent = answer.ok
        return answer
      }
      const chat = new ChatOpenAICompletions({
        model,
        apiKey: key,
        maxTokens: request.maxOutputTokens,
        maxRetries: 0,
        timeout: options.timeoutMs,
        streaming: true,
        streamUsage: true,
        configuration: { fetch: watched, ...(baseUrl !== undefined && { baseURL: baseUrl }) },
      })
      try {
        return answerOf(await converse(chat, request, options))
      } catch (error) {
        options.signal?.throwIfAborted()
        throw failureOf(thrown instanceof Failure ? thrown : error, sent, id)
      }
    },
  }
}

async function converse(
  chat: ChatOpenAICompletions,
  { messages, tools, answer }: ChatRequest,
  { signal, timeoutMs, onText }: ChatOptions,
): Promise<AIMessageChunk> {
  const call = {
    // The client's own time limit ends when the answer begins.
    signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]),
    ...(tools?.length && {
      tools: tools.map(tool => ({
        type: 'function' as const,
        function: { ...tool, parameters: { ...tool.parameters } },
      })),
    }),
    ...(answer && {
      response_format: {
        type: 'json_schema' as const,
        json_schema: { name: answer.name, schema: { ...answer.schema }, strict: false },
      },
    }),
  }
  // Always as a stream: an answer that is cut off is seen to be, and a long one is no silence.
  let whole: AIMessageChunk | undefined
  for await (const chunk of await chat.stream([...messages], call)) {
    if (typeof chunk.content === 'string' && chunk.content !== '') onText?.(chunk.content)
    whole = whole === undefined ? chunk : whole.concat(chunk)
  }
  if (whole === undefined) throw new Error('the stream was empty')
  return whole
}

function answerOf(message: AIMessageChunk): ChatAnswer {
  const { input_tokens: inputTokens = 0, output_tokens: outputTokens = 0 } = message.usage_metadata ?? {}
  const finish = String(message.response_metadata['finish_reason'] ?? '')
  // A stream that ends without saying why it ends was cut off.
  if (finish === '') throw new Error('the answer has no end')
  return { message, inputTokens, outputTokens, finish }
}

function failureOf(error: unknown, sent: boolean, id: string): Failure {
  if (error instanceof Failure) return error
  const {
    status,
    headers,
    message = String(error),
  } = error as {
    status?: number
    headers?: Headers
    message?: string
  }
  // What a provider says goes on to people and logs; a key it quotes does not.
  const said = redactText(message).slice(0, 300)
  if (status === 429 || status === 408 || status === 409 || (status !== undefined && status >= 500))
    return new Busy('MODEL_BUSY', `${id} answered ${status}: ${said}`, retryAfterOf(headers))
  if (status !== undefined && status >= 400) return new Failure('MODEL_REFUSED', `${id} answered ${status}: ${said}`)
  if (!sent) return new Busy('MODEL_UNREACHABLE', `${id} cannot be reached: ${said}`)
  return new Unanswered(`${id} was asked and did not answer in full: ${said}`, error)
}

/** Seconds, or a date (RFC 9110, section 10.2.3). */
function retryAfterOf(headers: Headers | undefined): number | undefined {
  const said = headers?.get?.('retry-after')
  if (!said) return undefined
  const ms = /^\d+(\.\d+)?$/.test(said) ? Number(said) * 1_000 : Date.parse(said) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}

const codesOfNothingSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

function neverSent(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = (at as NodeJS.ErrnoException).code
    if (code !== undefined && codesOfNothingSent.has(code)) return true
    if (at instanceof AggregateError && at.errors.length > 0) return at.errors.every(neverSent)
  }
  return false
}
