import { modelScopes } from '../../model/spending.ts'
import { takeDirectory } from '../arguments.ts'
import { defineCommand, exitCodes } from '../command.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import { table } from '../render/table.ts'

/** What one scope has spent; a limit that is not set is null. Money in the currency of the policy. */
interface Cost {
  readonly scope: string
  readonly calls: number
  readonly tokens: number
  readonly money: number
  readonly limit: { readonly calls: number | null; readonly tokens: number | null; readonly money: number | null }
}

const kinds = ['workspace', 'day', 'feed', 'run']
const kindOf = ({ scope }: Cost): number => kinds.findIndex(kind => scope.startsWith(kind))
const millionth = 1_000_000

export const costs = defineCommand({
  synopsis: ['costs [DIR] [--json]'],
  about:
    'What language models have cost, of the whole workspace, by day, by feed and by run or call of execute(), beside the limits of catalog/policies/model.yaml. A call of which nobody knows what came of it counts as spent in full.',
  options: settingOptions,
  async run(call) {
    const { directory } = takeDirectory(call.words)
    const { currency, spent } = await withWorkspace(call, directory, async ({ stores, catalog }) => ({
      currency: (await catalog.policies()).model?.currency ?? '',
      spent: await stores.budgets.spent(modelScopes),
    }))
    const scopes = spent
      .map(({ scope, limits, spent: { calls = 0, tokens = 0, moneyMicros = 0 } }): Cost => {
        const most = limits.moneyMicros === undefined ? null : limits.moneyMicros / millionth
        return {
          scope: scope.slice(modelScopes.length),
          calls,
          tokens,
          money: moneyMicros / millionth,
          limit: { calls: limits.calls ?? null, tokens: limits.tokens ?? null, money: most },
        }
      })
      .sort((a, b) => kindOf(a) - kindOf(b) || (a.scope < b.scope ? -1 : 1))
    call.terminal.answer({ currency, scopes }, () => {
      if (scopes.length === 0) return 'No language model was asked.'
      const of = (used: string, most: number | null) => (most === null ? used : `${used} of ${most}`)
      const rows = scopes.map(({ scope, calls, tokens, money, limit }) => [
        scope,
        of(String(calls), limit.calls),
        of(String(tokens), limit.tokens),
        of(money.toFixed(4), limit.money),
      ])
      const right = (title: string) => ({ title, align: 'right' as const })
      return table([{ title: 'what for' }, right('calls'), right('tokens'), right(currency)], rows, call.terminal)
    })
    return exitCodes.done
  },
})
