/** Which row of a sample is the header, if any, and what stands in front of it. Pure. */
import type { Row } from './dialect.ts'

export interface FoundHeader {
  /** Index of the header row, or of the first record where there is no header. */
  readonly first: number
  readonly headerRows: 0 | 1
  /** Fields of a record. */
  readonly width: number
  /** -1 (surely a record) to 1 (surely a header). */
  readonly certainty: number
}

const lookRows = 60
const bodyRows = 200

/** `usual`: the number of fields that most rows have. */
export function findHeader(rows: readonly Row[], usual: number): FoundHeader {
  const full = firstFullRow(rows, usual)
  const found = headerAt(rows, full, usual)
  const before = rows[full - 1]
  // A row of names directly above a first record is a header, though it names too few.
  if (
    found.headerRows === 1 ||
    before === undefined ||
    before.fields.length < Math.max(2, usual / 2) ||
    filled(before.fields) < before.fields.length
  )
    return found
  const shorter = headerAt(rows, full - 1, usual)
  return shorter.headerRows === 1 ? shorter : found
}

function headerAt(rows: readonly Row[], first: number, usual: number): FoundHeader {
  const head = rows[first]?.fields ?? []
  // Files that were put together repeat their header: such a row says nothing of what the values are like.
  const body = rows
    .slice(first + 1, first + 1 + bodyRows)
    .filter(({ code, fields }) => code === undefined && !isSame(fields, head))
  const certainty = headerCertainty(
    head,
    body.map(({ fields }) => fields),
  )
  const headerRows = certainty > 0 ? 1 : 0
  const second = rows[first + 1]
  // A second row of names under labels: the names are the header (labels in front are a preamble).
  if (
    headerRows === 1 &&
    second !== undefined &&
    body.length > 2 &&
    secondHeader(
      head,
      second.fields,
      body.slice(1).map(({ fields }) => fields),
    )
  ) {
    return { first: first + 1, headerRows: 1, width: widthOf(second.fields, body.slice(1), usual), certainty }
  }
  return {
    first,
    headerRows,
    width: widthOf(
      headerRows === 1 ? head : [],
      headerRows === 1 ? body : [...rows.slice(first, first + 1), ...body],
      usual,
    ),
    certainty,
  }
}

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((cell, index) => cell.replace(/^\ufeff/, '') === b[index])

const filled = (fields: readonly string[]): number => fields.filter(field => field.trim() !== '').length

