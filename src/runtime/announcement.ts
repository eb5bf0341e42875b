/** What the runtime itself says of a run, questions and failures: an event in the transaction that makes it true. */
import { feedKey } from '../../contracts/data/common.ts'
import type { Delivery, Run } from '../../contracts/data/delivery.ts'
import type { EventData, Topic } from '../../contracts/events/events.ts'
import { outboxWrites } from '../state/outbox.ts'
import type { Write } from '../state/store.ts'
import { traceHeaders } from '../telemetry/context.ts'
import { type OutgoingEvent, toMessage } from './outgoing.ts'

export interface About {
  readonly run: Run
  readonly delivery: Delivery
}

/** The writes that put an event into an agent's outbox. `about` undefined: there is no run it belongs to. */
export function announcement<T extends Topic>(
  agent: string,
  about: About | undefined,
  topic: T,
  data: EventData<T>,
  id: string,
  time: string,
): Write[] {
  const event: OutgoingEvent = {
    id,
    topic,
    key: feedKey('feed' in data ? data.feed : data.delivery.feed),
    source: `aiworkflow/${agent}`,
    time,
    ...(about === undefined ? {} : { runId: about.run.id, deliveryId: about.delivery.id }),
    ...traceHeaders(),
    data: data as OutgoingEvent['data'],
  }
  return outboxWrites(agent, `${time} ${id}`, [toMessage(event, event.traceparent)])
}
