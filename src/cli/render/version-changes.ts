/** How a version of a contract or a mapping differs from the one before, a line each. Pure. */
import type { FeedColumn, FeedContract } from '../../../contracts/data/feed-contract.ts'
import type { MappedColumn, Mapping } from '../../../contracts/data/mapping.ts'

export function mappingChanges(before: Mapping | undefined, after: Mapping): string[] {
  const old = new Map(before?.columns.map(column => [column.column, column]))
  return after.columns.flatMap(column => {
    const was = old.get(column.column)
    const [from, to] = [was === undefined ? undefined : saidOf(was), saidOf(column)]
    if (from === to || (was === undefined && column.status === 'absent')) return []
    const who = column.decidedBy === undefined ? column.step : `${column.step} ${column.decidedBy}`
    return [
      `${column.column}: ${from === undefined ? '' : `${from} → `}${to} (${who}, ${column.confidence.toFixed(2)})`,
    ]
  })
}

const saidOf = ({ status, expression }: MappedColumn): string =>
  status === 'accepted' ? (expression ?? 'null') : status === 'open' ? 'open' : 'null'

export function contractChanges(before: FeedContract | undefined, after: FeedContract): string[] {
  if (before === undefined) return [`${after.columns.length} columns, ${after.format.kind}`]
  const old = new Map(before.columns.map(column => [column.name, column]))
  const format = JSON.stringify(before.format) === JSON.stringify(after.format) ? [] : ['format: read another way']
  return [
    ...format,
    ...after.columns.flatMap(column => columnChanges(old.get(column.name), column)),
    ...before.columns
      .filter(({ name }) => after.columns.every(column => column.name !== name))
      .map(({ name }) => `- ${name}`),
  ]
}

function columnChanges(before: FeedColumn | undefined, after: FeedColumn): string[] {
  if (before === undefined) return [`+ ${after.name}: ${after.type}`]
  const changes = [
    ...(before.type === after.type ? [] : [`${before.type} → ${after.type}`]),
    ...(before.sourceName === after.sourceName ? [] : [`from ${after.sourceName} instead of ${before.sourceName}`]),
    ...(JSON.stringify(before.format) === JSON.stringify(after.format) ? [] : ['written another way']),
    ...(before.retired === after.retired ? [] : [after.retired === true ? 'no longer delivered' : 'delivered again']),
  ]
  return changes.length === 0 ? [] : [`${after.name}: ${changes.join(', ')}`]
}
