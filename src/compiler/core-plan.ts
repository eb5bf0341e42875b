/** Standard + mapping + rules + vendor facts → what modeling will do with one delivery: pure, and the same bytes for the same inputs. */
import type { Delivery, Run } from '../../contracts/data/delivery.ts'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { Mapping } from '../../contracts/data/mapping.ts'
import type { NormalizationRule, Rule } from '../../contracts/data/rule.ts'
import type { Standard, StandardColumn } from '../../contracts/data/standard.ts'
import { renderChecks, renderContractChecks } from './duckdb/checks.ts'
import { renderCore } from './duckdb/core.ts'
import { type Expression, parseExpression } from './expressions.ts'
import { substitute, type Tree } from './tree.ts'
import { kindOf } from './types.ts'

/** Facts of the vendor that rules may name. */
export interface VendorNames {
  readonly vendor: string
  readonly region: string
  readonly currency: string
}

export interface CoreDocuments {
  readonly contract: FeedContract
  readonly mapping: Mapping
  readonly standard: Standard
  readonly normalization: readonly NormalizationRule[]
  /** Rules besides the standard's own. */
  readonly checks: readonly Rule[]
  readonly vendor: VendorNames
}

/** What the plan has to know of the delivery and its run. */
export interface CoreFacts {
  readonly deliveryId: string
  readonly runId: string
  readonly traceId: string
  /** Path below landing. */
  readonly file: string
  /** `2026-12-31` */
  readonly ingestionDate: string
  /** ISO 8601, UTC. */
  readonly ingestedAt: string
}

export const coreFacts = (run: Pick<Run, 'id' | 'traceId'>, delivery: Delivery): CoreFacts => ({
  deliveryId: delivery.id,
  runId: run.id,
  traceId: run.traceId,
  file: delivery.file,
  ingestionDate: delivery.ingestionDate,
  ingestedAt: delivery.receivedAt,
})

/** A column of the standard and the text it is made of. */
export interface PlannedColumn {
  readonly column: StandardColumn
  /** Undefined where the feed has nothing for the column. */
  readonly value: Tree | undefined
  /** The text before any rule: what an error shows where `value` cannot be made. */
  readonly source: Tree | undefined
  /** A row without a value is turned away. Not where a person has said that this feed has none. */
  readonly required: boolean
  /** Columns of bronze it reads: its lineage. */
  readonly sources: readonly string[]
  /** For people: how it is made. */
  readonly how: string
}

export interface PlannedRule {
  readonly rule: Rule
  readonly tree: Tree
}

export interface CorePlan {
  readonly columns: readonly PlannedColumn[]
  readonly rules: readonly PlannedRule[]
}

/** The texts of one modelling. */
export interface CoreTexts {
  /** Over `bronze` (the delivery's rows with `_record_number`): one row per bronze row, on the standard. */
  readonly mapped: string
  /** Over `mapped` and `bronze`: one row per record and broken rule, in the shape of `ingest_errors`. */
  readonly rejected: string
  /** Over `mapped`: the rows without a fault, the last of each key, in the shape of the core table. */
  readonly accepted: string
  /** Over `mapped`: one row with `bronze`, `rejected` and `accepted`, all BIGINT. */
  readonly counts: string
}

