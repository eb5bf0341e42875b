import { feedKey } from '../../contracts/data/common.ts'
import type { RunSummary } from './chain.ts'
import type { Workspace } from './workspace.ts'

/** What waits for a person, oldest first, as `--json` shows it. */
export async function openApprovals({ stores }: Pick<Workspace, 'stores'>): Promise<RunSummary['approvals']> {
  return (await stores.approvals.open()).map(({ approval: { id, blocking, feed, question } }) => {
    const { text, options, suggested, owner } = question
    return { id, blocking, text, options, suggested, owner, feed: feedKey(feed) }
  })
}
