/** The one way in which DuckDB reads what this room wrote or vouched for: nothing is sniffed, everything is text. */
import type { DelimitedFormat } from '../../contracts/data/feed-contract.ts'
import { type SourceColumn, sourceColumns } from './records.ts'

export interface ReadShape {
  /** Some field holds a line break: the file is read by one thread. */
  readonly lineBreaks: boolean
}

/** Columns that a canonical file has behind those of the source, with their DuckDB types. */
export const recordColumns = {
  _record_number: 'BIGINT',
  _line: 'BIGINT',
  _byte_offset: 'BIGINT',
  _raw: 'VARCHAR',
  _error_code: 'VARCHAR',
  _error_message: 'VARCHAR',
} as const

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

const struct = (columns: readonly (readonly [string, string])[]): string =>
  `{${columns.map(([name, type]) => `${literal(name)}: ${literal(type)}`).join(', ')}}`

const text = (columns: readonly SourceColumn[]) =>
  sourceColumns(columns).map(column => [column.name, 'VARCHAR'] as const)

/** `read_csv(…)` of a file that `scan` called regular. Empty fields, quoted or not, are null. */
export function duckdbReadCsv(
  format: DelimitedFormat,
  columns: readonly SourceColumn[],
  path: string,
  shape: ReadShape,
): string {
  const quote = format.quote ?? ''
  return call(path, [
    `delim = ${literal(format.delimiter)}`,
    `quote = ${literal(quote)}`,
    `escape = ${literal(quote)}`,
    `header = ${format.headerRows === 1}`,
    ...(format.preambleLines > 0 ? [`skip = ${format.preambleLines}`] : []),
    ...(format.lineTerminator === 'lf' ? [`new_line = '\\n'`] : []),
    `columns = ${struct(text(columns))}`,
    ...common(shape),
  ])
}

/** `read_csv(…)` of a file that `writeCanonical` wrote: the columns of the source as text, then `recordColumns`. */
export function duckdbReadCanonical(
  columns: readonly SourceColumn[],
  path: string,
  shape: ReadShape & { readonly longestLineBytes: number },
): string {
  const all = [...text(columns), ...Object.entries(recordColumns)]
  return call(path, [
    `delim = ','`,
    `quote = '"'`,
    `escape = '"'`,
    'header = false',
    `new_line = '\\n'`,
    `columns = ${struct(all)}`,
    ...(shape.longestLineBytes > 1_500_000 ? [`max_line_size = ${shape.longestLineBytes + 1024}`] : []),
    ...common(shape),
  ])
}

const common = (shape: ReadShape): string[] => [
  // Or else the name of the file would say so.
  `compression = 'none'`,
  'auto_detect = false',
  'strict_mode = true',
  'null_padding = false',
  'ignore_errors = false',
  ...(shape.lineBreaks ? ['parallel = false'] : []),
]

const call = (path: string, options: readonly string[]): string => `read_csv(${literal(path)}, ${options.join(', ')})`
