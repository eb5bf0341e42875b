/**
 * The world outside of the simulated processes: what tools have changed in it outlives every crash.
 *
 * The lake has no write keys of its own unless told so: then only the ledger, and its asking what came of an unknown call,
 * stand between a crash and a second write. Decisions are kept by id, as the metadata server keeps them.
 */
import { feedKey } from '../../contracts/data/common.ts'
import { Failure } from '../../contracts/failures.ts'
import { toolServers } from '../../contracts/tools/index.ts'
import { runId } from '../../src/runtime/identity.ts'
import { stageBranch } from '../../src/tools/lakehouse/names.ts'
import { bronzeSummary, coreSummary } from '../../src/tools/lakehouse/summary.ts'
import {
  type Spans,
  serveTools,
  type ToolContracts,
  type ToolHandlers,
  type ToolServer,
} from '../../src/tools/server.ts'
import { coreTable, roundOf } from './documents.ts'
import type { Life } from './faults.ts'
import type { PlannedDelivery } from './schedule.ts'

/** Something a tool changed. `key` is what it may be done once for. */
export interface Effect {
  readonly kind: 'decide' | 'load' | 'stage' | 'publish'
  readonly key: string
  readonly feed: string
  /** Place of the delivery in its feed. */
  readonly number: number
  /** What was decided. */
  readonly says: string
}

/** One run of a node. */
export interface Step {
  readonly process: number
  readonly runId: string
  readonly agent: string
  readonly round: number
  readonly node: string
}

export type Happening =
  | ({ readonly kind: 'step' } & Step)
  | { readonly kind: 'answered'; readonly runId: string; readonly agent: string; readonly subject: string }
  | { readonly kind: 'ended'; readonly process: number }

/** What may befall a process while it works on the world. */
export interface Dangers {
  readonly life: Life
  /** Whether to die here. */
  readonly dies: () => boolean
  /** Waits before an effect, while somebody else may take the feed over. */
  readonly pause: () => Promise<void>
}

export const counts = {
  bronze: { read: 1, loaded: 1, rejected: 0 },
  core: { bronze: 1, staged: 1, superseded: 0, supersededLater: 0, rejected: 0 },
} as const

export class World {
  readonly effects: Effect[] = []
  /** In the order they happened. */
  readonly happenings: Happening[] = []
  readonly #byRun = new Map<string, PlannedDelivery>()
  readonly #failedLoads = new Map<string, number>()
  readonly #writeKeys: boolean

  /** @param writeKeys whether the lake itself refuses to write twice under one key */
  constructor(writeKeys: boolean) {
    this.#writeKeys = writeKeys
  }

  plan(deliveryId: string, planned: PlannedDelivery): void {
    this.#byRun.set(runId(deliveryId, { kind: 'delivered' }), planned)
  }

  planned(run: string): PlannedDelivery {
    const planned = this.#byRun.get(run)
    if (planned === undefined) throw new Error(`nobody planned ${run}`)
    return planned
  }

  /** The three servers as one process reaches them. */
  servers(spans: Spans, { life, dies, pause }: Dangers): readonly ToolServer[] {
    /** True when it was not there before. */
    const change = async (kind: Effect['kind'], run: string, key: string, says = ''): Promise<boolean> => {
      life.risk(`before ${kind}`, dies())
      await pause()
      life.risk(`before ${kind}, after a pause`, false)
      const isNew = !((kind === 'decide' || this.#writeKeys) && this.#has(kind, key))
      const { feed, number } = this.planned(run)
      if (isNew) this.effects.push({ kind, key, feed: feedKey(feed), number, says })
      life.risk(`after ${kind}`, dies())
      return isNew
    }
    return [
      simulated('filesystem', toolServers.filesystem, spans, {
        stat_file: ({ path }) => ({ path, sizeBytes: 1, modifiedAt: '2026-01-01T00:00:00Z' }),
      }),
      simulated('metadata', toolServers.metadata, spans, {
        record_decisions: async ({ decisions }) => {
          for (const { id, runId, question, answer } of decisions)
            await change('decide', runId, id, `${question}: ${answer}`)
          return { recorded: decisions.length }
        },
      }),
      simulated('lakehouse', toolServers.lakehouse, spans, {
        run_load_plan: async ({ plan }) => {
          this.#mayFail(plan.runId)
          const isNew = await change('load', plan.runId, plan.writeKey)
          return { counts: counts.bronze, snapshotId: snapshotOf(plan.writeKey), alreadyDone: !isNew }
        },
        stage_core: async ({ writeKey, run }) => {
          const isNew = await change('stage', run.id, writeKey)
          const place = { table: coreTable, branch: stageBranch(run.id), snapshotId: snapshotOf(writeKey) }
          return { ...place, counts: counts.core, alreadyDone: !isNew }
        },
        publish: async ({ branch, writeKey }) => {
          const run = branch.slice(stageBranch('').length)
          const snapshotId = snapshotOf(writeKey)
          if (roundOf(writeKey) < this.planned(run).script.stageAgain) return { outcome: 'stage-again', snapshotId }
          return { outcome: (await change('publish', run, writeKey)) ? 'published' : 'already', snapshotId }
        },
        discard_branch: () => ({ discarded: true }),
        find_write: ({ table, writeKey, branch }) => {
          const kind = table.namespace !== coreTable.namespace ? 'load' : branch === undefined ? 'publish' : 'stage'
          if (!this.#has(kind, writeKey)) return { snapshotId: null, summary: {} }
          const summary = kind === 'load' ? bronzeSummary(counts.bronze) : coreSummary(counts.core)
          return { snapshotId: snapshotOf(writeKey), summary: { ...summary, 'added-records': '1' } }
        },
      }),
    ]
  }

  #has(kind: Effect['kind'], key: string): boolean {
    return this.effects.some(effect => effect.kind === kind && effect.key === key)
  }

  #mayFail(run: string): void {
    const { flakyLoads, brokenLoad } = this.planned(run).script
    if (brokenLoad) throw new Failure('DISK_FULL', 'The simulated disk is full.')
    const failed = this.#failedLoads.get(run) ?? 0
    if (failed >= flakyLoads) return
    this.#failedLoads.set(run, failed + 1)
    throw new Failure('TABLE_CONFLICT', 'Another simulated writer was faster.')
  }
}

/** A server with some of its tools; the others fail, so that a schedule that needs them does. */
function simulated<C extends ToolContracts>(
  name: string,
  contracts: C,
  spans: Spans,
  handlers: Partial<ToolHandlers<C>>,
): ToolServer {
  const missing = (tool: string) => () => {
    throw new Error(`${name}.${tool} is not simulated`)
  }
  const all = Object.keys(contracts).map(tool => [tool, handlers[tool] ?? missing(tool)])
  return serveTools(name, contracts, Object.fromEntries(all) as ToolHandlers<C>, spans)
}

const snapshotOf = (key: string): string => `snapshot of ${key}`
