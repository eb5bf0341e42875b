/**
 * The tree of a catalog expression: the only thing an engine's renderer ever sees. What has no node here cannot be said in a
 * mapping, a rule or a check, on any engine.
 */

/** What a value is, as far as an expression cares. `null` fits everywhere. */
export type Kind = 'text' | 'number' | 'truth' | 'date' | 'timestamp' | 'null'

export type Operator = '+' | '-' | '*' | '/' | '%' | '||' | Comparison | 'and' | 'or'
export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=' | 'is distinct from' | 'is not distinct from'

export type Tree =
  | { readonly kind: 'column'; readonly name: string }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'number'; readonly value: string }
  | { readonly kind: 'truth'; readonly value: boolean }
  | { readonly kind: 'null' }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Tree[] }
  | { readonly kind: 'operation'; readonly operator: Operator; readonly left: Tree; readonly right: Tree }
  | { readonly kind: 'not' | 'negative'; readonly operand: Tree }
  | { readonly kind: 'is'; readonly operand: Tree; readonly what: 'null' | 'true' | 'false'; readonly negated: boolean }
  | { readonly kind: 'in'; readonly operand: Tree; readonly values: readonly Tree[]; readonly negated: boolean }
  | {
      readonly kind: 'between'
      readonly operand: Tree
      readonly low: Tree
      readonly high: Tree
      readonly negated: boolean
    }
  | { readonly kind: 'like'; readonly operand: Tree; readonly pattern: Tree; readonly ignoreCase: boolean }
  | {
      readonly kind: 'case'
      readonly branches: readonly { readonly when: Tree; readonly gives: Tree }[]
      readonly otherwise: Tree
    }
  /** `strict`: a value that does not fit is a fault of the row; otherwise it just becomes null. `type` is a column type of the contracts. */
  | { readonly kind: 'cast'; readonly operand: Tree; readonly type: string; readonly strict: boolean }
  | {
      readonly kind: 'aggregate'
      readonly name: Aggregate
      readonly distinct: boolean
      readonly operand: Tree | undefined
    }

export type Aggregate = 'count' | 'sum' | 'min' | 'max' | 'avg'

/** The nodes directly below one, with the way to put others in their place. */
function rebuild(tree: Tree, change: (child: Tree) => Tree): Tree {
  switch (tree.kind) {
    case 'call':
      return { ...tree, arguments: tree.arguments.map(change) }
    case 'operation':
      return { ...tree, left: change(tree.left), right: change(tree.right) }
    case 'not':
    case 'negative':
    case 'is':
    case 'cast':
      return { ...tree, operand: change(tree.operand) }
    case 'in':
      return { ...tree, operand: change(tree.operand), values: tree.values.map(change) }
    case 'between':
      return { ...tree, operand: change(tree.operand), low: change(tree.low), high: change(tree.high) }
    case 'like':
      return { ...tree, operand: change(tree.operand), pattern: change(tree.pattern) }
    case 'case':
      return {
        ...tree,
        branches: tree.branches.map(({ when, gives }) => ({ when: change(when), gives: change(gives) })),
        otherwise: change(tree.otherwise),
      }
    case 'aggregate':
      return tree.operand === undefined ? tree : { ...tree, operand: change(tree.operand) }
    default:
      return tree
  }
}

/** The tree with every column that has a binding replaced by it. Columns inside a binding are not looked at again. */
export function substitute(tree: Tree, bindings: ReadonlyMap<string, Tree>): Tree {
  if (tree.kind === 'column') return bindings.get(tree.name) ?? tree
  return rebuild(tree, child => substitute(child, bindings))
}

/** Every node of a tree that is of interest, outermost first. */
export function nodesOf(tree: Tree, wanted: (node: Tree) => boolean): Tree[] {
  const found: Tree[] = []
  const visit = (node: Tree): Tree => {
    if (wanted(node)) found.push(node)
    return rebuild(node, visit)
  }
  visit(tree)
  return found
}

/** Names of the columns a tree reads, sorted: its lineage. */
export function columnsOf(tree: Tree): string[] {
  const found = nodesOf(tree, node => node.kind === 'column').map(node => (node.kind === 'column' ? node.name : ''))
  return [...new Set(found)].sort()
}
