/**
 * Catalog expressions: text of a mapping, a normalization rule or a check → a checked tree of our own.
 *
 * The text is parsed by a full SQL parser; then only what has a place in `tree.ts` is taken over, node by node (`reader.ts`).
 * Everything else is refused by not being known: subqueries, file functions, the clock, parameters, windows. Kinds are checked as
 * well, so that an expression means the same on every engine and cannot fail on the data for being badly put (`sku > 5` of a text).
 */
import { parse } from '@polyglot-sql/sdk'
import { Failure } from '../../contracts/failures.ts'
import { ExpressionReader, type Fields, isSaid, isSilent, namedKind, type Refuse, shown } from './reader.ts'
import { columnsOf, type Kind, type Tree } from './tree.ts'

export interface ExpressionScope {
  /** Columns the expression may name, with their types. Names match without regard to case. */
  readonly columns: ReadonlyMap<string, string>
  /** Aggregates belong to `table` scope, where nothing else may be said of a column. */
  readonly scope: 'row' | 'table'
  /** What the result has to be; left out: anything. */
  readonly result?: Kind
  /** Whose expression it is, for the error: `rule price.positive`, `mapping of price`. */
  readonly of: string
  readonly owner?: string
}

export interface Expression {
  readonly text: string
  readonly tree: Tree
  readonly kind: Kind
  /** The columns it reads, sorted. */
  readonly columns: readonly string[]
}

/**
 * Throws `EXPRESSION_REFUSED` with the place, what was wrong, and the nearest allowed name.
 */
export function parseExpression(text: string, scope: ExpressionScope): Expression {
  const refuse: Refuse = what => {
    throw new Failure('EXPRESSION_REFUSED', `The expression of ${scope.of}, ${shown(text)}: ${what}.`, {
      ...(scope.owner === undefined ? {} : { owner: scope.owner }),
    })
  }
  const reader = new ExpressionReader(scope, refuse)
  const { tree, kind } = reader.read(onlyExpression(text, refuse))
  if (scope.result !== undefined && kind !== scope.result && kind !== 'null') {
    refuse(`it gives ${namedKind(kind)} where ${namedKind(scope.result)} is wanted`)
  }
  return { text, tree, kind, columns: columnsOf(tree) }
}

const prefix = 'SELECT '

/** The parser's words, with places that count from the start of the expression. */
const readingError = (message: string): string =>
  message
    .replace(/^Parse error at /, 'at ')
    .replace(/(?<=line 1, column )\d+/, column => String(Number(column) - prefix.length))

function onlyExpression(text: string, refuse: Refuse): unknown {
  const parsed = parse(`${prefix}${text}`, 'duckdb' as Parameters<typeof parse>[1])
  if (!parsed.success) return refuse(`it cannot be read: ${readingError(String(parsed.error))}`)
  const statements = parsed.ast as unknown as Fields[]
  const select = statements[0]?.select as Fields | undefined
  const expressions = select?.expressions as unknown[] | undefined
  if (statements.length !== 1 || select === undefined || expressions?.length !== 1) {
    return refuse('expected exactly one expression')
  }
  const clause = Object.keys(select).find(key => key !== 'expressions' && !isSilent(key) && isSaid(select[key]))
  if (clause !== undefined) refuse(`${clause.replaceAll('_', ' ')} has no place in an expression`)
  return expressions[0]
}
