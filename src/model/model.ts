/**
 * The one door to a language model: every call is reserved before it is made, made once, kept, traced and settled.
 *
 * Owns: one record per question asked (`keys.modelCall`), by the digest of model and request, and a breaker per process. Invariants:
 * 1. Nothing leaves before it is reserved in every scope.
 * 2. A call is written down before it is made, and its answer before anybody sees it. The same request is answered from there.
 * 3. A call of which nobody knows what came of it, since its process died or its line was cut, counts as spent, and is made again only
 *    where the policy says so.
 * 4. What is refused unpaid (429, 5xx, unreachable) is asked again after the time that the provider named, and leaves nothing behind.
 *
 * How it fails: the codes of `client.ts`, BUDGET_EXHAUSTED and MODEL_PAUSED. None of them is a failure of a run in the chain: there the
 * question goes on to a person.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { AIMessage, type BaseMessage } from '@langchain/core/messages'
import { z } from 'zod'
import { ownerIsDead } from '../../bus/owner.ts'
import type { ModelPolicy } from '../../contracts/data/model.ts'
import type { SpendingPolicy } from '../../contracts/data/policy.ts'
import { Failure } from '../../contracts/failures.ts'
import { retryDelayMs } from '../runtime/backoff.ts'
import { digest } from '../runtime/identity.ts'
import type { Budgets } from '../state/budgets.ts'
import { change } from '../state/change.ts'
import { keys } from '../state/keys.ts'
import { decodeRecord, encodeRecord } from '../state/record.ts'
import type { Check, StateStore } from '../state/store.ts'
import { genAi, own } from '../telemetry/names.ts'
import { digestOf } from '../telemetry/redact.ts'
import type { RunningSpan } from '../telemetry/running.ts'
import { modelSpan } from '../telemetry/shapes.ts'
import type { Telemetry } from '../telemetry/tracer.ts'
import { canonicalJson } from '../tools/canonical.ts'
import { Breaker } from './breaker.ts'
import { Busy, type ChatAnswer, type ChatRequest, type ModelClient, Unanswered } from './client.ts'
import { costMicros, tokensAtMost, type Usage } from './price.ts'
import { type Reserved, reserveEverywhere, type Spender, scopesOf } from './spending.ts'

export interface ModelOptions {
  readonly client: ModelClient
  readonly store: StateStore
  readonly budgets: Budgets
  readonly telemetry: Pick<Telemetry, 'withSpan'>
  /** The policies as they stand at the time of the call. */
  readonly policy: () => Promise<{ readonly model: ModelPolicy; readonly spending: SpendingPolicy }>
  /** Names this process, so that a successor knows that it is dead. */
  readonly owner: string
  readonly now?: () => number
}

export interface Asked extends Spender {
  /** Prompt template and version, as the decision names it. */
  readonly template: string
  readonly request: ChatRequest
  /** Limits besides the policy's: what the caller of execute() granted. */
  readonly limits?: ModelPolicy['limits']['run'] | undefined
  readonly signal?: AbortSignal | undefined
  readonly onText?: ((text: string) => void) | undefined
}

export interface Answered {
  readonly message: AIMessage
  readonly usage: Usage
  /** What was paid now: nothing where the answer was known. */
  readonly costMicros: number
  readonly recalled: boolean
  readonly finish: string
  readonly answerDigest: string
}

const toolCall = z.object({ id: z.string(), name: z.string(), args: z.record(z.string(), z.unknown()) })
/** A call whose arguments are no JSON. */
const brokenCall = z.object({ id: z.string(), name: z.string(), args: z.string() })
const callRecord = z.object({
  model: z.string(),
  template: z.string(),
  runId: z.string(),
  feed: z.string().optional(),
  atMs: z.number(),
  attempt: z.number(),
  state: z.discriminatedUnion('kind', [
    /** Somebody is about to ask, and has sent nothing. Nobody else asks before `untilMs`, while `owner` lives. */
    z.object({ kind: z.literal('claimed'), owner: z.string(), untilMs: z.number() }),
    /** The same, and it may have been sent. */
    z.object({ kind: z.literal('asked'), owner: z.string(), untilMs: z.number() }),
    z.object({ kind: z.literal('unknown'), message: z.string() }),
    z.object({
      kind: z.literal('answered'),
      text: z.string(),
      toolCalls: z.array(toolCall),
      brokenCalls: z.array(brokenCall),
      finish: z.string(),
      inputTokens: z.number(),
      outputTokens: z.number(),
      costMicros: z.number(),
    }),
  ]),
})
type CallRecord = z.infer<typeof callRecord>
type AnsweredState = Extract<CallRecord['state'], { kind: 'answered' }>

/** How often a call that another process makes is looked at. */
const lookEveryMs = 100
const dayMs = 24 * 60 * 60 * 1000

