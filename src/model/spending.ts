/**
 * What calls of models may cost: limits of a run, its feed, the day and the workspace at once, shared by all processes through the
 * state store.
 *
 * A call is reserved in every scope before its first byte leaves, or in none; it is settled by what the provider says it was. A
 * reservation that nobody settles, since the process died, stays spent.
 */
import type { ModelPolicy } from '../../contracts/data/model.ts'
import { Failure } from '../../contracts/failures.ts'
import type { Amounts, BudgetAccount, Budgets } from '../state/budgets.ts'
import { limitsOf } from './price.ts'

/** What a call is for; the day is the day it is made on, in UTC. */
export interface Spender {
  readonly runId: string
  readonly feed?: string | undefined
}

export const modelScopes = 'model/'

/** The scopes of a call with the limit of each. */
export function scopesOf({ runId, feed }: Spender, limits: ModelPolicy['limits'], day: string): [string, Amounts][] {
  return [
    [`${modelScopes}run/${runId}`, limitsOf(limits.run)],
    ...(feed === undefined ? [] : [[`${modelScopes}feed/${feed}`, limitsOf(limits.feed)] as [string, Amounts]]),
    [`${modelScopes}day/${day}`, limitsOf(limits.day)],
    [`${modelScopes}workspace`, limitsOf(limits.workspace)],
  ]
}

export interface Reserved {
  settle(actual: Amounts): Promise<void>
}

/** @throws Failure BUDGET_EXHAUSTED, naming the scope and its limit; nothing is reserved then. */
export async function reserveEverywhere(
  budgets: Budgets,
  id: string,
  asked: Amounts,
  scopes: readonly (readonly [string, Amounts])[],
  owner: string,
): Promise<Reserved> {
  const taken: BudgetAccount[] = []
  for (const [scope, limits] of scopes) {
    const account = budgets.account(scope)
    const answer = await account.reserve(id, asked, limits, true)
    if (answer.kind === 'reserved') {
      taken.push(account)
      continue
    }
    for (const each of taken) await each.settle(id, {})
    const what = `${scope.slice(modelScopes.length)}: ${answer.left} of ${answer.limit} ${answer.unit} are left`
    throw new Failure(
      'BUDGET_EXHAUSTED',
      `No model is asked: ${what}, and the call may take ${asked[answer.unit] ?? 0}.`,
      {
        owner,
        wayOut: 'Raise the limit in catalog/policies/model.yaml, or let people answer.',
      },
    )
  }
  return {
    settle: async actual => {
      for (const account of taken) await account.settle(id, actual)
    },
  }
}
