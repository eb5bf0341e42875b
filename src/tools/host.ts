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
import { chain } from '../../contracts/chain.ts'
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
import { parseWith, type Spans, type ToolContracts, type ToolServer } from './server.ts'

/** A server that was connected to by other means, a user's own say, with what it offers. */
export interface ConnectedServer {
  readonly name: string
  readonly client: ToolClient
  readonly contracts: ToolContracts
}

export interface HostOptions {
  /** In this process, at an address, or connected to already. */
  readonly servers: readonly (ToolServer | RemoteToolServer | ConnectedServer)[]
  /** Of servers in this process beside the three that every host knows. */
  readonly contracts?: Readonly<Record<string, ToolContracts>>
  readonly ledger: Ledger
  readonly budgets: Budgets
  readonly telemetry: Spans
  /** The longest a single call may take, whatever the run has left. Default ten minutes. */
  readonly callTimeoutMs?: number
  /** Makes every call as if the ledger were empty. For the tests that show what the ledger is for. */
  readonly disableLedger?: boolean
}

export interface AgentOptions {
  /** Who calls, for spans. */
  readonly agent: string
  /** What it may call, as `server.tool`. Of an agent of the chain: what stands in contracts/chain.ts, unless told otherwise. */
  readonly allowed?: readonly string[]
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
  const known: Record<string, ToolContracts> = { ...toolServers, ...options.contracts }
  for (const server of options.servers) {
    if ('contracts' in server) known[server.name] = server.contracts
    clients.set(server.name, await clientOf(server))
  }
  return {
    forAgent: agentOptions => {
      const meter = openMeter(options.budgets, agentOptions.runId, agentOptions.budget)
      const caller = new Caller(options, agentOptions, { clients, contracts: known }, meter)
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
  readonly #servers: Servers
  readonly #meter: Meter

  constructor(host: HostOptions, agent: AgentOptions, servers: Servers, meter: Meter) {
    this.#host = host
    this.#agent = agent
    this.#servers = servers
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
      const contract = contractOf(id, this.#servers.contracts)
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
    const { agent } = this.#agent
    const allowed: readonly string[] =
      this.#agent.allowed ?? (agent in chain ? chain[agent as keyof typeof chain].tools : [])
    if (allowed.includes(id)) return
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
  async #reconcile({ id, input, contract }: Call): Promise<unknown> {
    const own = id.split('.', 1)[0]! in toolServers
    // Of other servers nothing is known but what they say of their tools.
    const repeats = !own && contract.annotations.idempotentHint
    const way = own ? reconciliationOf(id, input as never) : repeats ? ({ kind: 'repeat' } as const) : undefined
    if (way === undefined) {
      throw new Failure('EFFECT_UNKNOWN', `${id} was begun and never answered, and cannot be asked what came of it.`)
    }
    if (way.kind === 'repeat') return undefined
    return way.answer((await this.call('lakehouse.find_write', way.question)) as ToolOutput<'lakehouse.find_write'>)
  }

  /** One call over the wire, paid for. */
  async #request(call: Call): Promise<unknown> {
    const [server = '', tool = ''] = call.id.split('.')
    const client = this.#servers.clients.get(server)
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

function contractOf(id: string, servers: Servers['contracts']): ToolContract {
  const [server = '', tool = '', more] = id.split('.')
  const tools = Object.hasOwn(servers, server) ? servers[server] : undefined
  const contract = tools && more === undefined && Object.hasOwn(tools, tool) ? tools[tool] : undefined
  if (contract !== undefined) return contract
  const known = Object.entries(servers).flatMap(([name, all]) => Object.keys(all).map(each => `${name}.${each}`))
  throw new Failure('TOOL_UNKNOWN', `There is no tool ${id}. There are ${known.join(', ')}.`)
}

interface Servers {
  readonly clients: ReadonlyMap<string, ToolClient>
  readonly contracts: Readonly<Record<string, ToolContracts>>
}

async function clientOf(server: ToolServer | RemoteToolServer | ConnectedServer): Promise<ToolClient> {
  if ('client' in server) return server.client
  return 'url' in server ? connectOverHttp(server) : connectInMemory(server)
}
