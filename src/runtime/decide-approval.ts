/** A person's answer: checked against what was asked, kept, and sent to the agent that asked. */
import type { Bus } from '../../bus/bus.ts'
import type { ApprovalDecision } from '../../contracts/data/approval.ts'
import { feedKey } from '../../contracts/data/common.ts'
import { eventType } from '../../contracts/events/events.ts'
import { Failure } from '../../contracts/failures.ts'
import type { AskedApproval } from '../state/approvals.ts'
import { outboxWrites } from '../state/outbox.ts'
import { runSpanIds, traceparentOf } from '../telemetry/context.ts'
import { sendSpan } from '../telemetry/shapes.ts'
import type { Telemetry } from '../telemetry/tracer.ts'
import { eventId } from './identity.ts'
import { type OutgoingEvent, toMessage } from './outgoing.ts'
import type { ActorStores } from './stores.ts'

/** Whose outbox people's answers go through. */
export const peopleOutbox = 'people'

/**
 * @param given an answer left out is the suggested one
 * Errors: APPROVAL_UNKNOWN, also where it was decided before in another way; USAGE for an answer that is no option.
 */
export async function decideApproval(
  place: { readonly stores: ActorStores; readonly bus: Bus; readonly telemetry: Telemetry },
  id: string,
  given: {
    readonly verdict: 'approved' | 'rejected'
    readonly answer?: string | undefined
    readonly by: string
    readonly note?: string | undefined
  },
): Promise<AskedApproval> {
  const { stores, bus, telemetry } = place
  const asked = await stores.approvals.find(id)
  if (asked === undefined) throw new Failure('APPROVAL_UNKNOWN', `There is no approval ${id}.`)
  const { approval, about } = asked
  const decision = decisionOf(asked, given)
  const feed = feedKey(approval.feed)
  const event = eventId(about.run.id, approval.agent, 'approval.decided', id)
  const shape = { id: event, source: 'aiworkflow/people', type: eventType('approval.decided'), subject: feed }
  const traceparent = await telemetry.withSpan(
    ...childOfRun(about.run.id, sendSpan({ system: bus.system, topic: 'approval.decided', key: feed, event: shape })),
    span => {
      span.decided({
        question: approval.question.subject,
        answer: decision.answer ?? decision.verdict,
        step: 'person',
        confidence: 1,
        by: decision.by,
      })
      return span.traceparent
    },
  )
  const outgoing = {
    id: event,
    topic: 'approval.decided' as const,
    key: feed,
    source: shape.source,
    time: decision.at,
    runId: about.run.id,
    deliveryId: about.delivery.id,
    traceparent,
    data: {
      ...about,
      approvalId: id,
      subject: approval.question.subject,
      agent: approval.agent,
      decision,
    } as OutgoingEvent['data'],
  }
  const writes = outboxWrites(peopleOutbox, `${decision.at} ${id}`, [toMessage(outgoing, traceparent)])
  const decided = await stores.approvals.decide(id, decision, writes)
  await stores.outbox.flush(peopleOutbox, messages => bus.publish(messages))
  const stands = decided.decision
  if (!decided.first && (stands?.verdict !== decision.verdict || stands.answer !== decision.answer)) {
    throw new Failure(
      'APPROVAL_UNKNOWN',
      `${stands?.by ?? 'Somebody'} decided ${id} before: ${stands?.answer ?? stands?.verdict}.`,
      {
        wayOut:
          'The first decision stands. To change it, add the next version of the contract or mapping under catalog/feeds.',
      },
    )
  }
  return decided
}

function decisionOf(
  { approval }: AskedApproval,
  {
    verdict,
    answer,
    by,
    note,
  }: { verdict: 'approved' | 'rejected'; answer?: string | undefined; by: string; note?: string | undefined },
): ApprovalDecision {
  const base = { by, ...(note === undefined ? {} : { note }), at: new Date().toISOString() }
  if (verdict === 'rejected') return { verdict, ...base }
  const { options, suggested } = approval.question
  const chosen = answer ?? suggested
  if (options.some(option => option.answer === chosen)) return { verdict, answer: chosen, ...base }
  throw new Failure('USAGE', `${chosen} is no answer to ${approval.id}.`, {
    wayOut: `Answer one of: ${options.map(option => option.answer).join(', ')}.`,
  })
}

/** The answer belongs to the run's trace, below its root: the wait may have lasted longer than any span. */
function childOfRun(runId: string, [name, options]: ReturnType<typeof sendSpan>): ReturnType<typeof sendSpan> {
  return [name, { ...options, scope: { runId }, parent: { traceparent: traceparentOf(runSpanIds(runId)) } }]
}