/** Errors: EXPRESSION_REFUSED for an expression the catalog should not hold, naming rule or mapping and its owner. */
export function planCore({ contract, mapping, standard, normalization, checks, vendor }: CoreDocuments): CorePlan {
  const names = vendorTrees(vendor)
  const bronze = new Map(contract.columns.map(({ name, type }) => [name, type]))
  const mapped = new Map(mapping.columns.map(column => [column.column, column]))
  const columns = standard.columns.map((column): PlannedColumn => {
    const found = mapped.get(column.name)
    const excused = found?.status === 'absent' && found.step === 'person'
    const required = standard.key.includes(column.name) || (column.required && !excused)
    if (found?.status === 'accepted' && found.expression !== null) {
      const of = `the mapping v${mapping.version} of ${column.name}`
      const source = parseExpression(found.expression, { columns: bronze, scope: 'row', of, owner: mapping.owner })
      const rule = normalization.find(
        ({ column: named, region }) => named === column.name && (region === '*' || region === vendor.region),
      )
      const how = rule === undefined ? found.expression : `${found.expression}, by ${rule.id}`
      return {
        column,
        required,
        source: asText(source),
        value: rule === undefined ? asText(source) : normalized(rule, source, names),
        sources: source.columns,
        how,
      }
    }
    const nothing = { column, required, source: undefined, value: undefined, sources: [], how: 'nothing in this feed' }
    if (column.fallback === undefined) return nothing
    const fallback = parseExpression(column.fallback, {
      columns: vendorColumns,
      scope: 'row',
      of: `the fallback of ${column.name}`,
      owner: standard.owner,
    })
    return {
      ...nothing,
      value: asText({ ...fallback, tree: substitute(fallback.tree, names) }),
      how: `fallback ${column.fallback}`,
    }
  })
  return { columns, rules: [...standard.checks, ...checks].map(rule => planRule(rule, standard)) }
}

export function compileCore(documents: CoreDocuments, facts: CoreFacts): CoreTexts {
  return renderCore(planCore(documents), documents, facts)
}

/**
 * Over `staged` (the delivery's rows in the branch): one row per rule with `id`, `broken` BIGINT and `rows`, a JSON list of the keys
 * of up to five rows that break it.
 */
export function compileChecks({ standard, checks }: Pick<CoreDocuments, 'standard' | 'checks'>): string {
  return renderChecks(
    [...standard.checks, ...checks].map(rule => planRule(rule, standard)),
    standard.key,
  )
}

/** The same over `bronze`, for the checks of the contract itself; undefined where it has none. */
export function compileContractChecks(contract: FeedContract): string | undefined {
  if (contract.checks.length === 0) return undefined
  const columns = new Map(contract.columns.map(({ name, type }) => [name, type]))
  return renderContractChecks(
    contract.checks.map(check => {
      const of = `check ${check.id} of ${contract.vendor}/${contract.table}`
      const { tree } = parseExpression(check.expression, {
        columns,
        scope: 'row',
        result: 'truth',
        of,
        owner: check.owner ?? contract.owner,
      })
      return { id: check.id, tree }
    }),
  )
}

function planRule(rule: Rule, standard: Standard): PlannedRule {
  const columns = new Map(standard.columns.map(({ name, type }) => [name, type]))
  const { tree } = parseExpression(rule.expression, {
    columns,
    scope: rule.scope,
    result: 'truth',
    of: `rule ${rule.id}`,
    owner: rule.owner,
  })
  return { rule, tree }
}

const vendorColumns = new Map([
  ['vendor', 'string'],
  ['region', 'string'],
  ['currency', 'string'],
])

const vendorTrees = (vendor: VendorNames): Map<string, Tree> =>
  new Map(
    Object.entries({ vendor: vendor.vendor, region: vendor.region, currency: vendor.currency }).map(([name, value]) => [
      name,
      { kind: 'text', value },
    ]),
  )

/** The rule's expression with the mapped source in place of `value`: the tree is put in, no text is. */
function normalized(rule: NormalizationRule, source: Expression, names: ReadonlyMap<string, Tree>): Tree {
  const columns = new Map([...vendorColumns, ['value', 'string']])
  const parsed = parseExpression(rule.expression, {
    columns,
    scope: 'row',
    of: `normalization rule ${rule.id}`,
    owner: rule.owner,
  })
  return asText({ ...parsed, tree: substitute(parsed.tree, new Map([...names, ['value', asText(source)]])) })
}

const asText = ({ tree, kind }: Pick<Expression, 'tree' | 'kind'>): Tree =>
  kind === 'text' ? tree : { kind: 'cast', operand: tree, type: 'string', strict: false }

/** Whether a column of the standard is text itself, so that its text is its value. */
export const isText = (column: StandardColumn): boolean => kindOf(column.type) === 'text'
