/** The parser's tree → ours, node by node: what has no case here is refused. */

import { nearest } from '../catalog/nearest.ts'
import { functions, largestSize, spellings } from './functions.ts'
import type { Aggregate, Comparison, Kind, Operator, Tree } from './tree.ts'
import { decimalOf, kindOf } from './types.ts'

export type Refuse = (what: string) => never
export type Fields = Readonly<Record<string, unknown>>
interface Read {
  readonly tree: Tree
  readonly kind: Kind
}

export const shown = (text: string): string => `\`${text.length > 200 ? `${text.slice(0, 200)}…` : text}\``
export const namedKind = (kind: Kind): string =>
  ({ null: 'null', text: 'a text', number: 'a number', truth: 'a truth' })[kind as 'text'] ?? `a ${kind}`

/** Says nothing about meaning: comments, positions, and which of two spellings was used. */
const silent =
  /comments$|^(span|original_name|name|double_colon_syntax|from_for_syntax|sql_standard_syntax|position_explicit|postfix_form|integer_spelling|no_parens|inferred_type|ignore_nulls)$/

export const isSilent = (key: string): boolean => silent.test(key)

export const isSaid = (value: unknown): boolean =>
  value !== null && value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0)

const operators: Readonly<Record<string, Operator>> = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  mod: '%',
  concat: '||',
  and: 'and',
  or: 'or',
  eq: '=',
  neq: '<>',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
  null_safe_eq: 'is not distinct from',
  null_safe_neq: 'is distinct from',
}

/** Functions the parser gives nodes of their own, with the fields that hold their arguments. */
const callNodes: Readonly<Record<string, readonly string[]>> = {
  abs: ['this'],
  ceil: ['this'],
  coalesce: ['expressions'],
  floor: ['this'],
  length: ['this'],
  lower: ['this'],
  substring: ['this', 'start', 'length'],
  trim: ['this', 'characters'],
  upper: ['this'],
}

const aggregates: readonly string[] = ['count', 'sum', 'min', 'max', 'avg'] satisfies Aggregate[]

const castTypes: Readonly<Record<string, string>> = {
  int: 'int',
  big_int: 'long',
  double: 'double',
  var_char: 'string',
  text: 'string',
  string: 'string',
  boolean: 'boolean',
  date: 'date',
}

export class ExpressionReader {
  readonly #columns: ReadonlyMap<string, string>
  readonly #names: ReadonlyMap<string, string>
  readonly #scope: 'row' | 'table'
  readonly #refuse: Refuse
  #insideAggregate = false

  constructor(scope: { columns: ReadonlyMap<string, string>; scope: 'row' | 'table' }, refuse: Refuse) {
    this.#columns = scope.columns
    this.#names = new Map([...scope.columns.keys()].map(name => [name.toLowerCase(), name]))
    this.#scope = scope.scope
    this.#refuse = refuse
  }

