/**
 * The host: the one door through which an agent calls a tool.
 *
 * Owns the connections to the tool servers. Decides nothing about the work: it holds the agent to its list, the run to its
 * budget, and the world to one change per effect. Invariants:
 * 1. A tool that is not on the agent's list, or arguments its contract refuses, never reach a server.
 * 2. A call is paid for before it is made; an answer from the ledger costs nothing.
 * 3. A call that changes something is in the ledger before it is made, and its result is there before the agent sees it. Where
 *    nobody answered, the intent stays and the next caller settles it (`reconcile.ts`). Answers of reading tools and failures
 *    are never taken from the ledger.
 * 4. What an agent sees fits the tool's contract, or is a Failure.
 * 5. The span of a call says what was called, by a digest of its arguments, never with a value of them.
 */
import { type AgentName, chain } from '../../contracts/chain.ts'
import type { RunBudget } from '../../contracts/data/delivery.ts'
import type { ToolCallReport } from '../../contracts/events/events.ts'
import { asFailure, Failure } from '../../contracts/failures.ts'
import { type ToolId, type ToolInput, type ToolOutput, toolServers } from '../../contracts/tools/index.ts'
import type { ToolContract } from '../../contracts/tools/tool.ts'
import type { Budgets } from '../state/budgets.ts'
import type { Ledger } from '../state/ledger.ts'
import type { LeaseReference } from '../state/store.ts'
import { traceHeaders } from '../telemetry/context.ts'
import { own } from '../telemetry/names.ts'
import { digestOf } from '../telemetry/redact.ts'
import type { RunningSpan } from '../telemetry/running.ts'
import { toolSpan } from '../telemetry/shapes.ts'
import { canonicalJson, effectKey } from './canonical.ts'
import { connectInMemory, connectOverHttp, NoAnswer, type RemoteToolServer, type ToolClient } from './client.ts'
import { type Meter, openMeter } from './meter.ts'
import { reconciliationOf } from './reconcile.ts'
import { parseWith, type Spans, type ToolServer } from './server.ts'

export interface HostOptions {
  /** In this process, or at an address. */
  readonly servers: readonly (ToolServer | RemoteToolServer)[]
  readonly ledger: Ledger
  readonly budgets: Budgets
  readonly telemetry: Spans
  /** The longest a single call may take, whatever the run has left. Default ten minutes. */
  readonly callTimeoutMs?: number
  /** Makes every call as if the ledger were empty. For the tests that show what the ledger is for. */
  readonly disableLedger?: boolean
}

export interface AgentOptions {
  readonly agent: AgentName
  readonly runId: string
  /** What the run was granted; what it has used is counted by the budgets. */
  readonly budget: RunBudget
  /** Aborted when nobody waits for the run any longer. */
  readonly signal?: AbortSignal | undefined
  /** The lease of the run's thread: without it no effect is begun. */
  readonly guard?: LeaseReference | undefined
  /** Told of every call once it has ended. */
  readonly onCall?: ((call: ToolCallReport) => void) | undefined
}

export interface AgentTools {
  /**
   * Calls a tool as `server.tool`. `writeKey` tells apart calls of equal arguments that are to be effects of their own.
   * Errors: TOOL_UNKNOWN, TOOL_FORBIDDEN, TOOL_INPUT_INVALID, BUDGET_EXHAUSTED, TOOL_TIMEOUT, EFFECT_UNKNOWN,
   * TOOL_OUTPUT_INVALID, LEASE_LOST, and every failure of the tool itself.
   */
  call<Id extends ToolId>(
    id: Id,
    args: ToolInput<Id>,
    options?: { readonly writeKey?: string },
  ): Promise<ToolOutput<Id>>
}

export interface Host {
  forAgent(options: AgentOptions): AgentTools
  close(): Promise<void>
}

const defaultCallTimeoutMs = 600_000

/** Connects to every server; a server may serve several hosts. */
export async function createHost(options: HostOptions): Promise<Host> {
  const clients = new Map<string, ToolClient>()
  for (const server of options.servers)
    clients.set(server.name, 'url' in server ? connectOverHttp(server) : await connectInMemory(server))
  return {
    forAgent: agentOptions => {
      const meter = openMeter(options.budgets, agentOptions.runId, agentOptions.budget)
      const caller = new Caller(options, agentOptions, clients, meter)
      return { call: (id, args, { writeKey } = {}) => caller.call(id, args, writeKey) as never }
    },
    close: async () => {
      await Promise.all([...clients.values()].map(client => client.close()))
    },
  }
}

/** One agent in one run. */
class Caller {
  readonly #host: HostOptions
  readonly #agent: AgentOptions
  readonly #clients: ReadonlyMap<string, ToolClient>
  readonly #meter: Meter

  constructor(host: HostOptions, agent: AgentOptions, clients: ReadonlyMap<string, ToolClient>, meter: Meter) {
    this.#host = host
    this.#agent = agent
    this.#clients = clients
    this.#meter = meter
  }

