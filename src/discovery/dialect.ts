/**
 * Which delimiter, quote and escape make a table of a text. Each candidate is tried on the sample, and judged as in "Wrangling messy CSV files by
 * detecting row and type patterns" (van den Burg, Nazábal, Sutton, 2019): how regular the rows are, times how much the cells look like values.
 */
import type { DelimitedFormat } from '../../contracts/data/feed-contract.ts'
import { DelimitedCursor } from '../records/delimited.ts'
import type { MalformedCode, ReadLimits } from '../records/record.ts'

export type Dialect = Pick<DelimitedFormat, 'delimiter' | 'quote' | 'escape' | 'lineTerminator'>

/** One record of the sample under a dialect, header and preamble included. */
export interface Row {
  readonly fields: readonly string[]
  readonly code: MalformedCode | undefined
  readonly line: number
  readonly lastLine: number
  readonly raw: string
}

export interface ScoredDialect {
  readonly dialect: Dialect
  readonly score: number
  /** Fields that most rows have. */
  readonly width: number
  /** The first row that is as wide has a name in each cell, and the delimiter is a usual one. */
  readonly named: boolean
}

const lookCharacters = 192 * 1024
const lookRows = 400

/** Delimiters tried, with the benefit of doubt that each has. */
const delimiters: readonly (readonly [string, number])[] = [
  [',', 1],
  [';', 1],
  ['\t', 1],
  ['|', 1],
  ['^', 0.95],
  ['~', 0.95],
  ['\x01', 0.98],
  ['\x1f', 0.98],
  ['§', 0.95],
  ['¦', 0.95],
  ['¬', 0.95],
  ['||', 0.97],
  ['::', 0.9],
  [';;', 0.9],
  ['~~', 0.9],
  ['#', 0.7],
  ['*', 0.7],
  ['!', 0.6],
  ['%', 0.6],
  ['$', 0.6],
  [':', 0.5],
  ['=', 0.4],
]

/** The records of a text under a dialect. `last`: the text is whole, so its last record counts. */
export function rowsOf(
  text: string,
  dialect: Dialect,
  limits: ReadLimits,
  last: boolean,
  most = Number.POSITIVE_INFINITY,
): Row[] {
  const cursor = new DelimitedCursor(
    {
      kind: 'delimited',
      encoding: 'utf-8',
      compression: 'none',
      preambleLines: 0,
      headerRows: 0,
      trailerLines: 0,
      ...dialect,
    },
    limits,
  )
  cursor.push({ text, anchors: [], broken: !text.isWellFormed() })
  const rows: Row[] = []
  const take = () => {
    while (rows.length < most && cursor.next()) {
      rows.push({
        fields: cursor.fields(),
        code: cursor.code,
        line: cursor.line,
        lastLine: cursor.lines,
        raw: cursor.raw(),
      })
    }
  }
  take()
  if (last) {
    cursor.end()
    take()
  }
  return rows
}

export function findLineTerminator(text: string): DelimitedFormat['lineTerminator'] {
  // Line ends inside of quotes are those of whoever typed the text.
  const looked = text.slice(0, 1024 * 1024).replaceAll(/"[^"]*"/g, '')
  const count = (pattern: RegExp) => looked.match(pattern)?.length ?? 0
  const both = count(/\r\n/g)
  const feeds = count(/\n/g) - both
  const returns = count(/\r(?!\n)/g)
  if (returns > 3 * (both + feeds)) return 'cr'
  return both > feeds ? 'crlf' : 'lf'
}

/** Dialects under which the text is a table of at least two columns, best first. */
export function findDialects(text: string, complete: boolean, limits: ReadLimits): ScoredDialect[] {
  const lineTerminator = findLineTerminator(text)
  const last = complete && text.length <= lookCharacters
  const looked = text.slice(0, lookCharacters)
  const told = /^sep=(.{1,2}?)[ \t]*(?:\r\n|\r|\n)/i.exec(looked)?.[1]
  const found: ScoredDialect[] = []
  for (const [delimiter, benefit] of delimiters) {
    if (!looked.includes(delimiter) || (told !== undefined && told !== delimiter)) continue
    if (delimiter.length === 1 && alwaysDoubled(looked, delimiter)) continue
    for (const [quote, escaping] of quotings(looked, delimiter)) {
      const dialect: Dialect = { delimiter, quote, escape: escaping, lineTerminator }
      const scored = judge(rowsOf(looked, dialect, limits, last, lookRows), delimiter, quote, told !== undefined)
      // The usual quoting comes first, and is given up only for a reading that is better, not for one as good.
      if (scored.width > 1) {
        found.push({
          dialect,
          width: scored.width,
          score: scored.score * benefit * (quote === null ? 0.95 : escaping === null ? 0.9 : 1),
          named: benefit === 1 && scored.named,
        })
      }
    }
  }
  return found
    .map((one, index) => ({ one, index }))
    .sort((a, b) => b.one.score - a.one.score || a.index - b.index)
    .map(({ one }) => one)
}

