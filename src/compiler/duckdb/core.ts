/**
 * The modelling of one delivery as DuckDB SQL. `mapped` makes every column of the standard as text first and types it then; both
 * stay, so that a text that became no value is known for what it is. The faults of a row are one list, asked for by all texts.
 */

import type { Standard } from '../../../contracts/data/standard.ts'
import { quoteIdentifier, quoteLiteral, tableText } from '../../lakehouse/identifiers.ts'
import {
  type CoreDocuments,
  type CoreFacts,
  type CorePlan,
  type CoreTexts,
  isText,
  type PlannedColumn,
} from '../core-plan.ts'
import { comment, header } from '../header.ts'
import { bronzeMetadata, bronzeTable, coreTable, errorTable } from '../tables.ts'
import { renderGuarded, renderMisfit } from './expression.ts'
import { duckdbType } from './types.ts'
import { fittedValue } from './values.ts'

export function renderCore(plan: CorePlan, documents: CoreDocuments, facts: CoreFacts): CoreTexts {
  const { contract, mapping, standard, vendor } = documents
  const title = (what: string): string =>
    header([
      `${what} of ${contract.vendor}/${contract.table} for ${tableText(coreTable(standard).table)}`,
      `Standard ${standard.name} ${standard.version}, owner ${standard.owner}; mapping version ${mapping.version}, owner ${mapping.owner}; region ${vendor.region}`,
    ])
  const faults = faultsOf(plan, documents)
  // Never unknown, so NOT is its exact opposite.
  const conditions = ['false', ...faults.map(({ when }) => `OR ${when}`)]
  const key = standard.key.map(quoteIdentifier).join(', ')
  const columns = plan.columns.map(({ column }) => quoteIdentifier(column.name))
  return {
    mapped: `${title('Rows on the standard')}
WITH made AS (
  SELECT
    _record_number,
${lines(plan.columns.flatMap(madeOf), 4)}
  FROM bronze
), texts AS (
  SELECT
    _record_number,
${lines(plan.columns.flatMap(textOf), 4)}
  FROM made
)
SELECT
  _record_number,
${lines(plan.columns.flatMap(typedOf), 2)}
FROM texts`,

    rejected: `${title('Rejected rows')}
WITH faults AS (
  SELECT _record_number, unnest([
${lines(faults.map(faultText), 4)}
  ]) AS fault
  FROM mapped
)
SELECT
${lines(errorColumns(documents, facts), 2)}
FROM faults
JOIN bronze USING (_record_number)
WHERE fault IS NOT NULL`,

    accepted: `${title('Accepted rows')}
SELECT
${lines(
  [
    ...columns.map(column => `${column},`),
    `${quoteLiteral(contract.vendor)} AS _vendor_name,`,
    `${quoteLiteral(facts.deliveryId)} AS _delivery_id,`,
    `${quoteLiteral(facts.runId)} AS _run_id,`,
    `CAST(${mapping.version} AS INTEGER) AS _mapping_version,`,
    `${quoteLiteral(standard.version)} AS _standard_version,`,
  ],
  2,
)}
FROM mapped
WHERE NOT (
${lines(conditions, 2)}
)
QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY _record_number DESC) = 1
ORDER BY _record_number`,

    counts: `SELECT
  count(*) AS bronze,
  count(*) FILTER (WHERE faulty) AS rejected,
  count(DISTINCT (${key})) FILTER (WHERE NOT faulty) AS accepted
FROM (
  SELECT ${key}, (
${lines(conditions, 4)}
  ) AS faulty
  FROM mapped
)`,
  }
}

const lines = (texts: readonly string[], indent: number): string =>
  texts
    .map((text, index) => `${' '.repeat(indent)}${index === texts.length - 1 ? text.replace(/,$/, '') : text}`)
    .join('\n')

/** Not names the standard can give a column, so they never meet one. */
const textName = (column: string): string => quoteIdentifier(`${column} as text`)
const misfitName = (column: string): string => quoteIdentifier(`${column} as delivered`)

/** The text of a column and, where a cast in it may meet what does not fit, the delivered text of the rows in which one did. */
function madeOf({ column, value, source, how }: PlannedColumn): string[] {
  const text = value === undefined ? 'CAST(NULL AS VARCHAR)' : renderGuarded(value)
  const made = [comment(`${column.name}: ${column.definition} From ${how}.`), `${text} AS ${textName(column.name)},`]
  const misfit = value && renderMisfit(value)
  if (misfit === undefined) return made
  const delivered = source === undefined ? "''" : `coalesce(${renderGuarded(source)}, '')`
  return [...made, `CASE WHEN ${misfit} THEN ${delivered} END AS ${misfitName(column.name)},`]
}

