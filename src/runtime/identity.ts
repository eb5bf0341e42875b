/** Ids that are derived, not drawn: the same thing has the same id in every process and after every crash. */
import { createHash } from 'node:crypto'
import { type Feed, feedKey } from '../../contracts/data/common.ts'
import type { RunCause } from '../../contracts/data/delivery.ts'

/** SHA-256 in hex over the parts; lengths are hashed too, so that no two lists of parts run together. */
export function digest(...parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part)
  return hash.digest('hex')
}

export const deliveryId = (feed: Feed, contentSha256: string): string =>
  `d_${digest('delivery', feedKey(feed), contentSha256).slice(0, 24)}`

export const runId = (delivery: string, cause: RunCause): string =>
  `r_${digest('run', delivery, causeKey(cause)).slice(0, 24)}`

export const eventId = (run: string, node: string, topic: string, writeKey: string): string =>
  `e_${digest('event', run, node, topic, writeKey).slice(0, 32)}`

export const approvalId = (run: string, agent: string, subject: string): string =>
  `a_${digest('approval', run, agent, subject).slice(0, 16)}`

export const decisionId = (run: string, question: string): string =>
  `x_${digest('decision', run, question).slice(0, 24)}`

/** One run's thread in one agent; a run comes back to an agent when core must be staged again. */
export const threadId = (run: string, agent: string, round = 0): string =>
  `${run}/${agent}${round === 0 ? '' : `/${round}`}`

function causeKey(cause: RunCause): string {
  switch (cause.kind) {
    case 'delivered':
      return 'delivered'
    case 'replayed':
      return `replayed ${cause.of} ${cause.attempt}`
    case 'rebuilt':
      return `rebuilt ${cause.attempt} ${cause.governance}`
  }
}
