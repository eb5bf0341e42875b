/**
 * What is known of a run, for people. Owns the keys `run/…` of the state store: one entry by the intake, which starts runs,
 * and one by every agent, written in the transaction that ends the agent's part. Nothing decides by them except the
 * intake, which looks whether a settled delivery is governed by documents that have changed since.
 *
 * Invariants: an entry has one writer; a run's state is derived from its entries, never stored.
 */
import { z } from 'zod'
import { type AgentName, agentNames } from '../../contracts/chain.ts'
import { type DecisionStep, decisionSteps } from '../../contracts/data/common.ts'
import { Delivery, Run } from '../../contracts/data/delivery.ts'
import { BronzeCounts, CoreCounts, FailureReport, Judgement } from '../../contracts/events/events.ts'
import { keys } from '../state/keys.ts'
import { decodeRecord, encodeRecord } from '../state/record.ts'
import { type StateStore, scanAll, type Write } from '../state/store.ts'

/** What an agent has found out about the run so far. */
export const Progress = z.strictObject({
  contractVersion: z.int().optional(),
  mappingVersion: z.int().optional(),
  /** Digest of the documents that governed core, see `governance` in src/runtime/governance.ts. */
  governance: z.string().optional(),
  bronze: BronzeCounts.optional(),
  core: CoreCounts.optional(),
  judgement: Judgement.optional(),
})
export type Progress = z.infer<typeof Progress>

export const AgentPart = z.strictObject({
  agent: z.string(),
  state: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('done') }),
    z.strictObject({ kind: z.literal('waiting'), approvals: z.array(z.string()) }),
    z.strictObject({ kind: z.literal('failed'), failure: FailureReport }),
  ]),
  progress: Progress,
  decisions: z.record(z.string(), z.int()),
  at: z.iso.datetime(),
})
export type AgentPart = z.infer<typeof AgentPart>

export const RunStart = z.strictObject({
  run: Run,
  delivery: Delivery,
  /** The run takes the delivery back, as somebody asked. */
  rollback: z.strictObject({ by: z.string(), note: z.string() }).optional(),
})
export type RunStart = z.infer<typeof RunStart>

export type RunState = 'running' | 'waiting' | 'failed' | 'published' | 'refused' | 'rolled-back'

export interface RunView extends RunStart {
  readonly state: RunState
  readonly progress: Progress
  readonly decisions: Record<DecisionStep, number>
  readonly waitingFor: readonly string[]
  readonly failure: (FailureReport & { readonly agent: string }) | undefined
}

/** The run as a whole from its parts. */
export function viewRun(start: RunStart, parts: readonly AgentPart[]): RunView {
  const byAgent = new Map(parts.map(part => [part.agent as AgentName, part]))
  // A rollback is one part, of no agent.
  const ordered = start.rollback === undefined ? agentNames.flatMap(name => byAgent.get(name) ?? []) : parts
  const progress: Progress = Object.assign({}, ...ordered.map(part => part.progress))
  const decisions = Object.fromEntries(
    decisionSteps.map(step => [step, ordered.reduce((sum, part) => sum + (part.decisions[step] ?? 0), 0)]),
  ) as Record<DecisionStep, number>
  const waitingFor = ordered.flatMap(part => (part.state.kind === 'waiting' ? part.state.approvals : []))
  const failed = ordered.find(part => part.state.kind === 'failed')
  const failure = failed?.state.kind === 'failed' ? { ...failed.state.failure, agent: failed.agent } : undefined
  return {
    ...start,
    progress,
    decisions,
    waitingFor,
    failure,
    state:
      start.rollback !== undefined && parts.some(({ state }) => state.kind === 'done')
        ? 'rolled-back'
        : stateOf(byAgent, failure !== undefined, waitingFor.length > 0),
  }
}

function stateOf(parts: ReadonlyMap<AgentName, AgentPart>, failed: boolean, waiting: boolean): RunState {
  if (failed) return 'failed'
  if (waiting) return 'waiting'
  const judgement = parts.get('validator')?.progress.judgement
  if (judgement === undefined) return 'running'
  return judgement.verdict === 'publish' ? 'published' : 'refused'
}

/** Reads and writes run records; writes are handed out to be committed with what they belong to. */
export class RunRecords {
  readonly #store: StateStore

  constructor(store: StateStore) {
    this.#store = store
  }

  static start(start: RunStart): Write {
    return { put: keys.run(start.run.id), value: encodeRecord(start) }
  }

  static part(runId: string, part: AgentPart): Write {
    return { put: keys.runPart(runId, part.agent), value: encodeRecord(part) }
  }

  async get(runId: string): Promise<RunView | undefined> {
    const entry = await this.#store.get(keys.run(runId))
    return entry && this.#view(decodeRecord(RunStart, entry))
  }

  /** Every run, oldest delivery first. */
  async all(): Promise<RunView[]> {
    const views: RunView[] = []
    for await (const entry of scanAll(this.#store, keys.runs()))
      views.push(await this.#view(decodeRecord(RunStart, entry)))
    return views.sort(
      (a, b) =>
        a.run.budget.startedAt.localeCompare(b.run.budget.startedAt) ||
        a.delivery.receivedAt.localeCompare(b.delivery.receivedAt),
    )
  }

  async #view(start: RunStart): Promise<RunView> {
    const parts: AgentPart[] = []
    for await (const entry of scanAll(this.#store, keys.runParts(start.run.id)))
      parts.push(decodeRecord(AgentPart, entry))
    return viewRun(start, parts)
  }
}
