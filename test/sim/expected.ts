/** What a delivery must come to, from its script alone. */

import type { AgentName } from '../../contracts/chain.ts'
import { feedKey } from '../../contracts/data/common.ts'
import { approvalId } from '../../src/runtime/identity.ts'
import type { RunState } from '../../src/runtime/run-records.ts'
import { subjectsOf } from './agents.ts'
import type { PlannedDelivery } from './schedule.ts'
import type { Effect } from './world.ts'

export interface Expected {
  readonly state: RunState
  readonly effects: readonly string[]
}

/** One of the two options, by what is asked, so that an answer that goes astray is the wrong one. */
export const answerOf = (approvalId: string): string =>
  Number.parseInt(approvalId.at(-1) ?? '0', 16) % 2 === 0 ? 'left' : 'right'

export const tellEffect = ({ feed, number, kind, says }: Pick<Effect, 'feed' | 'number' | 'kind' | 'says'>): string =>
  `${feed} ${number}: ${kind} ${says}`.trimEnd()

export function expectedOf(run: string, planned: PlannedDelivery): Expected {
  const { script, number } = planned
  const effects: string[] = []
  const feed = feedKey(planned.feed)
  const effect = (kind: Effect['kind'], says = '') => effects.push(tellEffect({ feed, number, kind, says }))
  const decide = (agent: AgentName, subject: string) =>
    effect('decide', `${subject}: ${answerOf(approvalId(run, agent, subject))}`)
  const end = (state: RunState): Expected => ({ state, effects })

  if (script.planner === 'rejected') return end('failed')
  effect('decide', 'look: seen')
  if (script.planner !== undefined) decide('planner', 'contract')
  if (script.brokenLoad) return end('failed')
  effect('load')
  if (script.required.includes('rejected')) return end('failed')
  for (const subject of subjectsOf('required', planned)) decide('modeling', subject)
  for (const [at, subject] of subjectsOf('optional', planned).entries()) {
    if (script.optional[at] === 'approved') decide('modeling', subject)
    else effect('decide', `${subject}: rejected`)
  }
  effect('stage')
  if (script.verdict === 'refuse') return end('refused')
  for (let round = 0; round < script.stageAgain; round += 1) effect('stage')
  effect('publish')
  return end('published')
}
