import { type Feed, feedKey } from '../../contracts/data/common.ts'
import type { Decision } from '../../contracts/data/decision.ts'
import { createDecisionBook } from '../tools/metadata/decisions.ts'
import type { Workspace } from './workspace.ts'

/** The decisions of every feed, latest first. */
export async function everyDecision({ stores }: Pick<Workspace, 'stores'>): Promise<Decision[]> {
  const book = createDecisionBook(stores.store)
  const feeds = new Map<string, Feed>((await stores.runs.all()).map(({ delivery: { feed } }) => [feedKey(feed), feed]))
  const found = await Promise.all([...feeds.values()].map(feed => book.recall(feed)))
  return found.flat().sort((a, b) => b.at.localeCompare(a.at))
}
