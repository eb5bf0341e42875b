/**
 * Records of a JSON document, without holding the document: a scanner of structure that cuts out one record after the other.
 *
 * A document is one or more JSON values. `recordPath` leads from each to its records: the elements of the array found there, or the one object
 * found there. Arrays on the way are walked through, so pages (`[{"items": […]}, {"items": […]}]`) are read as one. In the path `*` is any key:
 * the values of an object are records where it comes last, or arrays of records, and each record has its key as `@key`.
 *
 * 1. Memory is one record and one piece. A record above the limit is cut; the scan goes on behind it.
 * 2. What stands beside the path is skipped and is no record. What is no JSON between documents is a malformed record.
 * 3. A document that is cut off gives its last, open record as malformed.
 */
import type { JsonDocumentFormat } from '../../contracts/data/feed-contract.ts'
import { byteWidth, type TextPiece } from './decode.ts'
import { type JsonRecord, type JsonSplitter, judgeJson } from './json-record.ts'
import { type ReadLimits, rawLimitCharacters } from './record.ts'
import { TextWindow } from './text-window.ts'

/** In a record path: any key. */
export const anyKey = '*'
/** Where a record has the key that `*` stood for. */
export const ownKey = '@key'

/** An open container: how many keys of the path lead to it (-1: it is beside the path), and whether its elements are records. */
interface Frame {
  readonly kind: 'object' | 'array'
  readonly matched: number
  readonly holdsRecords: boolean
  /** In an object: the key last read, and whether a key comes next. */
  key: string
  expectsKey: boolean
}

interface Capture {
  start: number
  readonly line: number
  readonly byteOffset: number | null
  /** Containers open where the record began. */
  readonly depth: number
  /** Text between documents: it ends at the line end. */
  readonly stray: boolean
  /** The key that `*` stood for. */
  readonly key: string | undefined
  cut: string | undefined
}

export class JsonDocument implements JsonSplitter {
  readonly #window: TextWindow
  readonly #path: readonly string[]
  readonly #limit: number
  readonly #frames: Frame[] = []
  #lineMarks = 0
  #some = false
  #capture: Capture | undefined
  #inString = false
  #escaped = false
  #keyText: string | undefined
  #from = 0

  constructor(format: JsonDocumentFormat, limits: ReadLimits) {
    this.#window = new TextWindow(byteWidth(format))
    this.#path = format.recordPath
    this.#limit = limits.maxRecordBytes
  }

  get lines(): number {
    return this.#some ? this.#lineMarks + 1 : 0
  }

