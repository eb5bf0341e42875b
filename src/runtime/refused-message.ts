/**
 * A message that no schema accepts: nobody can work on it, so it is kept as it came and said. Each agent that refuses it has a letter of
 * its own, and so have its tries: the count of replays goes on.
 */
import type { OutgoingMessage } from '../../bus/bus.ts'
import type { EventData, FailureReport } from '../../contracts/events/events.ts'
import { packMessage } from '../state/record.ts'
import { extract } from '../telemetry/context.ts'
import { announcement } from './announcement.ts'
import { DeadLetters } from './dead-letters.ts'
import { eventId } from './identity.ts'
import type { ActorStores } from './stores.ts'

/** Characters of the message that its event shows; the letter has all of it. */
const mostShown = 10_000

export async function keepRefused(
  stores: ActorStores,
  agent: string,
  message: OutgoingMessage,
  failure: FailureReport,
  at: string,
): Promise<void> {
  const { topic, key, headers, value } = message
  const id = headers['ce_id'] ?? eventId('', agent, topic, Buffer.from(value).toString('base64'))
  const [vendor = 'unknown', table = 'unknown'] = key.split('/')
  const traceId = extract({ traceparent: headers['traceparent'] ?? headers['ce_traceparent'] })?.traceId
  const failed: EventData<'run.failed'> = {
    feed: { vendor: safeName(vendor), table: safeName(table) },
    agent,
    failure,
    ...(traceId !== undefined && { traceId }),
    toolCalls: [],
    message: { topic, id, data: Buffer.from(value).toString('utf8').slice(0, mostShown) },
  }
  const letter = `${id}.${agent}`
  const { replays = 0 } = (await stores.deadLetters.find(letter)) ?? {}
  await stores.store.transact({
    writes: [
      DeadLetters.write({ id: letter, failed, at, message: packMessage(message), replays }),
      ...announcement(agent, 'run.failed', failed, `${letter}-refused-${replays}`, at),
    ],
  })
}

const safeName = (text: string): string => (/^[a-z][a-z0-9_]{0,62}$/.test(text) ? text : 'unknown')