  read(node: unknown): Read {
    const [type, fields] = Object.entries(node as Record<string, Fields | null>)[0]!
    if (type === 'null') return { tree: { kind: 'null' }, kind: 'null' }
    if (fields === null) return this.#refuseFunction(type)
    if (type in operators) return this.#operation(operators[type]!, this.#fields(type, fields, 'left', 'right'))
    if (type in callNodes) {
      const { position, ...rest } = fields
      if (isSaid(position) && position !== 'Both') return this.#refuse(`use ltrim or rtrim for trim ${position}`)
      const taken = this.#fields(type, rest, ...callNodes[type]!)
      return this.#call(type, callNodes[type]!.flatMap(key => taken[key] ?? []).filter(isSaid))
    }
    if (aggregates.includes(type)) return this.#aggregate(type as Aggregate, fields)
    switch (type) {
      case 'column':
        return this.#column(fields)
      case 'literal':
        return this.#literal(fields)
      case 'boolean':
        return { tree: { kind: 'truth', value: fields.value === true }, kind: 'truth' }
      case 'paren':
      case 'annotated':
        return this.read(this.#fields(type, fields, 'this').this)
      case 'neg':
        return this.#unary('negative', 'number', this.#fields(type, fields, 'this').this)
      case 'not':
        return this.#unary('not', 'truth', this.#fields(type, fields, 'this').this)
      case 'is_null':
      case 'is_true':
      case 'is_false':
        return this.#is(type.slice(3) as 'null' | 'true' | 'false', this.#fields(type, fields, 'this', 'not'))
      case 'in':
        return this.#in(this.#fields(type, fields, 'this', 'expressions', 'not'))
      case 'between':
        return this.#between(this.#fields(type, fields, 'this', 'low', 'high', 'not'))
      case 'like':
      case 'i_like':
        return this.#like(type === 'i_like', this.#fields(type, fields, 'left', 'right'))
      case 'case':
        return this.#case(this.#fields(type, fields, 'operand', 'whens', 'else_'))
      case 'cast':
      case 'try_cast':
        return this.#cast(type === 'cast', this.#fields(type, fields, 'this', 'to'))
      case 'mod_func': {
        const { this: left, expression: right } = this.#fields(type, fields, 'this', 'expression')
        return this.#operation('%', { left, right })
      }
      case 'function': {
        const name = String(fields.name).toLowerCase()
        const { args } = this.#fields(name, { ...fields, name: null }, 'args')
        return this.#call(name, args as unknown[])
      }
      default:
        return this.#refuseFunction(type)
    }
  }

  /** The fields of a node that are understood; whatever else a node says is refused rather than ignored. */
  #fields(type: string, fields: Fields, ...understood: string[]): Fields {
    const other = Object.keys(fields).find(key => !understood.includes(key) && !isSilent(key) && isSaid(fields[key]))
    if (other !== undefined)
      this.#refuse(`${other.replaceAll('_', ' ')} is not allowed with ${type.replaceAll('_', ' ')}`)
    return fields
  }

