import { randomUUID } from 'node:crypto'
import type { RunBudget } from '../../contracts/data/delivery.ts'
import { Failure } from '../../contracts/failures.ts'
import type { Budgets } from '../state/budgets.ts'
import { TimeUp } from './client.ts'

/** Pays for tool calls out of a run's budget: a call and its time are reserved before it is made and settled after. */
export interface Meter {
  /**
   * @param work gets the milliseconds the run has left.
   * @throws Failure BUDGET_EXHAUSTED where the run has no call or no time left.
   */
  spend<T>(work: (leftMs: number) => Promise<T>): Promise<T>
}

/**
 * A call that no server took, since it is away, costs nothing: it is waited for as long as that takes. One that a server may have taken
 * is paid for, so that a call which ends its server each time comes to an end. A call that is never settled, since the process died in it or the store was busy, stays paid for.
 */
export function openMeter(budgets: Budgets, runId: string, granted: RunBudget): Meter {
  const account = budgets.account(runId)
  const limits = { calls: granted.toolCalls, milliseconds: granted.wallMs }
  return {
    spend: async work => {
      const id = randomUUID()
      const answer = await account.reserve(id, { calls: 1, milliseconds: 1 }, limits)
      if (answer.kind === 'refused') throw exhausted(runId, answer.unit, answer.limit)
      // What this call reserved is its own to use.
      const { milliseconds = granted.wallMs - 1 } = (await account.left()) ?? {}
      const leftMs = milliseconds + 1
      const startMs = performance.now()
      let taken = true
      let leastMs = 0
      try {
        return await work(leftMs)
      } catch (error) {
        taken = !(error instanceof Failure && error.code === 'TOOL_UNREACHABLE')
        // A timer may be a moment early; the time it was set to is over all the same.
        if (error instanceof TimeUp) leastMs = error.timeoutMs
        throw error
      } finally {
        // What came of the call counts: were this to throw, a change that was made would look like one that failed.
        const usedMs = Math.max(leastMs, Math.ceil(performance.now() - startMs))
        const used = taken ? { calls: 1, milliseconds: usedMs } : {}
        await account.settle(id, used).catch(() => undefined)
      }
    },
  }
}

function exhausted(runId: string, unit: string, limit: number): Failure {
  const what = unit === 'calls' ? `${limit} tool calls` : `${limit} ms of tool time`
  return new Failure('BUDGET_EXHAUSTED', `Run ${runId} was granted ${what} and has used them.`)
}
