import type { Discovery } from '../discover-files.ts'
import type { Terminal } from '../terminal.ts'
import { table } from './table.ts'
import { bytes, count, counted, cut, visible } from './text.ts'

type Look = Pick<Terminal, 'columns' | 'colors'>
type Described = Discovery['files'][number]

const exampleWidth = 40

export function discoveryText({ files, errors }: Discovery, look: Look): string {
  const { colors } = look
  return [
    ...files.map(file => fileText(file, look)),
    ...errors.map(({ path, code, message, way_out }) =>
      [
        `${colors.bold(visible(path))}`,
        `  ${colors.red(code)} ${visible(message)}`,
        `  way out  ${visible(way_out)}`,
      ].join('\n'),
    ),
    colors.dim(`${counted(files.length, 'file')} described, ${counted(errors.length, 'file')} not`),
  ].join('\n\n')
}

function fileText(file: Described, look: Look): string {
  const { colors } = look
  const line = (name: string, text: string) => `  ${colors.dim(name.padEnd(10))}${text}`
  const rows = file.row_count === null ? 'rows not counted' : counted(file.row_count, 'row')
  const rowsOfTable = file.columns.map(({ name, source_name, type, nullable, semantic, quality }) => [
    name,
    name === source_name ? '' : visible(source_name),
    `${type}${nullable ? '' : ' not null'}`,
    semantic ?? '',
    cut(visible(quality?.samples[0] ?? ''), exampleWidth),
  ])
  const columns = ['column', 'in the source', 'type', 'looks like', 'for example'].map(title => ({ title }))
  return [
    `${colors.bold(visible(file.path))}  ${file.vendor_name}/${file.table_name}`,
    line('is', `${file.format}, ${dialectText(file)}`),
    line(
      'holds',
      `${rows}, ${counted(file.columns.length, 'column')}, ${bytes(file.size_bytes)}; confidence ${file.confidence}`,
    ),
    ...file.primary_keys.map(key => line('key', `${key.columns.join(' + ')}  ${colors.dim(visible(key.evidence))}`)),
    ...file.natural_keys.map(key =>
      line('natural', `${key.columns.join(' + ')}  ${colors.dim(visible(key.evidence))}`),
    ),
    ...file.partition_candidates.map(({ column, transform, reason }) =>
      line('partition', `${transform}(${column})  ${colors.dim(visible(reason))}`),
    ),
    ...file.quality.map(({ code, column, message }) =>
      line('note', `${colors.yellow(code)}${column ? ` ${column}` : ''}  ${visible(message)}`),
    ),
    ...table(columns, rowsOfTable, { ...look, columns: look.columns - 2 })
      .split('\n')
      .map(row => `  ${row}`),
  ].join('\n')
}

function dialectText({ dialect }: Described): string {
  const { encoding, compression } = dialect
  const packed = compression === 'none' ? '' : `, ${compression}`
  if ('delimiter' in dialect) {
    const preamble = dialect.preamble_lines > 0 ? `, ${count(dialect.preamble_lines)} lines before the header` : ''
    return `${JSON.stringify(dialect.delimiter)} between fields, ${dialect.header_rows === 1 ? 'with header' : 'no header'}${preamble}, ${encoding}${packed}`
  }
  const path =
    'record_path' in dialect && dialect.record_path.length > 0
      ? `records at ${visible(dialect.record_path.join('.'))}, `
      : ''
  return `${path}${encoding}${packed}`
}
