/**
 * execute(): a prompt, tools, a model and a workflow id give a typed answer, durable and traced.
 *
 * Owns: one record per execution (`keys.execution`) and, while it lasts, a thread of checkpoints and a lease on it. Invariants:
 * 1. The same workflow id, prompt, input, tools, model and schema are one execution: it is resumed where it stood, or answered from what
 *    it came to. No model call is paid twice (`model.ts`), no write made twice (the ledger).
 * 2. One process works on an execution; another one waits for it.
 * 3. A tool that changes something is the model's only where policy names it. What was not given does not exist.
 * 4. Without a model the known workflows run their skills; nothing else does.
 *
 * How it fails: the Failures of prompt, model, tools and budget. What was done until then stays done and is not done again.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { ModelPolicy } from '../../contracts/data/model.ts'
import type { Policies } from '../../contracts/data/policy.ts'
import { Failure } from '../../contracts/failures.ts'
import { type KnownWorkflow, knownWorkflows, skillsServer } from '../../contracts/workflows.ts'
import { maskBy } from '../model/mask.ts'
import type { Model } from '../model/model.ts'
import { modelScopes } from '../model/spending.ts'
import { apartFromGraphs } from '../runtime/apart.ts'
import { digest } from '../runtime/identity.ts'
import { type ActorStores, retention } from '../runtime/stores.ts'
import { StateCheckpointer } from '../state/checkpointer.ts'
import { keys } from '../state/keys.ts'
import { decodeRecord, encodeRecord } from '../state/record.ts'
import type { LeaseReference } from '../state/store.ts'
import { withLease } from '../state/with-lease.ts'
import { runSpanIds } from '../telemetry/context.ts'
import { own } from '../telemetry/names.ts'
import { digestOf } from '../telemetry/redact.ts'
import { agentSpan, nodeSpan } from '../telemetry/shapes.ts'
import type { Telemetry } from '../telemetry/tracer.ts'
import { canonicalJson } from '../tools/canonical.ts'
import type { AgentOptions } from '../tools/host.ts'
import type { CallableTool } from './callable.ts'
import { buildLoop, type LoopContext, type LoopValues } from './loop.ts'
import { type PromptFile, promptReference } from './prompt-file.ts'
import { fillPrompt } from './template.ts'

export interface ExecuteOptions {
  readonly workflowId: string
  /** What is wanted, in a person's words; `{{ name.response.field }}` stands for what is in `input`. */
  readonly prompt: string | PromptFile
  readonly tools?: readonly CallableTool[]
  /** `provider:model`, or `none`; left out, what the workspace's settings name. */
  readonly model?: string | undefined
  /** Earlier results by name, and whatever else makes this execution another than the last. */
  readonly input?: Readonly<Record<string, unknown>> | undefined
  /** What the answer must be; a known workflow has its own. */
  readonly response?: z.ZodType | undefined
  /** Of this execution, instead of the policy's limits per run. */
  readonly budget?: ModelPolicy['limits']['run'] | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: ExecuteProgress) => void) | undefined
}

export type ExecuteProgress =
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tool'; readonly tool: string; readonly outcome: 'called' | 'answered' | 'failed' }

export interface Execution<T = unknown> {
  readonly workflowId: string
  /** For `aiworkflow trace`. */
  readonly runId: string
  readonly traceId: string
  readonly response: T
  /** Who did it: a model, or the skill of a known workflow. */
  readonly by: 'model' | 'skill'
  /** false where it had been done before, and this is what it came to. */
  readonly fresh: boolean
  /** Of the whole execution, over all its processes. */
  readonly usage: { readonly calls: number; readonly tokens: number; readonly costMicros: number }
  /** What a person should know: tools withheld, a prompt without effect. */
  readonly notes: readonly string[]
}

/** The part of the host that execute() needs. */
export interface CallingTools {
  call(id: string, args: Record<string, unknown>, options?: { readonly writeKey?: string }): Promise<unknown>
}

export interface ExecutorOptions {
  readonly stores: ActorStores
  readonly telemetry: Telemetry
  readonly policies: () => Promise<Policies>
  readonly tools: (options: AgentOptions) => Promise<CallingTools>
  /** Undefined for `none`. @throws Failure for one that cannot be had. */
  readonly model: (name: string | undefined) => Promise<Model | undefined>
  readonly owner: string
}

const executionRecord = z.object({ workflowId: z.string(), response: z.unknown(), by: z.string(), at: z.string() })
const leaseMs = 10_000
const leasePollMs = 100
const findWrite = 'lakehouse.find_write'

export class Executor {
  readonly #options: ExecutorOptions

  constructor(options: ExecutorOptions) {
    this.#options = options
  }