export class Model {
  readonly #options: ModelOptions
  readonly #breaker: Breaker
  readonly #now: () => number

  constructor(options: ModelOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#breaker = new Breaker(this.#now)
  }

  get id(): string {
    return this.#options.client.id
  }

  /** @throws Failure of `client.ts`, BUDGET_EXHAUSTED, MODEL_PAUSED. */
  async ask(asked: Asked): Promise<Answered> {
    const { client, telemetry } = this.#options
    const id = callId(client.id, asked.request)
    const [name, span] = modelSpan({ provider: client.provider, model: client.model })
    return telemetry.withSpan(name, span, async running => {
      running.set({ [own.promptTemplate]: asked.template, [own.modelRequestDigest]: id.slice(0, 16) })
      const known = await this.#begin(id, asked)
      if (known.kind === 'answered') {
        running.set({ [own.modelRecalled]: true })
        return answeredBy(known.state, true)
      }
      return answeredBy(await this.#pay(id, asked, known.attempt, running), false)
    })
  }

  /** Claims the call, or finds its answer. */
  async #begin(
    id: string,
    asked: Asked,
  ): Promise<{ kind: 'answered'; state: AnsweredState } | { kind: 'mine'; attempt: number }> {
    const { client, store, owner } = this.#options
    while (true) {
      asked.signal?.throwIfAborted()
      const { model: policy } = await this.#options.policy()
      const claim = await change<Claim>(store, async () => {
        const { record, check } = await this.#look(id)
        if (record?.state.kind === 'answered')
          return { kind: 'answer', answer: { kind: 'answered', state: record.state } }
        const state = record?.state
        const atWork = (state?.kind === 'claimed' || state?.kind === 'asked') && !this.#isOver(state)
        if (atWork) return { kind: 'answer', answer: { kind: 'wait' } }
        if (record !== undefined && state?.kind !== 'claimed' && policy.unknownOutcome === 'ask')
          throw nobodyKnows(record)
        // Whoever may not ask at all leaves no trace of having wanted to.
        this.#breaker.check(client.id)
        const attempt = (record?.attempt ?? 0) + 1
        const next: CallRecord = {
          model: client.id,
          template: asked.template,
          runId: asked.runId,
          ...(asked.feed !== undefined && { feed: asked.feed }),
          atMs: this.#now(),
          attempt,
          state: { kind: 'claimed', owner, untilMs: this.#now() + policy.callTimeoutMs },
        }
        const writes = [{ put: keys.modelCall(id), value: encodeRecord(next) }]
        return { kind: 'write', transaction: { checks: [check], writes }, answer: { kind: 'mine', attempt } }
      })
      if (claim.kind !== 'wait') return claim
      await delay(lookEveryMs, undefined, { signal: asked.signal })
    }
  }

  #isOver({ owner, untilMs }: { readonly owner: string; readonly untilMs: number }): boolean {
    return ownerIsDead(owner) || this.#now() > untilMs
  }