/** Where most of a delimiter stands in pairs, and the first line has pairs only, the pair is the delimiter. */
function alwaysDoubled(text: string, delimiter: string): boolean {
  const pairs = text.split(delimiter + delimiter).length - 1
  if (pairs === 0 || 2 * pairs < 0.8 * (text.split(delimiter).length - 1)) return false
  const line = text.split(/[\r\n]+/).find(one => one.includes(delimiter)) ?? ''
  return line.split(delimiter).length - 1 === 2 * (line.split(delimiter + delimiter).length - 1)
}

function quotings(text: string, delimiter: string): (readonly [string | null, string | null])[] {
  const found: (readonly [string | null, string | null])[] = [['"', '"']]
  if (text.includes('"')) {
    if (text.includes('\\"')) found.push(['"', '\\'])
    found.push(['"', null], [null, null])
  }
  const opened = text.split(new RegExp(`(?:^|[\\r\\n]|${escapeRegExp(delimiter)})'`)).length - 1
  const closed = text.split(new RegExp(`'(?=$|[\\r\\n]|${escapeRegExp(delimiter)})`)).length - 1
  if (opened > 2 && closed >= opened * 0.8)
    found.push(["'", "'"], ...(text.includes("\\'") ? ([["'", '\\']] as const) : []))
  if (text.includes(`\\${delimiter}`)) found.push([null, '\\'])
  return found
}

const escapeRegExp = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')

function judge(
  rows: readonly Row[],
  delimiter: string,
  quote: string | null,
  told: boolean,
): { score: number; width: number; named: boolean } {
  const counts = new Map<number, number>()
  for (const { fields, code } of rows)
    if (code === undefined) counts.set(fields.length, (counts.get(fields.length) ?? 0) + 1)
  const [width, most] = [...counts].reduce(
    (best, next) => (next[1] * (next[0] - 1) > best[1] * (best[0] - 1) ? next : best),
    [1, 0] as [number, number],
  )
  if (width < 2) return { score: 0, width: 1, named: false }
  // Titles in front and totals behind are judged elsewhere.
  const first = rows.findIndex(({ fields }) => fields.length === width)
  const end = rows.findLastIndex(({ fields }) => fields.length === width) + 1
  const body = rows.slice(first, end)
  const outside = rows.length - body.length
  const regular = most / Math.max(1, body.length)
  const broken = body.filter(({ code }) => code !== undefined).length / Math.max(1, body.length)
  // One row among others is rather a line that happens to have the character.
  const lone = body.length === 1 && outside > 0 ? 0.2 : 1
  // A delimiter that the first rows lack is rather a sign that the values have.
  const edges = told ? 1 : lone * (first > 0 ? 0.85 : 1) * (1 - 0.5 * (outside / rows.length))
  let cells = 0
  let sense = 0
  for (const { fields } of body.slice(0, 200)) {
    for (const cell of fields) {
      cells++
      sense += senseOf(cell, delimiter, quote)
    }
  }
  const score = regular ** 2 * edges * (sense / Math.max(1, cells)) * (1 - 1 / width) * Math.max(0, 1 - 2 * broken)
  return { score, width, named: areNames(rows[first]?.fields ?? []) }
}

const number = /^[-+]?[€$£]?\s?\d{1,3}(?:[.,' ]?\d{3})*(?:[.,]\d+)?\s?[€$£%]?$/
const plainValue = /^[\p{L}\p{N}_.+\-/#%€$£@()&' :]*$/u
const otherDelimiters = [',', ';', '\t', '|', '~', '^']

function areNames(cells: readonly string[]): boolean {
  const names = cells.map(cell => cell.trim())
  return (
    names.every(name => /^[\p{L}_#][^\n]{0,39}$/u.test(name) && name.split(/\s+/).length <= 5) &&
    new Set(names).size === names.length
  )
}

/** How much a cell looks like one value, 0 to 1. */
function senseOf(cell: string, delimiter: string, quote: string | null): number {
  const text = cell.trim()
  if (text === '') return 0.9
  if (quote === null && /^["']|["']$/.test(text) && !/^[^"']*\d"$/.test(text)) return 0.3
  if (number.test(text)) return 1
  if (/^(https?:\/\/|www\.)\S+$/i.test(text)) return 1
  if (text.length < 64 && plainValue.test(text)) return 1
  let others = 0
  // With a space behind it a sign is punctuation.
  for (const other of otherDelimiters)
    if (other !== delimiter) others += text.replaceAll(`${other} `, '').split(other).length - 1
  // A list or a sentence has some; a whole row that was not taken apart has many for its length.
  return Math.max(0.2, 0.95 - (4 * others) / (4 + text.length / 8))
}
