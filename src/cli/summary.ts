/** What a run of the chain came to: the document that `aiworkflow run --json` prints. */

import type { Approval } from '../../contracts/data/approval.ts'
import type { DecisionStep } from '../../contracts/data/common.ts'
import type { FailureReport, Judgement } from '../../contracts/events/events.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Sighting } from '../intake/intake.ts'
import { tableText } from '../lakehouse/identifiers.ts'
import type { RunState, RunView } from '../runtime/run-records.ts'
import type { Workspace } from './workspace.ts'

export interface DeliverySummary {
  readonly id: string
  readonly vendor: string
  readonly table: string
  readonly file: string
  readonly runId: string
  readonly traceId: string
  readonly state: 'published' | 'refused' | 'waiting' | 'failed' | 'duplicate' | 'rolled-back'
  /** Records in the source: rowsLoaded + rowsInError. */
  readonly rowsRead: number
  readonly rowsLoaded: number
  readonly rowsInError: number
  /** Rows of bronze: rowsPublished + rowsSuperseded + rowsRejectedInCore. */
  readonly rowsPublished: number
  readonly rowsRejectedInCore: number
  readonly rowsSuperseded: number
  readonly decisions: Record<DecisionStep, number>
  readonly waitingFor: readonly string[]
  readonly failure?: FailureReport & { readonly agent: string }
  readonly reasons?: Judgement['reasons']
}

export interface RunSummary {
  readonly deliveries: readonly DeliverySummary[]
  readonly errors: readonly {
    readonly file: string
    readonly code: string
    readonly message: string
    readonly wayOut: string
    readonly owner: string
  }[]
  readonly approvals: readonly {
    readonly id: string
    readonly blocking: boolean
    readonly text: string
    readonly options: Approval['question']['options']
    readonly suggested: string
    readonly owner: string
    readonly feed: string
  }[]
  readonly tables: readonly { readonly name: string; readonly rows: number; readonly snapshotId: string | null }[]
}

/** Who answers for what names nobody. That the register cannot be read is no reason to lose the failure that wants an owner. */
export const defaultOwner = (catalog: Catalog): Promise<string> =>
  catalog.vendors().then(
    ({ default: { owner } }) => owner,
    () => 'the owner of catalog/vendors.yaml',
  )

/** @param before the states of runs when this call began: what moved since is news, though its file was known. */
export async function summarise(
  workspace: Workspace,
  sightings: readonly Sighting[],
  before: ReadonlyMap<string, RunState>,
): Promise<RunSummary> {
  const { stores, catalog, lakehouse } = workspace
  const owner = await defaultOwner(catalog)
  const dead = new Set((await stores.deadLetters.all()).filter(({ state }) => state === 'open').map(({ id }) => id))
  const fresh = new Set(
    sightings.flatMap(sighting =>
      sighting.kind === 'delivered' || sighting.kind === 'rebuilt' ? [sighting.run.id] : [],
    ),
  )
  const deliveries: DeliverySummary[] = []
  const errors: RunSummary['errors'][number][] = []
  for (const sighting of sightings) {
    if (sighting.kind === 'changing') continue
    if (sighting.kind === 'failed') {
      const { code, message, wayOut } = sighting.failure
      errors.push({ file: sighting.file, code, message, wayOut, owner: sighting.failure.owner ?? owner })
      continue
    }
    const view = await stores.runs.get(sighting.run.id)
    if (view === undefined) continue
    const copy = sighting.kind === 'known' && fresh.has(sighting.run.id)
    const old = sighting.kind === 'known' && (copy || before.get(view.run.id) === view.state)
    deliveries.push(deliverySummary(sighting.file, view, copy ? 'duplicate' : stateOf(view, old, dead)))
  }
  // What moved in this call is news, even where its file is gone from landing or another lies in its place by now.
  const told = new Set(deliveries.map(({ runId }) => runId))
  for (const view of await stores.runs.all()) {
    const moved = before.has(view.run.id) && before.get(view.run.id) !== view.state
    if (moved && !told.has(view.run.id))
      deliveries.push(deliverySummary(view.delivery.file, view, stateOf(view, false, dead)))
  }
  const tables = await Promise.all(
    (await lakehouse.listTables()).map(async table => {
      const { rows } = await lakehouse.query(`SELECT count(*) FROM ${tableText(table)}`)
      const [latest] = await lakehouse.history(table)
      return { name: tableText(table), rows: Number(rows[0]?.[0] ?? 0), snapshotId: latest?.snapshotId ?? null }
    }),
  )
  const approvals = (await stores.approvals.open()).map(({ approval }) => {
    const { question, feed, id, blocking } = approval
    const { text, options, suggested } = question
    return { id, blocking, text, options, suggested, owner: question.owner, feed: `${feed.vendor}/${feed.table}` }
  })
  return { deliveries, errors, approvals, tables }
}

/** A run that was settled before stays what it was only where somebody still has to act on it. */
function stateOf(view: RunView, old: boolean, dead: ReadonlySet<string>): DeliverySummary['state'] {
  if (view.state === 'running') return 'waiting'
  if (view.state === 'waiting') return 'waiting'
  if (view.state === 'failed') return old && !dead.has(view.run.id) ? 'duplicate' : 'failed'
  return old ? 'duplicate' : view.state
}

function deliverySummary(file: string, view: RunView, state: DeliverySummary['state']): DeliverySummary {
  const { delivery, run, progress, failure } = view
  const { bronze, core, judgement } = progress
  const published = judgement?.verdict === 'publish' ? (core?.staged ?? 0) : 0
  return {
    id: delivery.id,
    vendor: delivery.feed.vendor,
    table: delivery.feed.table,
    file,
    runId: run.id,
    traceId: run.traceId,
    state,
    rowsRead: bronze?.read ?? 0,
    rowsLoaded: bronze?.loaded ?? 0,
    rowsInError: bronze?.rejected ?? 0,
    rowsPublished: published,
    rowsRejectedInCore: core?.rejected ?? 0,
    rowsSuperseded: (core?.superseded ?? 0) + (core?.supersededLater ?? 0),
    decisions: view.decisions,
    waitingFor: view.waitingFor,
    ...(failure === undefined ? {} : { failure }),
    ...(judgement?.verdict === 'refuse' ? { reasons: judgement.reasons } : {}),
  }
}
