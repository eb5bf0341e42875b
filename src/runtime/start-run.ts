/** Begins a run of a delivery: its ids, its budget, its trace, and the event that sets the chain going. */

import type { Bus } from '../../bus/bus.ts'
import { feedKey } from '../../contracts/data/common.ts'
import type { Delivery, Run, RunCause } from '../../contracts/data/delivery.ts'
import type { SpendingPolicy } from '../../contracts/data/policy.ts'
import { eventType } from '../../contracts/events/events.ts'
import { outboxWrites } from '../state/outbox.ts'
import type { Write } from '../state/store.ts'
import { runSpanIds, traceparentOf } from '../telemetry/context.ts'
import { own } from '../telemetry/names.ts'
import { sendSpan } from '../telemetry/shapes.ts'
import type { Telemetry } from '../telemetry/tracer.ts'
import { eventId, runId } from './identity.ts'
import { toMessage } from './outgoing.ts'
import { RunRecords } from './run-records.ts'

/** Whose outbox the first event of a run goes through. */
export const intakeOutbox = 'intake'

export interface StartedRun {
  readonly run: Run
  /** To be committed with whatever makes the run known. */
  readonly writes: readonly Write[]
}

export async function startRun(
  delivery: Delivery,
  cause: RunCause,
  spending: SpendingPolicy,
  telemetry: Telemetry,
  nowMs: number,
  system: Bus['system'],
): Promise<StartedRun> {
  const id = runId(delivery.id, cause)
  const { toolCalls, wallMs } = spending.run
  const budget = { toolCalls, wallMs, startedAt: new Date(nowMs).toISOString() }
  const run: Run = { id, traceId: runSpanIds(id).traceId, cause, budget }
  const feed = feedKey(delivery.feed)
  const replayed = cause.kind === 'replayed' ? cause.of : undefined
  const event = eventId(id, 'intake', 'feed.delivered', delivery.id)
  const details = { id: event, source: 'aiworkflow/intake', type: eventType('feed.delivered'), subject: feed }
  const traceparent = await telemetry.startRunSpan(
    { runId: id, deliveryId: delivery.id, feed, agent: 'intake' },
    root => {
      root.set({ [own.runCause]: cause.kind, [own.replayOf]: replayed, [own.file]: delivery.file })
      return telemetry.withSpan(
        ...sendSpan({ system, topic: 'feed.delivered', key: feed, event: details }),
        span => span.traceparent,
      )
    },
    // A replay is a trace of its own, from which the one that failed is found.
    replayed === undefined ? [] : [{ traceparent: traceparentOf(runSpanIds(replayed)) }],
  )
  const outgoing = {
    id: event,
    topic: 'feed.delivered' as const,
    key: feed,
    source: details.source,
    time: budget.startedAt,
    runId: id,
    deliveryId: delivery.id,
    traceparent,
    data: { run, delivery },
  }
  const order = `${delivery.receivedAt} ${id}`
  return {
    run,
    writes: [
      RunRecords.start({ run, delivery }),
      ...outboxWrites(intakeOutbox, order, [toMessage(outgoing, traceparent)]),
    ],
  }
}
