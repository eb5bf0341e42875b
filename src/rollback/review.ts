/** Whether a delivery may be taken back: policy says so, or a person does. */
import type { ApprovalDecision, ApprovalQuestion } from '../../contracts/data/approval.ts'
import { feedKey } from '../../contracts/data/common.ts'
import type { Decision } from '../../contracts/data/decision.ts'
import type { Policies } from '../../contracts/data/policy.ts'
import { Failure } from '../../contracts/failures.ts'
import { quoteLiteral, tableText } from '../lakehouse/identifiers.ts'
import { approvalId } from '../runtime/identity.ts'
import type { ActorStores } from '../runtime/stores.ts'
import type { Telemetry } from '../telemetry/tracer.ts'
import type { AgentTools } from '../tools/host.ts'
import { coreTableRef } from '../tools/lakehouse/names.ts'
import type { RollbackRecord } from './records.ts'

/** Whose questions these are: no agent of the chain waits for the answer. */
export const rollbackAgent = 'rollback'

export type Reviewed =
  | { readonly kind: 'waiting'; readonly approvalId: string }
  | { readonly kind: 'decided'; readonly decision: ApprovalDecision & Pick<Decision, 'step'> }

/** @throws Failure ROLLBACK_REFUSED by policy, APPROVAL_REJECTED by a person. */
export async function reviewRollback(review: {
  readonly stores: ActorStores
  readonly telemetry: Telemetry
  readonly policies: () => Promise<Policies>
  readonly record: RollbackRecord
  readonly tools: AgentTools
}): Promise<Reviewed> {
  const { stores, record, tools } = review
  const { run, delivery, by, askedAt } = record
  const { autonomy } = await review.policies()
  const { owner, rollback } = autonomy
  if (rollback === 'refuse')
    throw new Failure('ROLLBACK_REFUSED', `Policy refuses to take deliveries back: ${delivery.file} stays.`, { owner })
  if (rollback === 'accept')
    return { kind: 'decided', decision: { verdict: 'approved', by, at: askedAt, step: 'rule' } }
  const id = approvalId(run.id, rollbackAgent, 'rollback')
  const known = await stores.approvals.find(id)
  if (known === undefined) {
    const approval = {
      id,
      runId: run.id,
      agent: rollbackAgent,
      feed: delivery.feed,
      blocking: true,
      question: await questionOf(record, owner, tools),
      requestedAt: askedAt,
    }
    await stores.approvals.request({ approval, about: { run, delivery }, threadId: `${run.id}/${rollbackAgent}` })
  }
  const decision = known?.decision
  if (decision === undefined) return { kind: 'waiting', approvalId: id }
  if (decision.verdict === 'approved') return { kind: 'decided', decision: { ...decision, step: 'person' } }
  throw new Failure('APPROVAL_REJECTED', `${decision.by} decided that ${delivery.file} is not taken back.`, {
    owner,
    wayOut: 'Ask again with `aiworkflow rollback` if it has to go after all.',
  })
}

async function questionOf(
  { delivery, by, note }: RollbackRecord,
  owner: string,
  tools: AgentTools,
): Promise<ApprovalQuestion> {
  const { standard } = await tools.call('metadata.get_standard', {})
  const core = tableText(coreTableRef(standard))
  const { rows } = await tools.call('lakehouse.query', {
    sql: `SELECT count(*) FROM ${core} WHERE _delivery_id = ${quoteLiteral(delivery.id)}`,
  })
  const held = Number(rows[0]?.[0])
  return {
    subject: 'rollback',
    text: `Is ${delivery.file} of ${feedKey(delivery.feed)} taken back out of ${core}? ${held} of its rows are there.`,
    options: [
      {
        answer: 'roll back',
        text: 'its rows go, and what they replaced comes back from earlier deliveries; later deliveries stay as they are',
      },
    ],
    suggested: 'roll back',
    owner,
    evidence: [`asked by ${by}${note === '' ? '' : `: ${note}`}`],
  }
}
