/** Runs the chain in this process: all four agents over the workspace's bus, fed by its intake. */
import { setTimeout as delay } from 'node:timers/promises'
import { agents } from '../../agents/index.ts'
import { untilIdle } from '../../bus/bus.ts'
import { type AgentName, agentNames } from '../../contracts/chain.ts'
import { asFailure, Failure } from '../../contracts/failures.ts'
import type { Sighting } from '../intake/intake.ts'
import { type Actor, startActor } from '../runtime/actor.ts'
import type { RunState } from '../runtime/run-records.ts'
import { consultOf } from './consult.ts'
import { refuseLostWarehouse } from './lost-warehouse.ts'
import { finishRollbacks } from './rollback.ts'
import { defaultOwner, type RunSummary, summarise } from './summary.ts'
import type { Workspace } from './workspace.ts'

export type { RunSummary } from './summary.ts'

export type Progress =
  | {
      readonly kind: 'taken'
      readonly feed: string
      readonly file: string
      readonly runId: string
      readonly why: 'delivered' | 'rebuilt'
    }
  | { readonly kind: 'trouble'; readonly file: string; readonly failure: Failure }
  | { readonly kind: 'step'; readonly runId: string; readonly agent: string; readonly node: string }

export interface ChainOptions {
  readonly onProgress?: (progress: Progress) => void
  readonly signal?: AbortSignal
}

/** Feeds an agent works on at once in one process: DuckDB shares the cores among them. */
export const concurrency = 2
/** How long what runs may take to come to its next step once the process was asked to stop. */
export const drainTimeoutMs = 60_000
/** How often `up` looks at landing. */
const lookEveryMs = 500
/** Whether documents changed is asked less often than whether files came: it looks at every delivery there is. */
const looksPerRuleCheck = 10
/** How often what has outlived its time is removed. */
const looksPerSweep = 120
/** Looks in a row that find nothing settled before a run gives up on a file that keeps changing. */
const patience = 4

/** Starts one agent of the workspace; it takes messages until drained. */
export async function startAgent(workspace: Workspace, name: AgentName, options: ChainOptions = {}): Promise<Actor> {
  const { bus, stores, telemetry, catalog, owner } = workspace
  return startActor({
    agent: agents[name],
    bus,
    stores,
    host: await workspace.host(name),
    telemetry,
    owner,
    concurrency,
    spending: async () => (await catalog.policies()).spending,
    defaultOwner: () => defaultOwner(catalog),
    consult: consultOf(workspace),
    onStep: step => options.onProgress?.({ kind: 'step', ...step }),
  })
}

/** Everything in landing, once. Ends when nothing moves any more: published, refused, failed or waiting for a person. */
export async function runOnce(workspace: Workspace, options: ChainOptions = {}): Promise<RunSummary> {
  await refuseLostWarehouse(workspace)
  const before = new Map<string, RunState>((await workspace.stores.runs.all()).map(view => [view.run.id, view.state]))
  const seen = new Map<string, Sighting>()
  await withAgents(workspace, options, async signal => {
    const idle = () => untilIdle(workspace.bus, { signal })
    const trouble = (file: string, failure: Failure) => options.onProgress?.({ kind: 'trouble', file, failure })
    await finishRollbacks(workspace, trouble)
    // What an earlier process left comes first, what it had not even said, too: it may govern deliveries anew, and the look has to see that.
    await workspace.intake.flush()
    await idle()
    let unsettled = 0
    while (!signal.aborted) {
      const sightings = await workspace.intake.look()
      report(sightings, seen, options)
      await idle()
      const moved = sightings.some(({ kind }) => kind === 'delivered' || kind === 'rebuilt')
      const changing = sightings.filter(sighting => sighting.kind === 'changing')
      if (moved) continue
      if (changing.length === 0 || unsettled >= patience) break
      unsettled += 1
      await delay(Math.max(10, Math.min(...changing.map(({ lookAgainMs }) => lookAgainMs))))
    }
  })
  return summarise(workspace, [...seen.values()].map(stillChanging), before)
}

/** The same chain, until the signal: a file dropped into landing is taken up when it is whole. */
export async function keepRunning(
  workspace: Workspace,
  options: ChainOptions & { readonly signal: AbortSignal },
): Promise<void> {
  await refuseLostWarehouse(workspace)
  await withAgents(workspace, options, signal => watchLanding(workspace, { ...options, signal }))
}

/** All agents, or some, at work while `work` lasts. What ends one of them by a fault, a full disk say, ends the work and is thrown. */
export async function withAgents(
  workspace: Workspace,
  options: ChainOptions,
  work: (signal: AbortSignal) => Promise<void>,
  names: readonly AgentName[] = agentNames,
): Promise<void> {
  const broken = new AbortController()
  const actors = await Promise.all(names.map(name => startAgent(workspace, name, options)))
  for (const { ended } of actors) void ended.catch(error => broken.abort(error))
  try {
    await work(AbortSignal.any([broken.signal, ...(options.signal ? [options.signal] : [])]))
  } finally {
    await Promise.all(actors.map(actor => actor.drain(drainTimeoutMs)))
  }
  broken.signal.throwIfAborted()
}

/** The intake alone, until the signal. A look that fails, say at a catalog somebody is editing, is said once and tried again. */
export async function watchLanding(
  workspace: Workspace,
  options: ChainOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const seen = new Map<string, Sighting>()
  let trouble = ''
  for (let looks = 0; !options.signal.aborted; looks += 1) {
    try {
      report(await workspace.intake.look({ rules: looks % looksPerRuleCheck === 0 }), seen, options)
      if (looks % looksPerRuleCheck === 0) await finishRollbacks(workspace)
      trouble = ''
    } catch (error) {
      const failure = asFailure(error)
      if (failure.message !== trouble) options.onProgress?.({ kind: 'trouble', file: 'landing', failure })
      trouble = failure.message
    }
    if (looks % looksPerSweep === 0) await workspace.stores.store.sweep().catch(() => 0)
    await delay(lookEveryMs, undefined, { signal: options.signal }).catch(() => undefined)
  }
}

/** Says what is new since the last look, and keeps the latest sighting of every file; a run of this call is not forgotten. */
function report(sightings: readonly Sighting[], seen: Map<string, Sighting>, { onProgress }: ChainOptions): void {
  for (const sighting of sightings) {
    const before = seen.get(sighting.file)
    if (sighting.kind === 'known' && (before?.kind === 'delivered' || before?.kind === 'rebuilt')) continue
    seen.set(sighting.file, sighting)
    if (sighting.kind === 'delivered' || sighting.kind === 'rebuilt') {
      const { vendor, table } = sighting.delivery.feed
      onProgress?.({
        kind: 'taken',
        feed: `${vendor}/${table}`,
        file: sighting.file,
        runId: sighting.run.id,
        why: sighting.kind,
      })
    } else if (
      sighting.kind === 'failed' &&
      !(before?.kind === 'failed' && before.failure.message === sighting.failure.message)
    ) {
      onProgress?.({ kind: 'trouble', file: sighting.file, failure: sighting.failure })
    }
  }
}

/** A file that did not settle in time, as trouble that is said. */
export function stillChanging(sighting: Sighting): Sighting {
  if (sighting.kind !== 'changing') return sighting
  const { file, behind } = sighting
  const why =
    behind === undefined
      ? `${file} kept changing while it was watched: it is still being written.`
      : `${file} comes after ${behind}, which is still being written.`
  return { kind: 'failed', file, failure: new Failure('FILE_CHANGING', why) }
}
