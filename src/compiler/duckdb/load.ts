/**
 * The load of one delivery as DuckDB SQL, in three steps that read like the sentence they are: `given` takes the texts and drops what
 * stands for no value, `fitted` types them, and the last SELECT keeps or turns away.
 *
 * In `fitted` each typed column is there twice: `price`, the text, and `price as decimal(18,2)`, the value. A text without a value
 * does not fit; that one test decides acceptance, rejection and the code of the error, so the two texts cannot disagree.
 */
import type { FeedColumn, FeedContract } from '../../../contracts/data/feed-contract.ts'
import { quoteIdentifier, quoteLiteral } from '../../lakehouse/identifiers.ts'
import { comment, header } from '../header.ts'
import type { DeliveryFacts, LoadTexts } from '../load-plan.ts'
import { misfitCode, misfitText, missingText, shownCharacters } from '../misfit.ts'
import { errorColumns, type LiteralDialect, rowProvenance } from '../provenance.ts'
import type { TableDefinition } from '../tables.ts'
import { duckdbType } from './types.ts'
import { fittedValue, fitting } from './values.ts'

export function renderLoad(contract: FeedContract, bronze: TableDefinition, facts: DeliveryFacts): LoadTexts {
  const columns = contract.columns.filter(({ retired }) => retired !== true)
  const metadata = listed(rowProvenance(contract, facts, dialect))
  const title = (what: string): string =>
    header([
      `${what} of ${contract.vendor}/${contract.table} for ${bronze.table.namespace}.${bronze.table.name}`,
      `Contract ${contract.vendor}/${contract.table} version ${contract.version}, owner ${contract.owner}`,
    ])
  const typed = (value: (column: FeedColumn) => string): string[] =>
    contract.columns.flatMap(column => [
      comment(`${column.name} ${column.type}: ${column.description ?? `source column ${column.sourceName}`}`),
      `${column.retired === true ? `CAST(NULL AS ${duckdbType(column.type)})` : value(column)} AS ${quoteIdentifier(column.name)},`,
    ])
  const valueName = (column: FeedColumn): string =>
    quoteIdentifier(column.type === 'string' ? column.name : typedName(column))

  return {
    accepted: `${title('Accepted records')}
WITH given AS (
${givenColumns(contract, columns, ['_error_code'])}
), fitted AS (
${fittedColumns(columns)}
)
SELECT
${lines([...typed(valueName), ...metadata], 2)}
FROM fitted
WHERE _error_code IS NULL${columns
      .flatMap(fitCondition)
      .map(condition => `\n  AND ${condition}`)
      .join('')}`,

    rejected: `${title('Rejected records')}
WITH given AS (
${givenColumns(contract, columns, ['_record_number', '_line', '_byte_offset', '_raw', '_error_code', '_error_message'])}
), fitted AS (
${fittedColumns(columns)}
), faults AS (
  SELECT _record_number, _line, _byte_offset, _raw, unnest(CASE
    WHEN _error_code IS NOT NULL THEN [${faultText('NULL', '_error_code', "coalesce(_error_message, 'The record cannot be read.')")}]
    ELSE [
${lines(
  columns.flatMap(columnFaults).map((fault, index, all) => `${fault}${index + 1 < all.length ? ',' : ''}`),
  6,
)}
    ] END) AS fault
  FROM fitted
)
SELECT
${lines(listed(errorColumns(contract, facts, dialect)), 2)}
FROM faults
WHERE fault IS NOT NULL`,

    acceptedFast: `${title('Accepted records, in one pass that ends at the first misfit,')}
WITH given AS (
${givenColumns(contract, columns, [])}
)
SELECT
${lines([...typed(fastValue), ...metadata], 2)}
FROM given`,
  }
}

const lines = (texts: readonly string[], indent: number): string =>
  texts
    .map((text, index) => `${' '.repeat(indent)}${index === texts.length - 1 ? text.replace(/,$/, '') : text}`)
    .join('\n')

/** Not a name a contract can give a column, so it never meets one. */
const typedName = (column: FeedColumn): string => `${column.name} as ${column.type}`

const dialect: LiteralDialect = {
  literal: quoteLiteral,
  textType: 'VARCHAR',
  intType: 'INTEGER',
  instantType: 'TIMESTAMPTZ',
}

const listed = (items: readonly string[]): string[] => items.map(item => `${item},`)

function givenColumns(contract: FeedContract, columns: readonly FeedColumn[], carried: readonly string[]): string {
  const texts = columns.map(column => `${givenText(column, contract.nullTokens)} AS ${quoteIdentifier(column.name)},`)
  return `  SELECT\n${lines([...carried.map(name => `${name},`), ...texts], 4)}\n  FROM source`
}

