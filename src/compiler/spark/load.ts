/**
 * The load of one delivery as Spark SQL, in the steps of `duckdb/load.ts` and with the same names: `given` takes the texts and drops
 * what stands for no value, `typed` types them, `fitted` says of each record whether it fits. The texts of rows that fit and of errors
 * read that one relation, so that they cannot disagree.
 */
import type { FeedColumn, FeedContract } from '../../../contracts/data/feed-contract.ts'
import { comment, header } from '../header.ts'
import type { DeliveryFacts } from '../load-plan.ts'
import { misfitCode, misfitText, missingText, shownCharacters } from '../misfit.ts'
import { errorColumns, type LiteralDialect, rowProvenance } from '../provenance.ts'
import type { TableDefinition } from '../tables.ts'
import { sparkIdentifier, sparkLiteral } from './names.ts'
import { sparkType } from './types.ts'
import { fittedValue } from './values.ts'

export interface SparkLoadTexts {
  /** Over `source`: every record with its texts, its values, and whether it fits. */
  readonly fitted: string
  /** Over `fitted`: every record in the order of the table, and behind it whether it fits. */
  readonly rows: string
  /** Those that fit. */
  readonly accepted: string
  /** Over `fitted`: one row per record and reason, in the shape of `ingest_errors`. */
  readonly rejected: string
}

/** What stands beside the columns of the contract in every record of `source`. */
export const recordColumns = [
  '_record_number',
  '_line',
  '_byte_offset',
  '_raw',
  '_error_code',
  '_error_message',
] as const

export function renderSparkLoad(contract: FeedContract, bronze: TableDefinition, facts: DeliveryFacts): SparkLoadTexts {
  const columns = contract.columns.filter(({ retired }) => retired !== true)
  const title = (what: string): string =>
    header([
      `${what} of ${contract.vendor}/${contract.table} for ${bronze.table.namespace}.${bronze.table.name}`,
      `Contract ${contract.vendor}/${contract.table} version ${contract.version}, owner ${contract.owner}`,
    ])
  const valued = columns.filter(({ type }) => type !== 'string')
  const rows = `${title('Records in the shape of the table')}
SELECT
${contract.columns
  .map(
    column => `  ${comment(`${column.name} ${column.type}: ${column.description ?? `source column ${column.sourceName}`}`)}
  ${column.retired === true ? `CAST(NULL AS ${sparkType(column.type)})` : valueName(column)} AS ${sparkIdentifier(column.name)},
`,
  )
  .join('')}${lines([...rowProvenance(contract, facts, dialect), '_fits'], 2)}
FROM fitted`
  return {
    fitted: `${title('Records and what fits')}
WITH given AS (
  SELECT
${lines([...recordColumns, ...columns.map(column => `${givenText(column, contract.nullTokens)} AS ${sparkIdentifier(column.name)}`)], 4)}
  FROM source
), typed AS (
  SELECT
${lines(['*', ...valued.map(column => `${fittedValue(sparkIdentifier(column.name), column.type, column.format)} AS ${typedName(column)}`)], 4)}
  FROM given
)
SELECT
  *,
  ${['_error_code IS NULL', ...columns.flatMap(fitCondition)].join('\n    AND ')} AS _fits
FROM typed`,

    rows,

    accepted: `SELECT * EXCEPT (_fits)
FROM (
${rows}
)
WHERE _fits`,

    rejected: `${title('Rejected records')}
SELECT
${lines(errorColumns(contract, facts, dialect), 2)}
FROM (
  SELECT _record_number, _line, _byte_offset, _raw, explode(CASE
    WHEN _error_code IS NOT NULL THEN array(${fault('CAST(NULL AS STRING)', '_error_code', "coalesce(_error_message, 'The record cannot be read.')")})
    ELSE filter(array(
${lines(columns.flatMap(columnFaults), 6)}
    ), fault -> fault IS NOT NULL) END) AS fault
  FROM fitted
  WHERE NOT _fits
)`,
  }
}