/** A text that was made, or else the one that could not be; the value of a text column beside it. `7.00` is a whole number here, a day its first moment. */
function textOf({ column, value }: PlannedColumn): string[] {
  const name = textName(column.name)
  // Not where it is made: the optimizer takes what stands twice in one SELECT out of its TRY.
  const made = `nullif(${name}, '')`
  const own = isText(column) ? [`${made} AS ${quoteIdentifier(column.name)},`] : []
  const fits = value === undefined || renderMisfit(value) === undefined
  const said = fits ? made : `coalesce(${made}, ${misfitName(column.name)})`
  const whole = column.type === 'int' || column.type === 'long'
  const moment = column.type === 'timestamp' || column.type === 'timestamptz'
  const text = whole
    ? `regexp_replace(${said}, '[.]0+$', '')`
    : moment
      ? `regexp_replace(${said}, '^([0-9]{4}-[0-9]{2}-[0-9]{2})$', '\\1 00:00:00')`
      : said
  return [`${text} AS ${name},`, ...own]
}

function typedOf({ column }: PlannedColumn): string[] {
  const [text, name] = [textName(column.name), quoteIdentifier(column.name)]
  const typed = `CAST(${fittedValue(text, column.type)} AS ${duckdbType(column.type)}) AS ${name},`
  return [`${text},`, isText(column) ? `${name},` : typed]
}

/** A reason to turn a row away. */
interface Fault {
  readonly when: string
  readonly rule: string
  readonly column: string | undefined
  readonly code: string
  readonly owner: string
  /** A SQL text. */
  readonly message: string
}

function faultText({ when, rule, column, code, owner, message }: Fault): string {
  const named = column === undefined ? 'CAST(NULL AS VARCHAR)' : quoteLiteral(column)
  return `CASE WHEN ${when} THEN {rule_id: ${quoteLiteral(rule)}, column_name: ${named}, error_code: ${quoteLiteral(code)}, error_message: ${message}, owner: ${quoteLiteral(owner)}} END,`
}

function faultsOf({ columns, rules }: CorePlan, { standard }: CoreDocuments): Fault[] {
  const broken = rules
    .filter(({ rule }) => rule.scope === 'row' && rule.severity === 'reject')
    .map(({ rule, tree }): Fault => {
      const { id, column, owner } = rule
      const when = `(${renderGuarded(tree)} IS FALSE)`
      return { when, rule: id, column, code: 'CORE_RULE_BROKEN', owner, message: quoteLiteral(rule.message) }
    })
  return [...columns.flatMap(column => columnFaults(column, standard)), ...broken]
}

function columnFaults({ column, value, required }: PlannedColumn, standard: Standard): Fault[] {
  const [text, name] = [textName(column.name), quoteIdentifier(column.name)]
  const whose = { column: column.name, owner: standard.owner }
  const unfit: Fault = {
    ...whose,
    when: `(${text} IS NOT NULL AND ${name} IS NULL)`,
    rule: `type.${column.name}`,
    code: 'CORE_VALUE_UNFIT',
    message: `'"' || left(${text}, 80) || ${quoteLiteral(`" is no ${column.type}, as ${column.name} has to be.`)}`,
  }
  const missing: Fault = {
    ...whose,
    when: `(${text} IS NULL)`,
    rule: `required.${column.name}`,
    code: standard.key.includes(column.name) ? 'CORE_KEY_MISSING' : 'CORE_REQUIRED_MISSING',
    message: quoteLiteral(`${column.name} has no value, and the standard requires one.`),
  }
  const always = value !== undefined && (!isText(column) || renderMisfit(value) !== undefined)
  return [...(always ? [unfit] : []), ...(required ? [missing] : [])]
}

function errorColumns({ contract }: CoreDocuments, facts: CoreFacts): string[] {
  const own = new Set(bronzeMetadata.map(({ name }) => name))
  const fields = bronzeTable(contract).columns.filter(({ name }) => !own.has(name))
  const raw = `CAST(to_json({${fields.map(({ name }) => `${quoteIdentifier(name)}: bronze.${quoteIdentifier(name)}`).join(', ')}}) AS VARCHAR)`
  const values: Readonly<Record<string, string>> = {
    delivery_id: quoteLiteral(facts.deliveryId),
    run_id: quoteLiteral(facts.runId),
    trace_id: quoteLiteral(facts.traceId),
    vendor_name: quoteLiteral(contract.vendor),
    table_name: quoteLiteral(contract.table),
    stage: "'core'",
    rule_id: 'fault.rule_id',
    source_file: quoteLiteral(facts.file),
    source_line: 'CAST(NULL AS BIGINT)',
    byte_offset: 'CAST(NULL AS BIGINT)',
    column_name: 'fault.column_name',
    error_code: 'fault.error_code',
    error_message: 'fault.error_message',
    raw_record: raw,
    contract_version: `CAST(${contract.version} AS INTEGER)`,
    owner: 'fault.owner',
    ingestion_date: `DATE ${quoteLiteral(facts.ingestionDate)}`,
    ingested_at: `TIMESTAMPTZ ${quoteLiteral(facts.ingestedAt)}`,
    record_number: '_record_number',
  }
  return errorTable.columns.map(({ name }) => `${values[name]!} AS ${name},`)
}
