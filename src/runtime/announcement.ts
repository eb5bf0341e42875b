/** What the runtime itself says of a run, questions and failures: an event in the transaction that makes it true. */
import { feedKey } from '../../contracts/data/common.ts'
import type { EventData, Topic } from '../../contracts/events/events.ts'
import { outboxWrites } from '../state/outbox.ts'
import type { Write } from '../state/store.ts'
import { traceHeaders } from '../telemetry/context.ts'
import { type OutgoingEvent, toMessage } from './outgoing.ts'

/** The writes that put an event into an agent's outbox. */
export function announcement<T extends Topic>(
  agent: string,
  topic: T,
  data: EventData<T>,
  id: string,
  time: string,
): Write[] {
  const { run, delivery } = data
  const event: OutgoingEvent = {
    id,
    topic,
    key: feedKey('feed' in data ? data.feed : data.delivery.feed),
    source: `aiworkflow/${agent}`,
    time,
    ...(run && { runId: run.id }),
    ...(delivery && { deliveryId: delivery.id }),
    ...traceHeaders(),
    data: data as OutgoingEvent['data'],
  }
  return outboxWrites(agent, `${time} ${id}`, [toMessage(event, event.traceparent)])
}
