/**
 * What a language model is to the rest: one call with messages, perhaps tools and perhaps a schema of the answer. A provider is an
 * adapter of this shape, see `openai.ts`; another one needs `chat` and nothing else.
 *
 * How a call fails tells whether it can have cost anything:
 * - MODEL_BUSY and MODEL_UNREACHABLE: refused or never sent, nothing paid; `retryAfterMs` is what the provider asked for.
 * - MODEL_REFUSED: the provider takes this request never, nothing paid.
 * - {@link Unanswered}: the request was sent and no whole answer came. It may be paid for.
 */
import type { AIMessage, BaseMessage } from '@langchain/core/messages'
import { Failure, type FailureCode } from '../../contracts/failures.ts'

export interface ModelClient {
  /** `provider:model`, or the address of a server: the name by which the policy knows its price. */
  readonly id: string
  readonly provider: string
  readonly model: string
  chat(request: ChatRequest, options: ChatOptions): Promise<ChatAnswer>
}

export interface ChatRequest {
  readonly messages: readonly BaseMessage[]
  readonly tools?: readonly ToolDescription[]
  /** JSON Schema that the answer's text must fit. */
  readonly answer?: { readonly name: string; readonly schema: Readonly<Record<string, unknown>> }
  readonly maxOutputTokens: number
}

export interface ToolDescription {
  readonly name: string
  readonly description: string
  readonly parameters: Readonly<Record<string, unknown>>
}

export interface ChatOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** The same call again has the same key: a provider that knows it answers without working, or being paid, twice. */
  readonly idempotencyKey: string
  /** Gets the answer's text as it comes. */
  readonly onText?: ((text: string) => void) | undefined
}

export interface ChatAnswer {
  readonly message: AIMessage
  readonly inputTokens: number
  readonly outputTokens: number
  /** `stop`, `length`, `tool_calls`, `content_filter`. */
  readonly finish: string
}

/** The provider said no, and when to ask again. */
export class Busy extends Failure {
  readonly retryAfterMs: number | undefined

  constructor(code: Extract<FailureCode, 'MODEL_BUSY' | 'MODEL_UNREACHABLE'>, message: string, retryAfterMs?: number) {
    super(code, message)
    this.retryAfterMs = retryAfterMs
  }
}

/** Sent, and nobody knows what came of it. */
export class Unanswered extends Failure {
  constructor(message: string, cause?: unknown) {
    super('MODEL_UNANSWERED', message, { cause })
  }
}