  /** May be called from within another graph. */
  execute(options: ExecuteOptions): Promise<Execution> {
    return apartFromGraphs(() => this.#execute(options))
  }

  async #execute(options: ExecuteOptions): Promise<Execution> {
    const { workflowId } = options
    if (!/^[\w.-]{1,100}$/.test(workflowId))
      throw new Failure('USAGE', `${JSON.stringify(workflowId)} is no workflow id: letters, digits, ".", "_" and "-".`)
    const model = await this.#options.model(options.model)
    const known = Object.hasOwn(knownWorkflows, workflowId) ? knownWorkflows[workflowId as KnownWorkflow] : undefined
    if (model !== undefined) return this.#byModel(options, model, options.response ?? known?.response)
    if (known !== undefined) return this.#bySkill(options, known)
    throw new Failure('WORKFLOW_UNKNOWN', `${workflowId} has no model, and only a model can carry out its prompt.`, {
      wayOut: `Name a model (model: 'openai:…', or model in aiworkflow.yaml); without one there are ${Object.keys(knownWorkflows).join(', ')}.`,
    })
  }

  /** The same work by the standing agents' own steps. It is done anew each time: that costs nothing and doubles nothing. */
  async #bySkill(options: ExecuteOptions, known: (typeof knownWorkflows)[KnownWorkflow]): Promise<Execution> {
    const { workflowId, onProgress, signal } = options
    const { telemetry } = this.#options
    const startedAt = new Date().toISOString()
    const runId = `w_${digest('skill', workflowId, canonicalJson(options.input ?? {}), startedAt).slice(0, 24)}`
    const note = `No model is configured: ${workflowId} ran by its own deterministic steps, and what its prompt says had no effect.`
    onProgress?.({ kind: 'note', text: note })
    const response = await telemetry.startRunSpan({ runId, workflow: workflowId }, async () => {
      // The prompt is read all the same: a place that names nothing is a fault with a model and without.
      await this.#prompted(options)
      const id = `${skillsServer}.${known.skill}`
      const tools = await this.#options.tools(await this.#caller(workflowId, runId, [id], signal))
      onProgress?.({ kind: 'tool', tool: id, outcome: 'called' })
      const answer = await tools.call(id, argumentsOf(known.skill, options.input), { writeKey: startedAt })
      onProgress?.({ kind: 'tool', tool: id, outcome: 'answered' })
      return (options.response ?? known.response).parse(answer)
    })
    const { traceId } = runSpanIds(runId)
    const usage = { calls: 0, tokens: 0, costMicros: 0 }
    return { workflowId, runId, traceId, response, by: 'skill', fresh: true, usage, notes: [note] }
  }

  async #byModel(options: ExecuteOptions, model: Model, schema: z.ZodType | undefined): Promise<Execution> {
    const { workflowId, onProgress, tools: given = [] } = options
    if (schema === undefined)
      throw new Failure('USAGE', `${workflowId} is no known workflow: say with \`response\` what its answer must be.`)
    const { model: policy } = await this.#options.policies()
    if (policy === undefined) throw new Failure('MODEL_POLICY_MISSING', 'The catalog says nothing of models.')
    const mine = given.filter(({ id, readOnly }) => readOnly || policy.execute.writingTools.includes(id))
    const withheld = given.filter(tool => !mine.includes(tool)).map(({ id }) => id)
    const notes =
      withheld.length === 0
        ? []
        : [
            `Withheld from the model, since policies/model.yaml does not name them under execute.writingTools: ${withheld.join(', ')}.`,
          ]
    for (const text of notes) onProgress?.({ kind: 'note', text })
    const runId = executionId(options, model.id, mine, schema)
    const before = await this.#found(runId)
    const { response, fresh } =
      before !== undefined
        ? { response: before, fresh: false }
        : await this.#underLease(runId, options.signal, async lease => {
            // Whoever held the lease may have finished it.
            const done = await this.#found(runId)
            if (done !== undefined) return { response: done, fresh: false }
            return { response: await this.#run(options, model, schema, policy, mine, runId, lease), fresh: true }
          })
    const [spent] = await this.#options.stores.budgets.spent(`${modelScopes}run/${runId}`)
    const { calls = 0, tokens = 0, moneyMicros = 0 } = spent?.spent ?? {}
    const { traceId } = runSpanIds(runId)
    const usage = { calls, tokens, costMicros: moneyMicros }
    return { workflowId, runId, traceId, response: schema.parse(response), by: 'model', fresh, usage, notes }
  }

  #run(
    options: ExecuteOptions,
    model: Model,
    schema: z.ZodType,
    policy: ModelPolicy,
    tools: readonly CallableTool[],
    runId: string,
    lease: LeaseReference,
  ): Promise<unknown> {
    const { workflowId, signal, onProgress } = options
    const { telemetry, stores } = this.#options
    const thread = `${runId}/execute`
    return telemetry.startRunSpan({ runId, workflow: workflowId }, () =>
      telemetry.withSpan(...agentSpan(workflowId, { threadId: thread }), async () => {
        const prompt = await this.#prompted(options)
        const allowed = tools.map(({ id }) => id)
        // How an unknown outcome of a write is settled; the model does not see it.
        const settles = allowed.some(id => id.startsWith('lakehouse.')) ? [findWrite] : []
        const caller = await this.#caller(workflowId, runId, [...allowed, ...settles], signal, lease)
        const calling = await this.#options.tools(caller)
        const loop: LoopContext = {
          tools,
          responseSchema: schema,
          ...policy.execute,
          mask: maskBy(policy),
          telemetry,
          ask: request =>
            model.ask({
              runId,
              template: prompt.reference,
              request,
              limits: options.budget,
              signal,
              ...(onProgress && { onText: text => onProgress({ kind: 'text', text }) }),
            }),
          call: (id, args) => calling.call(id, args),
          onTool: (tool, outcome) => onProgress?.({ kind: 'tool', tool, outcome }),
        }
        const checkpointer = new StateCheckpointer(stores.store, {
          guard: config => config.configurable?.['lease'] as LeaseReference | undefined,
        })
        const graph = buildLoop(checkpointer)
        const config = {
          configurable: { thread_id: thread, loop, lease },
          durability: 'sync' as const,
          recursionLimit: 3 * policy.execute.mostTurns + 10,
          ...(signal && { signal }),
        }
        const { values, tasks } = await graph.getState(config)
        const { said = [], done = false } = values as Partial<LoopValues>
        // Not `next`: it leaves out a node whose result is kept while the checkpoint that ends its step is not.
        const started = tasks.length > 0 || said.length > 0
        const input = started ? null : { said: [{ role: 'user' as const, text: prompt.text }] }
        const end = done ? values : await graph.invoke(input, config)
        signal?.throwIfAborted()
        const { response } = end as { response: unknown }
        const record = { workflowId, response, by: model.id, at: new Date().toISOString() }
        const write = { put: keys.execution(runId), value: encodeRecord(record), ttlMs: retention.executionMs }
        await stores.store.transact({ checks: [{ lease }], writes: [write] })
        await checkpointer.deleteThread(thread)
        return response
      }),
    )
  }

  /** The prompt as the model gets it, in a span that says which one it was. */
  async #prompted({ prompt, input = {} }: ExecuteOptions): Promise<{ text: string; reference: string }> {
    const isFile = typeof prompt !== 'string'
    const reference = isFile ? promptReference(prompt) : `inline ${digestOf(prompt)}`
    const [name, span] = nodeSpan('prompt')
    return this.#options.telemetry.withSpan(name, span, running => {
      running.set({ [own.promptTemplate]: reference })
      const text = fillPrompt(isFile ? prompt.text : prompt, input)
      running.set({ [own.promptDigest]: digestOf(text) })
      return { text, reference }
    })
  }

  async #caller(
    agent: string,
    runId: string,
    allowed: readonly string[],
    signal: AbortSignal | undefined,
    guard?: LeaseReference,
  ): Promise<AgentOptions> {
    const { toolCalls, wallMs } = (await this.#options.policies()).spending.run
    const budget = { toolCalls, wallMs, startedAt: new Date().toISOString() }
    return { agent, runId, allowed, budget, signal, guard }
  }

  async #found(runId: string): Promise<unknown> {
    const entry = await this.#options.stores.store.get(keys.execution(runId))
    return entry && decodeRecord(executionRecord, entry).response
  }

  async #underLease<T>(
    runId: string,
    signal: AbortSignal | undefined,
    work: (lease: LeaseReference) => Promise<T>,
  ): Promise<T> {
    const { stores, owner } = this.#options
    const name = keys.threadLease(`${runId}/execute`)
    while (true) {
      signal?.throwIfAborted()
      const done = await withLease(stores.store, { name, owner, leaseMs }, work)
      if (done !== undefined) return done.value
      await delay(leasePollMs, undefined, { signal })
    }
  }
}

function executionId(
  options: ExecuteOptions,
  model: string,
  tools: readonly CallableTool[],
  schema: z.ZodType,
): string {
  const { workflowId, prompt, input = {} } = options
  const text = typeof prompt === 'string' ? prompt : prompt.text
  const shape = canonicalJson(z.toJSONSchema(schema, { io: 'input' }))
  const ids = tools.map(({ id }) => id).sort()
  return `w_${digest('execution', workflowId, text, canonicalJson(essenceOf(input)), canonicalJson(ids), model, shape).slice(0, 24)}`
}

/** Of an earlier execution what it came to counts, not which process it was or whether it had been done before. */
function essenceOf(input: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => {
      const isExecution = value !== null && typeof value === 'object' && 'workflowId' in value && 'response' in value
      return [name, isExecution ? value.response : value]
    }),
  )
}

/** What a skill is told of earlier results: the files that were found. */
function argumentsOf(skill: string, input: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  if (skill !== 'build_bronze') return {}
  for (const value of Object.values(input)) {
    const found = z.object({ response: z.object({ files: z.array(z.object({ path: z.string() })) }) }).safeParse(value)
    if (found.success) return { files: found.data.response.files.map(({ path }) => path) }
  }
  return {}
}
