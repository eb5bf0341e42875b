/** Lines behind the last record that are no records: totals, counts, end marks. Told from a cut-off record by what stands in them. Pure. */
import type { MalformedCode } from '../records/record.ts'

export interface TailRow {
  readonly fields: readonly string[]
  readonly code: MalformedCode | undefined
  readonly line: number
  readonly lastLine: number
}

/** Physical lines of the trailer, counted back from the last row. `body`: well-formed rows in front, `tail`: the last rows of the file. */
export function findTrailer(
  tail: readonly TailRow[],
  body: readonly (readonly (string | null)[])[],
  width: number,
): number {
  let first = tail.length
  while (first > 0 && isTrailer(tail[first - 1] as TailRow, body, width)) first--
  const last = tail.at(-1)
  // All of them broken is no trailer but another format.
  if (first === tail.length || first === 0 || last === undefined) return 0
  const before = tail[first - 1] as TailRow
  return last.lastLine - before.lastLine
}

function isTrailer(row: TailRow, body: readonly (readonly (string | null)[])[], width: number): boolean {
  if (width < 2 || body.length < 2) return false
  const cells = row.fields.map(field => field.trim())
  const filled = cells.filter(cell => cell !== '').length
  const label = cells.findIndex(cell => cell !== '')
  if (label === -1) return false
  const values = body.map(fields => (fields[label] ?? '').trim()).filter(value => value !== '')
  // Text in a column where no record has any is as strange as text of another kind.
  const strange = !values.some(value => alike(cells[label] as string, value))
  if (row.code === 'TOO_FEW_FIELDS') return strange && filled < width
  if (row.code !== undefined || !strange || body.length < 3) return false
  // As wide as a record: nothing but a sum, or empty where no record is.
  if (filled < width && cells.some((cell, index) => index > label && isSum(cell, body, index))) return true
  const always =
    body[0]?.flatMap((_, index) => (body.every(fields => (fields[index] ?? '').trim() !== '') ? [index] : [])) ?? []
  const missing = always.filter(index => (cells[index] ?? '') === '').length
  return always.length >= 2 && missing >= always.length / 2 && filled <= width / 2
}

const amount = (text: string): number =>
  Number(
    text
      .replaceAll(/[^\d.,-]/g, '')
      .replace(/[.,](?=\d{3}(?:\D|$))/g, '')
      .replace(',', '.') || 'x',
  )

function isSum(cell: string, body: readonly (readonly (string | null)[])[], index: number): boolean {
  const total = amount(cell)
  if (Number.isNaN(total) || total === 0) return false
  const sum = body.reduce((so, fields) => so + amount(fields[index] ?? ''), 0)
  return Math.abs(sum - total) < 0.005 || total === body.length
}

/** Made of the same kinds of characters: letters or none, digits or none, nothing that the other lacks. */
function alike(a: string, b: string): boolean {
  const kinds = (text: string) => [/\p{L}/u, /\d/, /\s/, /[:=#*]/].map(kind => kind.test(text)).join()
  return kinds(a) === kinds(b)
}
