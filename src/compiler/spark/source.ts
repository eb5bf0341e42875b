/**
 * The records of a delivery as Spark takes them from the file: the relation `source`, every column of the contract as text and beside it
 * what `recordColumns` names.
 *
 * Lines without a quote are cut at the delimiter, and judged as `src/records` would judge them; lines with quotes are read by Spark's
 * own CSV, once they are known to be regular. Everything else is read by `src/records` and handed over as Parquet, with the place of
 * each record.
 */
import type { DelimitedFormat, FeedContract } from '../../../contracts/data/feed-contract.ts'
import { recordColumns } from './load.ts'
import { sparkIdentifier, sparkLiteral } from './names.ts'

export type SparkSource =
  /** `quoted`: some field stands in quotes. */
  | { readonly kind: 'lines'; readonly file: string; readonly quoted: boolean }
  | { readonly kind: 'prepared'; readonly file: string }

/** SQL over `lines` (`value`, `_line_number` from 0) or over `prepared`. */
export function renderSource(contract: FeedContract, source: SparkSource): string {
  const columns = contract.columns.filter(({ retired }) => retired !== true).map(({ name }) => name)
  if (source.kind === 'prepared')
    return `SELECT\n${listed([...columns.map(sparkIdentifier), ...recordColumns])}\nFROM prepared`
  const { format } = contract
  if (format.kind !== 'delimited') throw new Error(`${format.kind} has no lines of delimited text`)
  return source.quoted ? quotedLines(columns, format) : plainLines(columns, format)
}

const listed = (items: readonly string[]): string => items.map(item => `  ${item}`).join(',\n')

const linesBefore = ({ preambleLines, headerRows }: DelimitedFormat): number => preambleLines + headerRows

/** A mark of the byte order is no part of the first value. */
const lineText = (format: DelimitedFormat): string =>
  linesBefore(format) > 0 ? 'value' : `CASE WHEN _line_number = 0 THEN ltrim('\\uFEFF', value) ELSE value END`

const unplaced = (format: DelimitedFormat): string[] => [
  `_line_number - ${linesBefore(format) - 1} AS _record_number`,
  'CAST(NULL AS BIGINT) AS _line',
  'CAST(NULL AS BIGINT) AS _byte_offset',
]

function plainLines(columns: readonly string[], format: DelimitedFormat): string {
  const count = columns.length
  const surplus = `exists(slice(_fields, ${count + 1}, size(_fields)), field -> field <> '')`
  const fields = `concat(size(_fields), ' fields where ${count} are expected')`
  return `SELECT
${listed([
  ...columns.map((name, index) => `get(_fields, ${index}) AS ${sparkIdentifier(name)}`),
  ...unplaced(format),
  'CASE WHEN is_valid_utf8(value) THEN value ELSE make_valid_utf8(value) END AS _raw',
  `CASE WHEN NOT is_valid_utf8(value) THEN 'INVALID_ENCODING' WHEN size(_fields) < ${count} THEN 'TOO_FEW_FIELDS' WHEN size(_fields) > ${count} AND ${surplus} THEN 'TOO_MANY_FIELDS' END AS _error_code`,
  `CASE WHEN NOT is_valid_utf8(value) THEN 'some bytes are no text in the encoding of the format' ELSE ${fields} END AS _error_message`,
])}
FROM (
  SELECT value, _line_number, split(value, ${sparkLiteral(escapedDelimiter(format.delimiter))}, -1) AS _fields
  FROM (SELECT ${lineText(format)} AS value, _line_number FROM lines WHERE _line_number >= ${linesBefore(format)})
)
WHERE contains(value, ${sparkLiteral(format.delimiter)}) OR NOT value RLIKE '^[ \\\\t\\\\x1a\\\\xa0]*\\\\z'`
}

function quotedLines(columns: readonly string[], format: DelimitedFormat): string {
  const quote = format.quote ?? ''
  const options = { sep: format.delimiter, quote, escape: quote, mode: 'PERMISSIVE' }
  const schema = columns.map(name => `${sparkIdentifier(name)} STRING`).join(', ')
  const map = Object.entries(options).flatMap(([key, value]) => [sparkLiteral(key), sparkLiteral(value)])
  return `SELECT
${listed([
  ...columns.map(name => `_fields.${sparkIdentifier(name)}`),
  ...unplaced(format),
  'value AS _raw',
  'CAST(NULL AS STRING) AS _error_code',
  'CAST(NULL AS STRING) AS _error_message',
])}
FROM (
  SELECT value, _line_number, from_csv(value, ${sparkLiteral(schema)}, map(${map.join(', ')})) AS _fields
  FROM (SELECT ${lineText(format)} AS value, _line_number FROM lines WHERE _line_number >= ${linesBefore(format)})
)`
}

/** Each character for itself: Spark cuts by a regular expression. */
const escapedDelimiter = (delimiter: string): string => delimiter.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
