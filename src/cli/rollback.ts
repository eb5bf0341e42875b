/** The taking back of deliveries in a workspace: asked for, carried out once decided, and undone by taking a delivery in again. */
import type { AgentName } from '../../contracts/chain.ts'
import type { Delivery, Run } from '../../contracts/data/delivery.ts'
import { asFailure, type Failure } from '../../contracts/failures.ts'
import { askRollback } from '../rollback/ask.ts'
import { type Performing, performRollback, type RollbackOutcome } from '../rollback/perform.ts'
import { type RollbackRecord, Rollbacks } from '../rollback/records.ts'
import { decideApproval } from '../runtime/decide-approval.ts'
import { digest } from '../runtime/identity.ts'
import type { Host } from '../tools/host.ts'
import { findRun } from './find-run.ts'
import { defaultOwner } from './summary.ts'
import type { Workspace } from './workspace.ts'

export interface RolledBack {
  readonly record: RollbackRecord
  readonly outcome: RollbackOutcome | { readonly kind: 'already' }
}

export interface RollbackAsked {
  readonly by: string
  readonly note: string
  /** Who asks approves, too. */
  readonly approve: boolean
}

/** @param name a delivery, its file, or a run of it */
export async function rollback(workspace: Workspace, name: string, asked: RollbackAsked): Promise<RolledBack> {
  const { stores, catalog } = workspace
  const { delivery } = await findRun(stores.runs, name)
  const { spending } = await catalog.policies()
  const record = await askRollback(delivery, { stores, spending, by: asked.by, note: asked.note })
  if (record.state === 'done') return { record, outcome: { kind: 'already' } }
  const outcome = await perform(workspace, record)
  if (outcome.kind === 'done' || !asked.approve) return { record, outcome }
  await decideApproval(workspace, outcome.approvalId, { verdict: 'approved', by: asked.by })
  return { record, outcome: await perform(workspace, record) }
}

/** Carries out what was decided since, and what a process died in. What goes wrong is said of each and kept with its run. */
export async function finishRollbacks(
  workspace: Workspace,
  onTrouble: (file: string, failure: Failure) => void = () => undefined,
): Promise<void> {
  for (const record of await workspace.stores.rollbacks.open()) {
    await perform(workspace, record).catch(error => onTrouble(record.delivery.file, asFailure(error)))
  }
}

/** Lets a delivery that was taken back count again: marked first, so that whoever runs it finds it so. */
export async function takeAgain(workspace: Workspace, delivery: Delivery, of: string, by: string): Promise<Run> {
  const { stores, intake, catalog } = workspace
  const record = await stores.rollbacks.get(delivery.id)
  const { run } = record ?? (await findRun(stores.runs, of))
  const { toolCalls, wallMs } = (await catalog.policies()).spending.run
  const at = new Date().toISOString()
  const tools = (await workspace.host('modeling')).forAgent({
    agent: 'modeling',
    runId: run.id,
    budget: { toolCalls, wallMs, startedAt: at },
  })
  const writeKey = digest('taken again', run.id)
  const about = { id: run.id, traceId: run.traceId }
  await workspace.telemetry.startRunSpan({ runId: run.id, deliveryId: delivery.id, workflow: 'rollback' }, () =>
    tools.call('lakehouse.mark_delivery', { writeKey, delivery, run: about, mark: 'taken-again', by, note: '', at }),
  )
  const again = await intake.replay(delivery.id, of)
  if (record !== undefined)
    await stores.store.transact({ writes: [Rollbacks.write({ ...record, state: 'taken-again' })] })
  return again
}

function perform(workspace: Workspace, record: RollbackRecord): Promise<RollbackOutcome> {
  const { stores, telemetry, catalog, owner } = workspace
  const hosts = new Map<AgentName, Promise<Host>>()
  const place: Performing = {
    stores,
    telemetry,
    owner,
    policies: () => catalog.policies(),
    defaultOwner: () => defaultOwner(catalog),
    host: agent => {
      const known = hosts.get(agent) ?? workspace.host(agent)
      hosts.set(agent, known)
      return known
    },
  }
  return performRollback(place, record)
}
