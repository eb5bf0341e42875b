/** Keeps the last lines of a file from its reader: a trailer is known only when the file has ended. */
import type { ByteWidth, TextPiece } from './decode.ts'
import { TextWindow } from './text-window.ts'

const isBlank = (line: string): boolean => line.replaceAll('\x1a', '').trim() === ''

export class TrailerHold {
  readonly #lines: number
  readonly #mark: string
  readonly #limit: number
  readonly #width: ByteWidth
  #held: TextPiece | undefined

  /** Holds `lines` physical lines, counted back from the last that is not blank, as long as they are no longer than `limit` characters. */
  constructor(lines: number, lineMark: string, width: ByteWidth, limit: number) {
    this.#lines = lines
    this.#mark = lineMark
    this.#width = width
    this.#limit = limit
  }

  /** What is certain not to belong to the trailer. */
  push(piece: TextPiece): TextPiece {
    if (this.#lines === 0) return piece
    const { text, anchors, broken } = this.#joined(piece)
    const cut = text.length > this.#limit + piece.text.length ? text.length : this.#cut(text)
    this.#held = { text: text.slice(cut), anchors: anchorsFrom(anchors, text, cut, this.#width), broken }
    return { text: text.slice(0, cut), anchors: anchors.filter(({ index }) => index < cut), broken }
  }

  /** The physical lines that were held back and are no records. */
  end(): number {
    const text = this.#held?.text ?? ''
    return text === '' ? 0 : text.split(this.#mark).length - (text.endsWith(this.#mark) ? 1 : 0)
  }

  #joined(piece: TextPiece): TextPiece {
    const held = this.#held
    if (held === undefined) return piece
    const anchors = piece.anchors.map(({ index, byteOffset }) => ({ index: index + held.text.length, byteOffset }))
    return { text: held.text + piece.text, anchors: [...held.anchors, ...anchors], broken: held.broken || piece.broken }
  }

  /** The start of the last lines. */
  #cut(text: string): number {
    let lines = 0
    for (let end = text.length; end > 0; ) {
      const start = end < 2 ? 0 : text.lastIndexOf(this.#mark, end - 2) + 1
      if (lines > 0 || !isBlank(text.slice(start, end))) lines++
      if (lines === this.#lines) return start
      end = start
    }
    return 0
  }
}

function anchorsFrom(anchors: TextPiece['anchors'], text: string, cut: number, width: ByteWidth): TextPiece['anchors'] {
  const window = new TextWindow(width)
  window.push({ text, anchors, broken: false }, 0)
  const byteOffset = window.byteOffset(cut)
  const later = anchors.filter(({ index }) => index > cut).map(anchor => ({ ...anchor, index: anchor.index - cut }))
  return byteOffset === null ? [] : [{ index: 0, byteOffset }, ...later]
}