  *push(piece: TextPiece): Generator<JsonRecord> {
    const capture = this.#capture
    const keep = capture !== undefined && capture.cut === undefined ? capture.start : this.#window.text.length
    if (capture !== undefined) capture.start -= keep
    this.#from = this.#window.text.length - keep
    this.#window.push(piece, keep)
    this.#some ||= piece.text.length > 0
    yield* this.#scan(this.#window.text)
    const open = this.#capture
    if (open === undefined || open.cut !== undefined) return
    const { text } = this.#window
    if (text.length - open.start > this.#limit) open.cut = text.slice(open.start, open.start + rawLimitCharacters)
  }

  *end(): Generator<JsonRecord> {
    if (this.#capture !== undefined) yield this.#record(this.#capture, this.#window.text.length)
  }

  *#scan(text: string): Generator<JsonRecord> {
    for (let i = this.#from; i < text.length; i++) {
      const c = text[i] as string
      if (this.#inString) {
        i = this.#scanString(text, i)
        continue
      }
      const capture = this.#capture
      if (c === '\n') {
        this.#lineMarks++
        if (capture?.stray) yield this.#record(capture, i)
      } else if (c === ' ' || c === '\t' || c === '\r') continue
      else if (capture?.stray && c !== '{' && c !== '[') continue
      else if (c === '{' || c === '[') {
        if (capture?.stray) yield this.#record(capture, i)
        this.#open(c, i)
      } else if (c === '}' || c === ']') {
        if (capture !== undefined && capture.depth === this.#frames.length) yield this.#record(capture, i)
        this.#frames.pop()
        const done = this.#capture
        if (done !== undefined && done.depth === this.#frames.length && !this.#top()?.holdsRecords)
          yield this.#record(done, i + 1)
      } else if (c === ',') {
        if (capture !== undefined && capture.depth === this.#frames.length) yield this.#record(capture, i)
        const top = this.#top()
        if (top !== undefined) top.expectsKey = true
      } else this.#other(c, i)
    }
  }

  #other(c: string, at: number): void {
    const top = this.#top()
    if (top === undefined || (top.holdsRecords && !(top.kind === 'object' && top.expectsKey)))
      this.#start(at, top === undefined)
    if (c === '"') {
      if (top === undefined) return
      this.#inString = true
      const onPath = top.kind === 'object' && top.expectsKey && top.matched >= 0
      this.#keyText = onPath && this.#capture === undefined ? '"' : undefined
    } else if (c === ':' && top !== undefined) top.expectsKey = false
  }

  /** Scans inside of a string; the index of its last character seen. */
  #scanString(text: string, from: number): number {
    let i = from
    for (; i < text.length; i++) {
      const c = text.charCodeAt(i)
      if (this.#escaped) this.#escaped = false
      else if (c === 92) this.#escaped = true
      else if (c === 34) {
        this.#inString = false
        break
      } else if (c === 10) this.#lineMarks++
    }
    if (this.#keyText === undefined) return i
    this.#keyText = (this.#keyText + text.slice(from, i + 1)).slice(0, rawLimitCharacters)
    const top = this.#top()
    if (!this.#inString && top !== undefined) top.key = keyOf(this.#keyText)
    return i
  }

  #open(c: '{' | '[', at: number): void {
    const top = this.#top()
    const kind = c === '{' ? 'object' : 'array'
    if (top?.holdsRecords && !(top.kind === 'object' && kind === 'array')) this.#start(at, false)
    const matched = this.#capture === undefined ? this.#matched(top) : -1
    const arrived = matched === this.#path.length
    if (arrived && kind === 'object') this.#start(at, false)
    const ofValues = kind === 'object' && matched === this.#path.length - 1 && this.#path[matched] === anyKey
    const holdsRecords = (arrived && kind === 'array') || ofValues
    this.#frames.push({ kind, matched, holdsRecords, key: '', expectsKey: true })
  }

  #matched(top: Frame | undefined): number {
    if (top === undefined) return 0
    if (top.kind === 'array' || top.matched < 0) return top.matched
    const wanted = this.#path[top.matched]
    return wanted === anyKey || top.key === wanted ? top.matched + 1 : -1
  }

  #start(at: number, stray: boolean): void {
    this.#capture ??= {
      start: at,
      line: this.#lineMarks + 1,
      byteOffset: this.#window.byteOffset(at),
      depth: this.#frames.length,
      stray,
      key: this.#ownKey(),
      cut: undefined,
    }
  }

  /** The key that `*` stood for last. */
  #ownKey(): string | undefined {
    const of = this.#frames.findLast(({ kind }) => kind === 'object')
    return of?.holdsRecords ? of.key : undefined
  }

  #record(capture: Capture, end: number): JsonRecord {
    this.#capture = undefined
    const { line, byteOffset } = capture
    if (capture.cut !== undefined) return { line, byteOffset, raw: capture.cut.toWellFormed(), code: 'RECORD_TOO_LONG' }
    const raw = this.#window.text.slice(capture.start, end).trimEnd()
    const record = judgeJson({ line, byteOffset, raw }, this.#limit)
    if (capture.key === undefined || record.code !== undefined) return record
    return { ...record, value: { [ownKey]: capture.key, ...record.value } }
  }

  #top(): Frame | undefined {
    return this.#frames[this.#frames.length - 1]
  }
}

function keyOf(source: string): string {
  try {
    return String(JSON.parse(source))
  } catch {
    return source
  }
}
