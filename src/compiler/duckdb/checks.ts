/** Checks over rows that stand already, as DuckDB SQL: how many break each, and a few that do. */
import { quoteIdentifier, quoteLiteral } from '../../lakehouse/identifiers.ts'
import type { PlannedRule } from '../core-plan.ts'
import type { Tree } from '../tree.ts'
import { renderExpression, renderGuarded } from './expression.ts'

const shownRows = 5

/** Over `staged`. A truth that is unknown is not broken. */
export function renderChecks(rules: readonly PlannedRule[], key: readonly string[]): string {
  const shown = `concat_ws(' / ', ${key.map(name => `CAST(${quoteIdentifier(name)} AS VARCHAR)`).join(', ')})`
  const texts = rules.map(({ rule, tree }) =>
    rule.scope === 'table' ? tableCheck(rule.id, tree) : rowCheck('staged', rule.id, tree, shown),
  )
  return texts.length === 0 ? none : texts.join('\nUNION ALL\n')
}

/** Over `bronze`; rows are named by their place in the delivery. */
export function renderContractChecks(checks: readonly { readonly id: string; readonly tree: Tree }[]): string {
  return checks
    .map(({ id, tree }) => rowCheck('bronze', id, tree, `'record ' || CAST(_record_number AS VARCHAR)`))
    .join('\nUNION ALL\n')
}

const none = `SELECT '' AS id, CAST(0 AS BIGINT) AS broken, '[]' AS rows WHERE false`

function rowCheck(relation: string, id: string, tree: Tree, shown: string): string {
  const broken = `${renderGuarded(tree)} IS FALSE`
  return `SELECT ${quoteLiteral(id)} AS id, count(*) FILTER (WHERE ${broken}) AS broken, coalesce((SELECT CAST(to_json(list(shown)) AS VARCHAR) FROM (SELECT ${shown} AS shown FROM ${relation} WHERE ${broken} ORDER BY 1 LIMIT ${shownRows})), '[]') AS rows FROM ${relation}`
}

const tableCheck = (id: string, tree: Tree): string =>
  `SELECT ${quoteLiteral(id)} AS id, CAST(CASE WHEN (${renderExpression(tree)}) IS FALSE THEN 1 ELSE 0 END AS BIGINT) AS broken, '[]' AS rows FROM staged`