/** The first row that is as full as rows are: titles, comments and blocks of "key: value" in front have fewer cells. */
function firstFullRow(rows: readonly Row[], usual: number): number {
  const looked = rows.slice(0, lookRows)
  const counts = rows
    .slice(0, bodyRows)
    .filter(({ fields }) => fields.length === usual)
    .map(({ fields }) => filled(fields))
    .sort((a, b) => a - b)
  const median = counts[Math.floor(counts.length / 2)] ?? 1
  const wanted = Math.max(usual > 1 ? 2 : 1, Math.ceil(0.75 * median))
  const near = (row: Row) =>
    row.code === undefined &&
    filled(row.fields) >= wanted &&
    Math.abs(row.fields.length - usual) <= Math.max(1, usual * 0.2)
  const comment = (row: Row, next: Row | undefined) =>
    /^\s*(#|\/\/)/.test(row.raw) && next !== undefined && /^\s*(#|\/\/)/.test(next.raw)
  const at = looked.findIndex((row, index) => near(row) && !comment(row, looked[index + 1]))
  if (at !== -1) return at
  return Math.max(
    0,
    looked.findIndex(({ fields }) => fields.length === usual),
  )
}

/** Fields of a record: those of the header, unless hardly a record has as many. */
function widthOf(header: readonly string[], body: readonly Row[], usual: number): number {
  let named = header.length
  while (named > 1 && header[named - 1]?.trim() === '') named--
  if (named === 0) return withoutEmptyEnd(body, usual, 0)
  const asNamed = body.filter(({ fields }) => fields.length === named).length
  const wider = body.filter(({ fields }) => fields.length > named && filled(fields.slice(named)) > 0).length
  if (body.length === 0 || (asNamed > 0 && wider <= asNamed)) return named
  return usual < named ? (body.length < 3 ? named : usual) : withoutEmptyEnd(body, usual, named)
}

function withoutEmptyEnd(body: readonly Row[], usual: number, least: number): number {
  let width = usual
  while (
    width > Math.max(1, least) &&
    body.length > 0 &&
    body.every(({ fields }) => (fields[width - 1] ?? '').trim() === '')
  )
    width--
  return width
}

type Shape = 'empty' | 'number' | 'date' | 'link' | 'flag' | 'text'

function shapeOf(cell: string): Shape {
  const text = cell.trim()
  if (text === '') return 'empty'
  if (/^[-+]?[€$£]?\s?\d[\d.,' ]*\s?[%€$£]?$/.test(text)) return 'number'
  if (/^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?$/.test(text)) return 'date'
  if (/^(https?:\/\/|www\.)|^[^\s@]+@[^\s@]+\.[a-z]+$/i.test(text)) return 'link'
  if (/^(true|false)$/i.test(text)) return 'flag'
  return 'text'
}

/** How much a row looks like names over a body of values. */
function headerCertainty(head: readonly string[], body: readonly (readonly string[])[]): number {
  const names = head.map(cell => cell.trim())
  let score = 0
  for (const [index, name] of names.entries()) {
    const shape = shapeOf(name)
    if (shape === 'empty') continue
    const values = body.map(fields => fields[index]?.trim() ?? '').filter(value => value !== '')
    const shapes = values.map(shapeOf)
    if (isYear(name) && values.length > 0 && !values.some(isYear)) {
      score += 0.5
      continue
    }
    if (shape !== 'text') {
      score -= values.length === 0 || shapes.filter(one => one === shape).length > values.length * 0.5 ? 2 : 0.5
      continue
    }
    score += /^[\p{L}_#@*<"'([][^\n]{0,79}$/u.test(name) && name.split(/\s+/).length <= 8 ? 0.2 : -0.3
    if (values.length === 0) continue
    if (shapes.filter(one => one !== 'text').length >= values.length * 0.8) score += 1
    else if (values.includes(name)) score -= 1
    else if (differs(name, values)) score += 0.5
  }
  const named = names.filter(name => name !== '')
  score -= 0.3 * (named.length - new Set(named).size)
  return Math.max(-1, Math.min(1, score / Math.max(1, named.length)))
}

const isYear = (text: string): boolean => /^(19|20)\d\d$/.test(text)

/** A word among codes with digits, or among values that are all of another length. */
function differs(name: string, values: readonly string[]): boolean {
  const share = (test: (value: string) => boolean) => values.filter(test).length / values.length
  if (!/\d/.test(name) && share(value => /\d/.test(value)) > 0.8) return true
  const lengths = values.map(value => value.length)
  const [least, most] = [Math.min(...lengths), Math.max(...lengths)]
  return values.length > 2 && (name.length > most || name.length < least)
}

/** Labels for people over names for machines, as in marketplace templates. */
function secondHeader(
  head: readonly string[],
  second: readonly string[],
  body: readonly (readonly string[])[],
): boolean {
  const names = second.map(cell => cell.trim())
  const named = names.filter(name => name !== '')
  const machine = named.every(name => /^[a-z][a-z0-9]*([_.#-][a-z0-9]+)*$|^[a-z]+[A-Z]\w*$/.test(name))
  const underscored = named.some(name => /[_.#-]|[a-z][A-Z]/.test(name))
  if (!machine || !underscored || named.length < head.length * 0.9 || new Set(named).size !== named.length) return false
  const typed = names.filter((_, index) => {
    const values = body.map(fields => fields[index]?.trim() ?? '').filter(value => value !== '')
    return values.length > 0 && values.every(value => shapeOf(value) !== 'text')
  })
  return typed.length > 0
}