const lines = (texts: readonly string[], indent: number): string =>
  texts.map(text => `${' '.repeat(indent)}${text}`).join(',\n')

/** Not a name a contract can give a column, so it never meets one. */
const typedName = ({ name, type }: FeedColumn): string => sparkIdentifier(`${name} as ${type}`)

const valueName = (column: FeedColumn): string =>
  column.type === 'string' ? sparkIdentifier(column.name) : typedName(column)

/** Characters of Unicode's class of spaces: what the embedded engine trims. A tab is none of them. */
const spaces = '\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000'

/**
 * The text of a column, or null where it stands for no value: empty, blank, or a null token, each after trimming. Text columns keep
 * their spaces, others lose them. The first branch is only a gate that lets what surely is a value pass without being trimmed.
 */
function givenText({ name, type }: FeedColumn, nullTokens: readonly string[]): string {
  const text = sparkIdentifier(name)
  const tokens = [...new Set(['', ...nullTokens.map(token => token.trim())])]
  const trimmed = `trim(BOTH ${escapedSpaces} FROM ${text})`
  const isToken = `${trimmed} IN (${tokens.map(sparkLiteral).join(', ')})`
  const longest = Math.max(...tokens.map(token => Buffer.byteLength(token)))
  const padded = `endswith(${text}, ' ')`
  if (type === 'string') {
    const doubtful =
      longest === 0 ? `${text} < '!'` : `${text} < '!' OR ${padded} OR octet_length(${text}) <= ${longest}`
    return `CASE WHEN ${doubtful} THEN CASE WHEN ${isToken} THEN NULL ELSE ${text} END ELSE ${text} END`
  }
  if (type === 'boolean') {
    const word = `${text} >= '!' AND ${text} < '{' AND NOT ${padded} AND octet_length(${text}) > ${longest}`
    return `CASE WHEN ${word} THEN ${text} WHEN ${isToken} THEN NULL ELSE ${trimmed} END`
  }
  const surely = `${text} >= '0' AND ${text} < ':' AND NOT ${padded}`
  const digits = Math.max(0, ...tokens.filter(token => /^\d/.test(token)).map(token => Buffer.byteLength(token)))
  const gate = digits === 0 ? surely : `${surely} AND octet_length(${text}) > ${digits}`
  return `CASE WHEN ${gate} THEN ${text} WHEN ${isToken} THEN NULL ELSE ${trimmed} END`
}

/** As escapes: a reader of the text would not tell one space from another. */
const escapedSpaces = `'${[...spaces].map(character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}'`

function fitCondition(column: FeedColumn): string[] {
  const text = sparkIdentifier(column.name)
  if (column.type === 'string') return column.nullable ? [] : [`${text} IS NOT NULL`]
  const value = `${typedName(column)} IS NOT NULL`
  return column.nullable ? [`(${text} IS NULL OR ${value})`] : [value]
}

function columnFaults(column: FeedColumn): string[] {
  const text = sparkIdentifier(column.name)
  const name = sparkLiteral(column.name)
  const misfit = `concat('\\"', left(${text}, ${shownCharacters}), ${sparkLiteral(`" ${misfitText(column)}`)})`
  const unfit = `CASE WHEN ${text} IS NOT NULL AND ${typedName(column)} IS NULL THEN ${fault(name, sparkLiteral(misfitCode(column.type)), misfit)} END`
  const missing = `CASE WHEN ${text} IS NULL THEN ${fault(name, "'VALUE_MISSING'", sparkLiteral(missingText(column)))} END`
  return [...(column.type === 'string' ? [] : [unfit]), ...(column.nullable ? [] : [missing])]
}

const fault = (column: string, code: string, message: string): string =>
  `named_struct('column_name', ${column}, 'error_code', ${code}, 'error_message', ${message})`

const dialect: LiteralDialect = {
  literal: sparkLiteral,
  textType: 'STRING',
  intType: 'INT',
  instantType: 'TIMESTAMP',
}
