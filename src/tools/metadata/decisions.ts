/**
 * Decisions, kept in the state store under `decisions/<feed>/<question>/<id>`.
 *
 * Owns every key below `decisions/`. Invariants:
 * 1. A decision id is written once; the same id again is accepted and changes nothing.
 * 2. Of one question of one feed the newest `keptPerQuestion` stay; a delivery a day makes years of memory, not growth.
 *    What governs anything for longer stands in the contract or mapping that the decision led to.
 */
import { type Feed, feedKey } from '../../../contracts/data/common.ts'
import { Decision } from '../../../contracts/data/decision.ts'
import { change } from '../../state/change.ts'
import { decodeRecord, encodeRecord } from '../../state/record.ts'
import { type StateStore, scanAll } from '../../state/store.ts'

export const keptPerQuestion = 100

export interface DecisionBook {
  /** How many were new. */
  record(decisions: readonly Decision[]): Promise<number>
  /** By question, the latest of each first. */
  recall(feed: Feed): Promise<Decision[]>
}

export function createDecisionBook(store: StateStore): DecisionBook {
  const read = async (prefix: string) => {
    const found: { key: string; decision: Decision }[] = []
    for await (const entry of scanAll(store, prefix)) {
      found.push({ key: entry.key, decision: decodeRecord(Decision, entry) })
    }
    return found.sort((a, b) => latestFirst(a.decision, b.decision))
  }

  const record = async (decisions: readonly Decision[]) => {
    const unique = new Map(decisions.map(decision => [keyOf(decision), decision]))
    return change(store, async () => {
      const known = await store.getMany([...unique.keys()])
      const fresh = [...unique].filter((_, index) => known[index] === undefined)
      const tooOld = await overflow(fresh.map(([, decision]) => decision))
      const transaction = {
        checks: fresh.map(([key]) => ({ key, absent: true }) as const),
        writes: [
          ...fresh.map(([key, decision]) => ({ put: key, value: encodeRecord(decision) })),
          ...tooOld.map(key => ({ delete: key })),
        ],
      }
      return fresh.length === 0 ? { kind: 'answer', answer: 0 } : { kind: 'write', transaction, answer: fresh.length }
    })
  }

  /** Keys that give way to new decisions. */
  const overflow = async (fresh: readonly Decision[]) => {
    const arriving = Map.groupBy(fresh, decision => below(decision.feed, decision.question))
    const leaving: string[] = []
    for (const [prefix, { length }] of arriving) {
      leaving.push(...(await read(prefix)).slice(Math.max(keptPerQuestion - length, 0)).map(({ key }) => key))
    }
    return leaving
  }

  return {
    record,
    recall: async feed => {
      const found = (await read(below(feed))).map(({ decision }) => decision)
      return found.sort((a, b) => (a.question < b.question ? -1 : a.question > b.question ? 1 : latestFirst(a, b)))
    },
  }
}

const latestFirst = (a: Decision, b: Decision) => Date.parse(b.at) - Date.parse(a.at) || (a.id < b.id ? 1 : -1)

// Escaped, so that no question, however odd, reaches into the keys of another.
const part = (text: string) => encodeURIComponent(text.toWellFormed())
const below = (feed: Feed, question?: string) =>
  ['decisions', part(feedKey(feed)), ...(question === undefined ? [] : [part(question)]), ''].join('/')
const keyOf = (decision: Decision) => `${below(decision.feed, decision.question)}${part(decision.id)}`