  #refuseFunction(name: string): never {
    const allowed = [...Object.keys(functions), ...(this.#scope === 'table' ? aggregates : [])]
    const near = nearest(name, allowed)
    const way = near === undefined ? `allowed are ${allowed.join(', ')}` : `the nearest allowed function is ${near}`
    return this.#refuse(`${name} is not allowed; ${way}`)
  }

  #column(fields: Fields): Read {
    const { name, table } = fields as { name: { name: string }; table: { name: string } | null }
    if (table !== null) return this.#refuse(`${table.name}.${name.name} names a table; name the column alone`)
    const known = this.#names.get(name.name.toLowerCase())
    if (known === undefined) {
      const near = nearest(name.name, [...this.#columns.keys()])
      const way =
        near === undefined ? `there are ${[...this.#columns.keys()].slice(0, 40).join(', ')}` : `the nearest is ${near}`
      return this.#refuse(`there is no column ${name.name}; ${way}`)
    }
    if (this.#scope === 'table' && !this.#insideAggregate) {
      this.#refuse(`${known} stands outside an aggregate (${aggregates.join(', ')})`)
    }
    return { tree: { kind: 'column', name: known }, kind: kindOf(this.#columns.get(known)!) }
  }

  #literal(fields: Fields): Read {
    const { literal_type: type, value } = fields as { literal_type: string; value: string }
    if (type === 'string') return { tree: { kind: 'text', value }, kind: 'text' }
    if (type === 'number' && /^(\d+\.?\d*|\.\d+)$/.test(value))
      return { tree: { kind: 'number', value }, kind: 'number' }
    if (type === 'date') return { tree: this.#dated(value, 'date'), kind: 'date' }
    return this.#refuse(`${shown(value)} is neither a plain text nor a plain number`)
  }

  #dated(value: string, type: 'date' | 'timestamp'): Tree {
    const form = type === 'date' ? /^\d{4}-\d\d-\d\d$/ : /^\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?$/
    if (!form.test(value) || Number.isNaN(Date.parse(value)))
      this.#refuse(`${shown(value)} is no ${type}: write 2026-12-31`)
    return { kind: 'cast', operand: { kind: 'text', value }, type, strict: true }
  }

  #unary(kind: 'negative' | 'not', wanted: Kind, node: unknown): Read {
    return { tree: { kind, operand: this.#of(wanted, node, kind) }, kind: wanted }
  }

  #is(what: 'null' | 'true' | 'false', fields: Fields): Read {
    const operand = what === 'null' ? this.read(fields.this).tree : this.#of('truth', fields.this, `is ${what}`)
    return { tree: { kind: 'is', operand, what, negated: fields.not === true }, kind: 'truth' }
  }

  #operation(operator: Operator, fields: Fields): Read {
    if (operator === 'and' || operator === 'or' || operator === '||') {
      const kind: Kind = operator === '||' ? 'text' : 'truth'
      const [left, right] = [this.#of(kind, fields.left, operator), this.#of(kind, fields.right, operator)]
      return { tree: { kind: 'operation', operator, left, right }, kind }
    }
    if (['+', '-', '*', '/', '%'].includes(operator)) {
      const [left, right] = [this.#of('number', fields.left, operator), this.#of('number', fields.right, operator)]
      return { tree: { kind: 'operation', operator, left, right }, kind: 'number' }
    }
    const [left, right] = this.#alike([fields.left, fields.right], operator).trees as [Tree, Tree]
    return { tree: { kind: 'operation', operator: operator as Comparison, left, right }, kind: 'truth' }
  }

  #in(fields: Fields): Read {
    const [operand, ...values] = this.#alike([fields.this, ...(fields.expressions as unknown[])], 'in').trees
    if (values.length === 0) this.#refuse('in () has no values')
    return { tree: { kind: 'in', operand: operand!, values, negated: fields.not === true }, kind: 'truth' }
  }

  #between(fields: Fields): Read {
    const [operand, low, high] = this.#alike([fields.this, fields.low, fields.high], 'between').trees as [
      Tree,
      Tree,
      Tree,
    ]
    return { tree: { kind: 'between', operand, low, high, negated: fields.not === true }, kind: 'truth' }
  }

  #like(ignoreCase: boolean, fields: Fields): Read {
    const [operand, pattern] = [this.#of('text', fields.left, 'like'), this.#of('text', fields.right, 'like')]
    return { tree: { kind: 'like', operand, pattern, ignoreCase }, kind: 'truth' }
  }

  #case(fields: Fields): Read {
    const whens = fields.whens as [unknown, unknown][]
    const conditions = isSaid(fields.operand)
      ? whens.map(([value]) => this.#operation('=', { left: fields.operand, right: value }).tree)
      : whens.map(([condition]) => this.#of('truth', condition, 'case when'))
    const results = this.#alike([...whens.map(([, gives]) => gives), fields.else_ ?? { null: null }], 'case')
    const branches = conditions.map((when, index) => ({ when, gives: results.trees[index]! }))
    return { tree: { kind: 'case', branches, otherwise: results.trees.at(-1)! }, kind: results.kind }
  }

  #cast(strict: boolean, fields: Fields): Read {
    const operand = this.read(fields.this).tree
    const to = fields.to as {
      data_type: string
      name?: string
      precision?: number
      scale?: number
      timezone?: boolean
      length?: number
    }
    let type = castTypes[to.data_type]
    if (to.data_type === 'decimal' && isSaid(to.precision)) type = `decimal(${to.precision},${to.scale ?? 0})`
    if (to.data_type === 'timestamp') type = to.timezone === true ? 'timestamptz' : 'timestamp'
    if (to.data_type === 'custom' && to.name?.toLowerCase() === 'long') type = 'long'
    const decimal = decimalOf(type ?? '')
    if (
      type === undefined ||
      isSaid(to.length) ||
      (decimal !== undefined && (decimal.precision > 38 || decimal.scale > decimal.precision))
    ) {
      return this.#refuse('cast to varchar, boolean, int, bigint, double, date, timestamp, timestamptz or decimal(p,s)')
    }
    return { tree: { kind: 'cast', operand, type, strict }, kind: kindOf(type) }
  }

  #aggregate(name: Aggregate, fields: Fields): Read {
    if (this.#scope === 'row') this.#refuse(`${name} needs the whole table; this is an expression over one row`)
    if (this.#insideAggregate) this.#refuse(`${name} stands inside another aggregate`)
    const { this: argument, star, distinct } = this.#fields(name, fields, 'this', 'star', 'distinct')
    if (!isSaid(argument) && star !== true) this.#refuse(`${name} needs a column, or count(*)`)
    this.#insideAggregate = true
    const operand = isSaid(argument) ? this.read(argument) : undefined
    this.#insideAggregate = false
    const numeric = name === 'sum' || name === 'avg'
    if (numeric && operand?.kind !== 'number')
      this.#refuse(`${name} adds numbers, not ${namedKind(operand?.kind ?? 'null')}`)
    const kind = name === 'min' || name === 'max' ? operand!.kind : 'number'
    return { tree: { kind: 'aggregate', name, distinct: distinct === true, operand: operand?.tree }, kind }
  }

  #call(spelling: string, nodes: unknown[]): Read {
    const name = Object.hasOwn(spellings, spelling) ? spellings[spelling]! : spelling
    if (!Object.hasOwn(functions, name)) return this.#refuseFunction(spelling)
    const { parameters, result } = functions[name]!
    const least = parameters.filter(parameter => !/[?*]$/.test(parameter)).length
    const most = parameters.at(-1)!.endsWith('*') ? Number.POSITIVE_INFINITY : parameters.length
    if (nodes.length < least || nodes.length > most) {
      return this.#refuse(
        `${name} takes ${parameters.join(', ').replaceAll('?', ' (optional)')}; it got ${nodes.length}`,
      )
    }
    const wanted = nodes.map((_, index) => parameters[Math.min(index, parameters.length - 1)]!.replace(/[?*]$/, ''))
    const same = wanted[0] === 'same' ? this.#alike(nodes, name) : undefined
    const given = same?.trees ?? nodes.map((node, index) => this.#argument(name, wanted[index]!, node))
    return { tree: { kind: 'call', name, arguments: given }, kind: result === 'same' ? same!.kind : result }
  }

  #argument(name: string, wanted: string, node: unknown): Tree {
    if (wanted === 'any') return this.read(node).tree
    if (wanted !== 'pattern' && wanted !== 'words' && wanted !== 'size') return this.#of(wanted as Kind, node, name)
    const { tree } = this.read(node)
    if (wanted === 'size') {
      if (tree.kind !== 'number' || !/^\d+$/.test(tree.value) || Number(tree.value) > largestSize) {
        this.#refuse(`${name} wants a whole number written out, at most ${largestSize}`)
      }
      return tree
    }
    if (tree.kind !== 'text') return this.#refuse(`${name} wants a text written out`)
    if (wanted === 'pattern') this.#checkPattern(tree.value)
    return tree
  }