  async call(id: string, args: unknown, writeKey?: string): Promise<unknown> {
    const argumentsDigest = digestOf(canonicalJson(args))
    const [name, options] = toolSpan({
      tool: id,
      agent: this.#agent.agent,
      server: id.split('.', 1)[0] ?? '',
      argumentsDigest,
      ...(writeKey !== undefined && { writeKey }),
    })
    let ended: ToolCallReport['ended'] = 'answered'
    const recalled = () => {
      ended = 'recalled'
    }
    const report = (failure?: { code: string }) =>
      this.#agent.onCall?.({ tool: id, argumentsDigest, ended, ...failure })
    const answer = this.#host.telemetry.withSpan(name, options, async span => {
      const contract = contractOf(id)
      this.#allow(id)
      const input = parseWith(contract.input, args, 'TOOL_INPUT_INVALID', `${id} cannot take its arguments`)
      const call: Call = { id: id as ToolId, contract, input, writeKey }
      const inLedger = !contract.annotations.readOnlyHint && !this.#host.disableLedger
      return (inLedger ? this.#effect(call, span, recalled) : this.#request(call)).catch(error => {
        throw error instanceof NoAnswer ? error.failure : error
      })
    })
    return answer.then(
      output => {
        report()
        return output
      },
      error => {
        ended = 'failed'
        report({ code: asFailure(error).code })
        throw error
      },
    )
  }

  #allow(id: string): void {
    const allowed: readonly string[] = chain[this.#agent.agent].tools
    if (allowed.includes(id)) return
    const { agent } = this.#agent
    throw new Failure('TOOL_FORBIDDEN', `${agent} may not call ${id}: it has ${allowed.join(', ')}.`)
  }

  /** Makes a change at most once, however often it is asked for. */
  async #effect(call: Call, span: RunningSpan, recalled: () => void): Promise<unknown> {
    const { ledger } = this.#host
    const { runId, guard } = this.#agent
    const { id: tool, input, writeKey } = call
    const effect = effectKey({ runId, tool, input, writeKey })
    const intent = { tool, argsDigest: digestOf(canonicalJson(input)), runId, atMs: Date.now() }
    const begun = await ledger.begin(effect, intent, guard)
    if (begun.kind === 'done') {
      span.set({ [own.toolFromLedger]: true })
      recalled()
      return outputOf(call, begun.result)
    }
    const output = await this.#settle(call, effect, begun.kind)
    const intended = begun.kind === 'fresh' ? begun.intended : undefined
    return outputOf(call, await ledger.complete(effect, output, guard, intended))
  }

  async #settle(call: Call, effect: string, begun: 'fresh' | 'unknown'): Promise<unknown> {
    if (begun === 'unknown') {
      const known = await this.#reconcile(call)
      if (known !== undefined) return outputOf(call, known)
    }
    try {
      return await this.#request(call)
    } catch (error) {
      // The intent is taken back only where nothing can be under way any more: every call that was begun has been answered.
      if (begun === 'fresh' && !(error instanceof NoAnswer)) await this.#host.ledger.fail(effect)
      throw error
    }
  }

  /** The result of a call that somebody began; undefined where it is to be called again. */
  async #reconcile({ id, input }: Call): Promise<unknown> {
    const way = reconciliationOf(id, input as never)
    if (way === undefined) {
      throw new Failure('EFFECT_UNKNOWN', `${id} was begun and never answered, and cannot be asked what came of it.`)
    }
    if (way.kind === 'repeat') return undefined
    return way.answer((await this.call('lakehouse.find_write', way.question)) as ToolOutput<'lakehouse.find_write'>)
  }

  /** One call over the wire, paid for. */
  async #request(call: Call): Promise<unknown> {
    const [server = '', tool = ''] = call.id.split('.')
    const client = this.#clients.get(server)
    if (client === undefined) throw new Failure('TOOL_UNKNOWN', `No server ${server} is connected.`)
    const { callTimeoutMs = defaultCallTimeoutMs } = this.#host
    return this.#meter.spend(async leftMs => {
      const timeoutMs = Math.min(callTimeoutMs, leftMs)
      const { signal } = this.#agent
      return outputOf(call, await client.call(tool, call.input, { trace: traceHeaders(), timeoutMs, signal }))
    })
  }
}

/** One call that was found to be allowed and well put. */
interface Call {
  readonly id: ToolId
  readonly contract: ToolContract
  readonly input: Record<string, unknown>
  readonly writeKey: string | undefined
}

const outputOf = ({ id, contract }: Call, output: unknown) =>
  parseWith(contract.output, output, 'TOOL_OUTPUT_INVALID', `${id} answered wrongly`)

function contractOf(id: string): ToolContract {
  const [server = '', tool = '', more] = id.split('.')
  const tools: Readonly<Record<string, ToolContract>> | undefined = Object.hasOwn(toolServers, server)
    ? toolServers[server as keyof typeof toolServers]
    : undefined
  const contract = tools && more === undefined && Object.hasOwn(tools, tool) ? tools[tool] : undefined
  if (contract !== undefined) return contract
  const known = Object.entries(toolServers).flatMap(([name, all]) => Object.keys(all).map(each => `${name}.${each}`))
  throw new Failure('TOOL_UNKNOWN', `There is no tool ${id}. There are ${known.join(', ')}.`)
}
