/** The text between what was read and what was consumed, and the arithmetic of where in the file it stands. */
import type { Anchor, ByteWidth, TextPiece } from './decode.ts'

export class TextWindow {
  text = ''
  /** Set while some part of the text may hold bytes that were no characters. */
  broken = false
  readonly #width: ByteWidth
  #anchors: Anchor[] = []
  #next = 0
  #at: Anchor | undefined

  constructor(width: ByteWidth) {
    this.#width = width
  }

  /** Drops the text before `from` and appends the piece; indexes shift by `from`. */
  push(piece: TextPiece, from: number): void {
    if (this.#width !== null && from > 0) this.byteOffset(from)
    const rest = from >= this.text.length ? '' : this.text.slice(from)
    const shifted = (anchor: Anchor, by: number): Anchor => ({
      index: anchor.index + by,
      byteOffset: anchor.byteOffset,
    })
    const kept = this.#anchors.slice(this.#next).map(anchor => shifted(anchor, -from))
    this.#at = this.#at && shifted(this.#at, -from)
    for (const anchor of piece.anchors) kept.push(shifted(anchor, rest.length))
    this.#anchors = kept
    this.#next = 0
    this.text = rest + piece.text
    this.broken = piece.broken || (this.broken && !rest.isWellFormed())
  }

  /** Where the character at `index` stands in the file. To be asked in rising order. */
  byteOffset(index: number): number | null {
    if (this.#width === null) return null
    for (; ; this.#next++) {
      const anchor = this.#anchors[this.#next]
      if (anchor === undefined || anchor.index > index) break
      this.#at = anchor
    }
    if (this.#at === undefined) return null
    const { index: from, byteOffset } = this.#at
    const bytes =
      this.#width === 'utf-8' ? Buffer.byteLength(this.text.slice(from, index)) : (index - from) * this.#width
    this.#at = { index, byteOffset: byteOffset + bytes }
    return this.#at.byteOffset
  }
}