  #checkPattern(pattern: string): void {
    if (/\(\?<?[=!]|\\[1-9k]/.test(pattern))
      this.#refuse(`${shown(pattern)} looks around or back, which no engine of linear time does`)
    try {
      new RegExp(pattern.replace(/^\(\?[a-z]+\)/, ''))
    } catch {
      this.#refuse(`${shown(pattern)} is no regular expression`)
    }
  }

  #of(wanted: Kind, node: unknown, by: string): Tree {
    const { tree, kind } = this.read(node)
    if (kind !== wanted && kind !== 'null') {
      this.#refuse(`${by} wants ${namedKind(wanted)} and got ${namedKind(kind)}; cast it`)
    }
    return tree
  }

  /** Values that are compared or stand for one another: of one kind. A date written as a text is taken as the date. */
  #alike(nodes: readonly unknown[], by: string): { trees: Tree[]; kind: Kind } {
    const reads = nodes.map(node => this.read(node))
    const known = reads.filter(({ kind }) => kind !== 'null')
    const moment = known.some(({ kind }) => kind === 'timestamp')
      ? 'timestamp'
      : known.some(({ kind }) => kind === 'date')
        ? 'date'
        : undefined
    const trees = reads.map(({ tree, kind }) => {
      if (moment === undefined || kind === 'null' || kind === 'date' || kind === 'timestamp') return tree
      if (tree.kind === 'text') return this.#dated(tree.value, moment)
      return this.#refuse(`${by} compares a ${moment} with ${namedKind(kind)}; cast it`)
    })
    const kind = moment ?? known[0]?.kind ?? 'null'
    const odd = moment === undefined ? known.find(read => read.kind !== kind) : undefined
    if (odd !== undefined) this.#refuse(`${by} compares ${namedKind(kind)} with ${namedKind(odd.kind)}; cast it`)
    return { trees, kind }
  }
}
