import { stripVTControlCharacters } from 'node:util'
import type { Terminal } from '../terminal.ts'
import { cut, widthOf } from './text.ts'

export interface TableColumn {
  readonly title: string
  /** Numbers stand to the right. */
  readonly align?: 'left' | 'right'
}

/** Narrower than this a column is not cut: what is left would say nothing. */
const leastWidth = 8

/** Rows below titles; cells that are too wide for the screen are cut, the widest columns first. No line ends with spaces. */
export function table(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  { columns: screenWidth, colors }: Pick<Terminal, 'columns' | 'colors'>,
): string {
  const widths = columns.map(({ title }, at) => Math.max(widthOf(title), ...rows.map(row => widthOf(row[at] ?? ''))))
  shrink(widths, screenWidth - 2 * (columns.length - 1))
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, at) => {
        const width = widths[at]!
        const cell = cells[at] ?? ''
        const fitting = widthOf(cell) > width ? cut(stripVTControlCharacters(cell), width) : cell
        const space = ' '.repeat(width - widthOf(fitting))
        return align === 'right' ? space + fitting : fitting + space
      })
      .join('  ')
      .trimEnd()
  return [colors.dim(line(columns.map(({ title }) => title))), ...rows.map(line)].join('\n')
}

function shrink(widths: number[], available: number): void {
  for (let over = widths.reduce((sum, width) => sum + width, 0) - available; over > 0; over--) {
    const widest = widths.indexOf(Math.max(...widths))
    if (widths[widest]! <= leastWidth) return
    widths[widest]!--
  }
}