  async #pay(id: string, asked: Asked, attempt: number, span: RunningSpan): Promise<AnsweredState> {
    const { client } = this.#options
    const { model: policy, spending } = await this.#options.policy()
    let reserved: Reserved
    try {
      reserved = await this.#reserve(`${id}.${attempt}`, asked, policy)
    } catch (error) {
      await this.#withdraw(id)
      throw error
    }
    const startMs = performance.now()
    const untilMs = this.#now() + policy.callTimeoutMs
    await this.#put(id, { kind: 'asked', owner: this.#options.owner, untilMs })
    let answer: ChatAnswer
    try {
      answer = await this.#converse(id, asked, policy, spending.retry)
    } catch (error) {
      const unpaid = !(error instanceof Unanswered) && !asked.signal?.aborted
      // Who was asked to stop says nothing of the provider.
      if (!asked.signal?.aborted) this.#breaker.failed(policy.breaker)
      if (unpaid) {
        await this.#withdraw(id)
        await reserved.settle({})
      } else await this.#put(id, { kind: 'unknown', message: (error as Error).message })
      throw error
    }
    this.#breaker.answered()
    const usage = { inputTokens: answer.inputTokens, outputTokens: answer.outputTokens }
    const paid = costMicros(policy, client.id, usage)
    span.set({
      [genAi.inputTokens]: usage.inputTokens,
      [genAi.outputTokens]: usage.outputTokens,
      [genAi.finishReasons]: [answer.finish],
      [own.costMicros]: paid,
    })
    const state: AnsweredState = {
      kind: 'answered',
      ...said(answer.message),
      finish: answer.finish,
      ...usage,
      costMicros: paid,
    }
    await this.#put(id, state, policy.answerDays * dayMs)
    await reserved.settle({
      calls: 1,
      tokens: usage.inputTokens + usage.outputTokens,
      moneyMicros: paid,
      milliseconds: Math.ceil(performance.now() - startMs),
    })
    return state
  }

  #reserve(id: string, asked: Asked, policy: ModelPolicy): Promise<Reserved> {
    const { client, budgets } = this.#options
    const { request } = asked
    const inputTokens = tokensAtMost(requestText(request))
    const most = { inputTokens, outputTokens: request.maxOutputTokens }
    const amounts = {
      calls: 1,
      tokens: inputTokens + request.maxOutputTokens,
      moneyMicros: costMicros(policy, client.id, most),
      milliseconds: 1,
    }
    const limits = asked.limits === undefined ? policy.limits : { ...policy.limits, run: asked.limits }
    const day = new Date(this.#now()).toISOString().slice(0, 10)
    return reserveEverywhere(budgets, id, amounts, scopesOf(asked, limits, day), policy.owner)
  }

  /** Asks until there is an answer, or no more tries; only what was refused unpaid is tried again. */
  async #converse(
    id: string,
    { request, signal, onText }: Asked,
    policy: ModelPolicy,
    retry: SpendingPolicy['retry'],
  ): Promise<ChatAnswer> {
    const { callTimeoutMs } = policy
    const endMs = performance.now() + callTimeoutMs
    for (let attempt = 1; ; attempt += 1) {
      const leftMs = endMs - performance.now()
      try {
        const options = { timeoutMs: Math.max(1, Math.ceil(leftMs)), signal, idempotencyKey: id, onText }
        return await this.#options.client.chat(request, options)
      } catch (error) {
        if (!(error instanceof Busy) || attempt >= retry.maxAttempts) throw error
        const waitMs = error.retryAfterMs ?? retryDelayMs(retry, attempt)
        // Longer than the call may take is for people not to wait for.
        if (waitMs >= endMs - performance.now()) throw error
        await delay(waitMs, undefined, { signal })
      }
    }
  }

  async #look(id: string): Promise<{ record: CallRecord | undefined; check: Check }> {
    const key = keys.modelCall(id)
    const entry = await this.#options.store.get(key)
    if (entry === undefined) return { record: undefined, check: { key, absent: true } }
    return { record: decodeRecord(callRecord, entry), check: { key, version: entry.version } }
  }

  async #put(id: string, state: CallRecord['state'], ttlMs?: number): Promise<void> {
    await change(this.#options.store, async () => {
      const { record, check } = await this.#look(id)
      if (record === undefined || record.state.kind === 'answered') return { kind: 'answer', answer: undefined }
      const write = {
        put: keys.modelCall(id),
        value: encodeRecord({ ...record, state } satisfies CallRecord),
        ...(ttlMs !== undefined && { ttlMs }),
      }
      return { kind: 'write', transaction: { checks: [check], writes: [write] }, answer: undefined }
    })
  }

  /** Nothing was sent, or nothing that costs: as if it had never been asked. */
  async #withdraw(id: string): Promise<void> {
    await this.#options.store.transact({ writes: [{ delete: keys.modelCall(id) }] })
  }
}

type Claim =
  | { readonly kind: 'answered'; readonly state: AnsweredState }
  | { readonly kind: 'mine'; readonly attempt: number }
  | { readonly kind: 'wait' }

const requestText = ({ messages, tools, answer }: ChatRequest): string =>
  canonicalJson([messages.map(essence), tools ?? [], answer ?? null])

/** What a message says, without ids that are drawn anew. */
const essence = (message: BaseMessage) => {
  const { tool_calls: calls, tool_call_id: answers } = message as { tool_calls?: unknown[]; tool_call_id?: string }
  return [message.getType(), message.content, calls ?? [], answers ?? null]
}

const callId = (model: string, request: ChatRequest): string =>
  digest('model-call', model, requestText(request), String(request.maxOutputTokens))

function said({ text, tool_calls: calls = [], invalid_tool_calls: broken = [] }: AIMessage) {
  return {
    text,
    toolCalls: calls.map(({ id = '', name, args }) => ({ id, name, args })),
    brokenCalls: broken.map(({ id = '', name = '', args = '' }) => ({ id, name, args })),
  }
}

function answeredBy(state: AnsweredState, recalled: boolean): Answered {
  const { text, toolCalls, brokenCalls } = state
  return {
    message: new AIMessage({ content: text, tool_calls: toolCalls, invalid_tool_calls: brokenCalls }),
    usage: { inputTokens: state.inputTokens, outputTokens: state.outputTokens },
    costMicros: recalled ? 0 : state.costMicros,
    recalled,
    finish: state.finish,
    answerDigest: digestOf(canonicalJson([text, toolCalls])),
  }
}

const nobodyKnows = ({ model, atMs, state }: CallRecord): Failure => {
  const why = state.kind === 'unknown' ? state.message : 'its process died before an answer came'
  return new Failure('MODEL_UNANSWERED', `${model} was asked at ${new Date(atMs).toISOString()} and ${why}.`)
}
