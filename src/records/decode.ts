/**
 * Bytes of a file as pieces of text. Memory is one chunk, whatever the size of the file.
 *
 * 1. A byte that is no character in the encoding becomes a lone surrogate, which well-formed text cannot hold: `isWellFormed()` of any part of
 *    a piece tells whether that part was readable, and a U+FFFD of the vendor's own stays what it is.
 * 2. Byte offsets are those of the file, BOM included, and exact at every anchor. Between anchors they follow from the text.
 * 3. A piece never ends inside a character.
 *
 * It fails with FILE_COMPRESSION_BROKEN, FILE_VANISHED, FILE_UNREADABLE or FILE_ENCODING_BROKEN (an encoding nobody knows), and closes the file.
 */
import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import iconv from 'iconv-lite'
import { Failure } from '../../contracts/failures.ts'

const chunkBytes = 1024 * 1024
/** Stands for bytes that are no character. */
const broken = '\uDFFF'

/** How many bytes a part of the text took: one or two per UTF-16 unit, as UTF-8 says, or unknown. */
export type ByteWidth = 1 | 2 | 'utf-8' | null

export interface Anchor {
  readonly index: number
  readonly byteOffset: number
}

export interface TextPiece {
  readonly text: string
  /** Places whose byte offset is known, by rising index; the first is the start of the piece. Empty: offsets cannot be known. */
  readonly anchors: readonly Anchor[]
  /** Some of its bytes were no characters. */
  readonly broken: boolean
}

export interface ByteEncoding {
  readonly encoding: string
  readonly compression: 'none' | 'gzip'
}

const isUnicode8 = (encoding: string): boolean => /^utf-?8$/i.test(encoding)

export function byteWidth({ encoding, compression }: ByteEncoding): ByteWidth {
  if (compression !== 'none') return null
  if (isUnicode8(encoding)) return 'utf-8'
  if (/^utf-?16-?[lb]e$/i.test(encoding)) return 2
  return /^(windows-?125\d|cp125\d|iso-?8859-?\d+|latin-?\d+|cp\d{3}|ibm\d{3}|koi8-[ru]|macintosh|macroman|x-mac-.*|us-ascii|ascii)$/i.test(
    encoding,
  )
    ? 1
    : null
}

/** The bytes of a file as they were before compression. */
export async function* readBytes(file: string, compression: 'none' | 'gzip'): AsyncGenerator<Buffer> {
  const source = createReadStream(file, { highWaterMark: chunkBytes })
  const stream = compression === 'gzip' ? source.pipe(createGunzip({ chunkSize: chunkBytes })) : source
  // `pipe` carries no errors: without this a file that vanishes would leave the reader waiting.
  if (stream !== source) source.on('error', error => stream.destroy(error))
  try {
    for await (const chunk of stream) yield chunk as Buffer
  } catch (error) {
    throw readFailure(file, error)
  } finally {
    source.destroy()
    stream.destroy()
  }
}

/** The text of a file, decompressed and decoded, without its BOM. */
export async function* readText(file: string, format: ByteEncoding): AsyncGenerator<TextPiece> {
  const decoder = new TextPieces(format)
  for await (const chunk of readBytes(file, format.compression)) {
    const piece = decoder.write(chunk)
    if (piece !== undefined) yield piece
  }
  const last = decoder.end()
  if (last !== undefined) yield last
}

/** Decodes chunk after chunk. */
export class TextPieces {
  readonly #width: ByteWidth
  readonly #decoder: ReturnType<typeof iconv.getDecoder> | undefined
  #pending: Buffer = Buffer.alloc(0)
  #byteOffset = 0
  #started = false

  constructor(format: ByteEncoding) {
    this.#width = byteWidth(format)
    if (isUnicode8(format.encoding)) return
    if (!iconv.encodingExists(format.encoding)) {
      throw new Failure('FILE_ENCODING_BROKEN', `No encoding is called ${JSON.stringify(format.encoding)}.`)
    }
    this.#decoder = iconv.getDecoder(format.encoding, { stripBOM: false })
  }

  write(chunk: Buffer): TextPiece | undefined {
    return this.#decoder === undefined ? this.#unicode(chunk, false) : this.#other(this.#decoder.write(chunk))
  }

  end(): TextPiece | undefined {
    return this.#decoder === undefined ? this.#unicode(Buffer.alloc(0), true) : this.#other(this.#decoder.end() ?? '')
  }

  #unicode(chunk: Buffer, last: boolean): TextPiece | undefined {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    const cut = last ? bytes.length : bytes.length - openSequence(bytes)
    if (cut === 0 || (!this.#started && !last && bytes.length < 3)) {
      this.#pending = bytes
      return undefined
    }
    this.#pending = bytes.subarray(cut)
    const skip = !this.#started && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
    this.#started = true
    const byteOffset = this.#byteOffset + skip
    this.#byteOffset += cut
    const body = bytes.subarray(skip, cut)
    const known = this.#width !== null
    if (isUtf8(body))
      return { text: body.toString('utf8'), anchors: known ? [{ index: 0, byteOffset }] : [], broken: false }
    return lineByLine(body, byteOffset, known)
  }

  #other(decoded: string): TextPiece | undefined {
    if (decoded === '') return undefined
    const bom = !this.#started && decoded.charCodeAt(0) === 0xfeff
    this.#started = true
    const width = typeof this.#width === 'number' ? this.#width : 0
    const byteOffset = this.#byteOffset + (bom ? width : 0)
    this.#byteOffset += decoded.length * width
    const text = (bom ? decoded.slice(1) : decoded).replaceAll('\uFFFD', broken)
    return { text, anchors: width === 0 ? [] : [{ index: 0, byteOffset }], broken: !text.isWellFormed() }
  }
}

/** A chunk with bytes that are no UTF-8: every line that has some is marked, and gets an anchor behind it. */
function lineByLine(body: Buffer, byteOffset: number, known: boolean): TextPiece {
  const anchors: Anchor[] = []
  const parts: string[] = []
  let index = 0
  const add = (from: number, to: number, readable: boolean) => {
    if (from === to) return
    if (known) anchors.push({ index, byteOffset: byteOffset + from })
    const decoded = body.toString('utf8', from, to)
    const text = readable ? decoded : decoded.replaceAll('\uFFFD', broken)
    parts.push(text)
    index += text.length
  }
  let from = 0
  for (let start = 0; start < body.length; ) {
    const lineFeed = body.indexOf(10, start)
    const end = lineFeed === -1 ? body.length : lineFeed + 1
    if (!isUtf8(body.subarray(start, end))) {
      add(from, start, true)
      add(start, end, false)
      from = end
    }
    start = end
  }
  add(from, body.length, true)
  return { text: parts.join(''), anchors, broken: true }
}

/** Bytes at the end that begin a UTF-8 character without ending it. */
function openSequence(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0
  }
  return 0
}

/** The failure that an error of reading a file means. */
export function readFailure(file: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const details = { cause: error }
  if (code.startsWith('Z_')) return new Failure('FILE_COMPRESSION_BROKEN', `${file} is no whole gzip archive.`, details)
  if (code === 'ENOENT') return new Failure('FILE_VANISHED', `${file} is no longer there.`, details)
  if (code === 'EACCES' || code === 'EPERM') return new Failure('FILE_UNREADABLE', `${file} may not be read.`, details)
  if (code === 'EISDIR') return new Failure('FILE_UNREADABLE', `${file} is a folder, not a file.`, details)
  return error
}
