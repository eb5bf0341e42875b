/**
 * Trees → DuckDB SQL. A strict cast is rendered as one, so it raises on a value that does not fit: whoever places the text wraps
 * it in `TRY` and says what a raised error means there.
 */
import { quoteIdentifier, quoteLiteral } from '../../lakehouse/identifiers.ts'
import type { Tree } from '../tree.ts'
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
      return `${tree.strict ? 'CAST' : 'TRY_CAST'}(${renderExpression(tree.operand)} AS ${duckdbType(tree.type)})`
    case 'aggregate': {
      const operand = tree.operand === undefined ? '*' : renderExpression(tree.operand)
      return `${tree.name}(${tree.distinct ? 'DISTINCT ' : ''}${operand})`
    }
  }
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
