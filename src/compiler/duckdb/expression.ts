/**
 * Trees → DuckDB SQL. No cast raises: one record must not end the statement for all others, and `TRY` is no safe place to raise in,
 * since the optimizer takes repeated parts out of it. Whoever places the text asks `renderMisfit` what a strict cast could not take.
 */
import { quoteIdentifier, quoteLiteral } from '../../lakehouse/identifiers.ts'
import { nodesOf, type Tree } from '../tree.ts'
import { duckdbType } from './types.ts'

export function renderExpression(tree: Tree): string {
  const inner = renderOperand
  switch (tree.kind) {
    case 'column':
      return quoteIdentifier(tree.name)
    case 'text':
      return quoteLiteral(tree.value)
    case 'number':
      return tree.value
    case 'truth':
      return tree.value ? 'true' : 'false'
    case 'null':
      return 'NULL'
    case 'call':
      return renderCall(tree.name, tree.arguments.map(renderExpression))
    case 'operation':
      return `${inner(tree.left)} ${tree.operator.toUpperCase()} ${inner(tree.right)}`
    case 'not':
      return `NOT ${inner(tree.operand)}`
    case 'negative':
      return `-${inner(tree.operand)}`
    case 'is':
      return `${inner(tree.operand)} IS ${tree.negated ? 'NOT ' : ''}${tree.what.toUpperCase()}`
    case 'in':
      return `${inner(tree.operand)} ${tree.negated ? 'NOT ' : ''}IN (${tree.values.map(renderExpression).join(', ')})`
    case 'between':
      return `${inner(tree.operand)} ${tree.negated ? 'NOT ' : ''}BETWEEN ${inner(tree.low)} AND ${inner(tree.high)}`
    case 'like':
      return `${inner(tree.operand)} ${tree.ignoreCase ? 'ILIKE' : 'LIKE'} ${inner(tree.pattern)}`
    case 'case': {
      const branches = tree.branches.map(
        ({ when, gives }) => `WHEN ${renderExpression(when)} THEN ${renderExpression(gives)}`,
      )
      return `CASE ${branches.join(' ')} ELSE ${renderExpression(tree.otherwise)} END`
    }
    case 'cast':
      return `TRY_CAST(${renderExpression(tree.operand)} AS ${duckdbType(tree.type)})`
    case 'aggregate': {
      const operand = tree.operand === undefined ? '*' : renderExpression(tree.operand)
      return `${tree.name}(${tree.distinct ? 'DISTINCT ' : ''}${operand})`
    }
  }
}

/** As an operand; null where arithmetic goes out of range, which nothing else in a tree can end in an error. */
export function renderGuarded(tree: Tree): string {
  const arithmetic = ['+', '-', '*', '/', '%']
  const risky = nodesOf(tree, node => node.kind === 'operation' && arithmetic.includes(node.operator))
  return risky.length === 0 ? renderOperand(tree) : `TRY(${renderExpression(tree)})`
}

/** True for a row in which a strict cast met a value that does not fit; undefined where the tree has none. */
export function renderMisfit(tree: Tree): string | undefined {
  const misfits = nodesOf(tree, node => node.kind === 'cast' && node.strict && node.type !== 'string').flatMap(node =>
    node.kind === 'cast'
      ? [`(${renderExpression(node.operand)} IS NOT NULL AND ${renderExpression(node)} IS NULL)`]
      : [],
  )
  return misfits.length === 0 ? undefined : [...new Set(misfits)].join(' OR ')
}

/** In parentheses wherever precedence could be doubted. */
function renderOperand(tree: Tree): string {
  const text = renderExpression(tree)
  return ['operation', 'not', 'negative', 'is', 'in', 'between', 'like', 'case'].includes(tree.kind)
    ? `(${text})`
    : text
}

/** Defaults that engines do not share are written out. */
function renderCall(name: string, given: string[]): string {
  if (name === 'regexp_extract' && given.length === 2) given.push('0')
  return `${name}(${given.join(', ')})`
}