/**
 * The text of a column, or null where it stands for no value: empty, blank, or a null token, each after trimming. Text columns keep
 * their spaces, others lose them. The first branch is only a gate that lets what surely is a value pass without being trimmed.
 */
function givenText({ name, type }: FeedColumn, nullTokens: readonly string[]): string {
  const text = quoteIdentifier(name)
  const tokens = [...new Set(['', ...nullTokens.map(token => token.trim())])]
  const trimmed = `trim(${text})`
  const isToken =
    tokens.length === 1 ? `${trimmed} = ''` : `list_contains([${tokens.map(quoteLiteral).join(', ')}], ${trimmed})`
  const kept = type === 'string' ? text : trimmed
  const longest = Math.max(...tokens.map(token => Buffer.byteLength(token)))
  const padded = `suffix(${text}, ' ')`
  if (type === 'string') {
    const doubtful = longest === 0 ? `${text} < '!'` : `${text} < '!' OR ${padded} OR strlen(${text}) <= ${longest}`
    return `CASE WHEN ${doubtful} THEN CASE WHEN ${isToken} THEN NULL ELSE ${kept} END ELSE ${text} END`
  }
  if (type === 'boolean') {
    const word = `${text} >= '!' AND ${text} < '{' AND NOT ${padded} AND strlen(${text}) > ${longest}`
    return `CASE WHEN ${word} THEN ${text} WHEN ${isToken} THEN NULL ELSE ${kept} END`
  }
  const surely = `${text} >= '0' AND ${text} < ':' AND NOT ${padded}`
  const digits = Math.max(0, ...tokens.filter(token => /^\d/.test(token)).map(token => Buffer.byteLength(token)))
  const gate = digits === 0 ? surely : `${surely} AND strlen(${text}) > ${digits}`
  return `CASE WHEN ${gate} THEN ${text} WHEN ${isToken} THEN NULL ELSE ${kept} END`
}

function fittedColumns(columns: readonly FeedColumn[]): string {
  const values = columns
    .filter(({ type }) => type !== 'string')
    .map(column => {
      const value = fittedValue(quoteIdentifier(column.name), column.type, column.format)
      return `${value} AS ${quoteIdentifier(typedName(column))},`
    })
  return `  SELECT\n${lines(['*,', ...values], 4)}\n  FROM given`
}

function fitCondition(column: FeedColumn): string[] {
  const text = quoteIdentifier(column.name)
  const value = quoteIdentifier(typedName(column))
  if (column.type === 'string') return column.nullable ? [] : [`${text} IS NOT NULL`]
  return column.nullable ? [`(${text} IS NULL OR ${value} IS NOT NULL)`] : [`${value} IS NOT NULL`]
}

function columnFaults(column: FeedColumn): string[] {
  const text = quoteIdentifier(column.name)
  const name = quoteLiteral(column.name)
  const faults: string[] = []
  if (column.type !== 'string') {
    const fault = faultText(name, quoteLiteral(misfitCode(column.type)), misfitMessage(column))
    faults.push(`CASE WHEN ${text} IS NOT NULL AND ${quoteIdentifier(typedName(column))} IS NULL THEN ${fault} END`)
  }
  if (!column.nullable) {
    faults.push(`CASE WHEN ${text} IS NULL THEN ${faultText(name, "'VALUE_MISSING'", missingMessage(column))} END`)
  }
  return faults
}

const faultText = (column: string, code: string, message: string): string =>
  `{column_name: ${column === 'NULL' ? 'CAST(NULL AS VARCHAR)' : column}, error_code: ${code}, error_message: ${message}}`

const missingMessage = (column: FeedColumn): string => quoteLiteral(missingText(column))

/** A SQL text: `"12,5" in price is no decimal(18,2): expected …`, the value cut to 80 characters. */
const misfitMessage = (column: FeedColumn): string =>
  `'"' || left(${quoteIdentifier(column.name)}, ${shownCharacters}) || ${quoteLiteral(`" ${misfitText(column)}`)}`

/** The value, or the end of the statement. */
function fastValue(column: FeedColumn): string {
  const text = quoteIdentifier(column.name)
  const missing = column.nullable ? 'NULL' : `error(${missingMessage(column)})`
  if (column.type === 'string')
    return column.nullable ? text : `CASE WHEN ${text} IS NULL THEN ${missing} ELSE ${text} END`
  const { branches } = fitting(text, column.type, column.format)
  const steps = branches.map(({ when, gives }) => `WHEN ${when} THEN ${gives}`).join(' ')
  return `CASE WHEN ${text} IS NULL THEN ${missing} ${steps} ELSE error(${misfitMessage(column)}) END`
}
