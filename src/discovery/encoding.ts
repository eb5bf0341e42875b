/** Which encoding a sample is in: a BOM says so, else UTF-8 where it is valid, else the one in which its text reads as words. */
import { isUtf8 } from 'node:buffer'
import * as chardet from 'chardet'
import iconv from 'iconv-lite'
import type { QualitySignal } from '../../contracts/data/feed-contract.ts'
import { alphabets, singleByteEncodings } from './alphabets.ts'

export interface FoundEncoding {
  readonly encoding: string
  readonly signals: readonly QualitySignal[]
}

const lookBytes = 256 * 1024
const eastAsian: Readonly<Record<string, string>> = {
  Shift_JIS: 'shift_jis',
  'EUC-JP': 'euc-jp',
  'EUC-KR': 'euc-kr',
  GB18030: 'gb18030',
  Big5: 'big5',
}

export function findEncoding(bytes: Uint8Array, complete: boolean): FoundEncoding {
  const marked = byteOrderMark(bytes)
  if (marked !== undefined) return { encoding: marked, signals: [] }
  const wide = wideEncoding(bytes)
  if (wide !== undefined) return { encoding: wide, signals: [] }
  const whole = complete ? bytes : withoutOpenEnd(bytes)
  if (isUtf8(whole)) return { encoding: 'utf-8', signals: [] }
  const { valid, invalid } = sequences(whole)
  if (valid > 2 * invalid) {
    const message = `${invalid} bytes of the sample are no UTF-8, while ${valid} characters are: their records will be malformed`
    return { encoding: 'utf-8', signals: [{ code: 'INVALID_ENCODING', message }] }
  }
  const encoding = singleByte(whole)
  const message = `no BOM says so, but as ${encoding} the text reads best`
  return { encoding, signals: [{ code: 'ENCODING_GUESSED', message }] }
}

function byteOrderMark(bytes: Uint8Array): string | undefined {
  const [a, b, c, d] = bytes
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8'
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? 'utf-32le' : 'utf-16le'
  if (a === 0xfe && b === 0xff) return 'utf-16be'
  return undefined
}

/** UTF-16 without a BOM: line ends, digits and delimiters have a zero byte, always on the same side. */
function wideEncoding(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  const length = Math.min(bytes.length, lookBytes) & ~1
  const zeros = [0, 0]
  for (let i = 0; i < length; i++) if (bytes[i] === 0) zeros[i & 1] = (zeros[i & 1] ?? 0) + 1
  const [even = 0, odd = 0] = zeros.map(count => count / Math.max(1, length / 2))
  const encoding = odd > 0.1 && even < 0.02 ? 'utf-16le' : even > 0.1 && odd < 0.02 ? 'utf-16be' : undefined
  if (encoding === undefined) return undefined
  // A stray zero byte in ASCII would make rare characters of its neighbours.
  const text = iconv.decode(Buffer.from(bytes.subarray(0, length)), encoding)
  const usual = Array.from(text).filter(c => c < '\u0600' && !isControl(c)).length
  return usual > 0.8 * text.length ? encoding : undefined
}

/** What texts have next to none of, and numbers in two or four bytes a lot. */
const isControl = (character: string): boolean => /\p{Cc}/u.test(character) && !/\s/.test(character)

/** Without a character that the end of the sample cut in two. */
function withoutOpenEnd(bytes: Uint8Array): Uint8Array {
  let end = bytes.length
  while (end > 0 && end > bytes.length - 4 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end--
  if (end > 0 && (bytes[end - 1] ?? 0) >= 0xc0) end--
  return isUtf8(bytes.subarray(0, end)) ? bytes.subarray(0, end) : bytes
}

function sequences(bytes: Uint8Array): { valid: number; invalid: number } {
  let valid = 0
  let invalid = 0
  for (let i = 0; i < bytes.length; i++) {
    const lead = bytes[i] ?? 0
    if (lead < 0x80) continue
    const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2
    if (lead >= 0xc2 && isUtf8(bytes.subarray(i, i + length)) && i + length <= bytes.length) {
      valid++
      i += length - 1
    } else invalid++
  }
  return { valid, invalid }
}

function singleByte(bytes: Uint8Array): string {
  const parts = highContexts(bytes)
  const pairs = highPairs(bytes)
  if (pairs > 0.6) {
    const [best] = chardet.analyse(bytes.subarray(0, lookBytes))
    const name = best === undefined ? undefined : eastAsian[best.name]
    if (
      best !== undefined &&
      name !== undefined &&
      best.confidence >= (evenRuns(bytes) > 0.95 ? 10 : 30) &&
      !iconv
        .decode(Buffer.from(bytes.subarray(0, lookBytes & ~1)), name)
        .slice(0, -2)
        .includes('\uFFFD')
    )
      return name
  }
  let best = { encoding: 'windows-1252', score: Number.NEGATIVE_INFINITY }
  for (const encoding of singleByteEncodings) {
    const score = plausibility(iconv.decode(parts, encoding))
    if (score > best.score + 1e-9) best = { encoding, score }
  }
  return best.encoding
}

/** Share of the high bytes that stand beside another one: most in Cyrillic, Greek and East Asian text, few in Latin. */
function highPairs(bytes: Uint8Array): number {
  let high = 0
  let paired = 0
  for (let i = 0; i < Math.min(bytes.length, lookBytes); i++) {
    if ((bytes[i] ?? 0) < 0x80) continue
    high++
    if ((bytes[i - 1] ?? 0) >= 0x80 || (bytes[i + 1] ?? 0) >= 0x80) paired++
  }
  return paired / Math.max(1, high)
}

/** Share of the runs of high bytes, one byte long ones aside, that are even: all where a character is two of them, half of the words of an alphabet. */
function evenRuns(bytes: Uint8Array): number {
  let runs = 0
  let even = 0
  for (let i = 0; i < Math.min(bytes.length, lookBytes); i++) {
    const start = i
    while ((bytes[i] ?? 0) >= 0x80) i++
    if (i - start < 2) continue
    runs++
    if ((i - start) % 2 === 0) even++
  }
  return runs < 10 ? 0 : even / runs
}

/** The words with high bytes, a few thousand of them. */
function highContexts(bytes: Uint8Array): Buffer {
  const parts: Uint8Array[] = []
  let size = 0
  for (let i = 0; i < bytes.length && size < lookBytes; i++) {
    if ((bytes[i] ?? 0) < 0x80) continue
    const start = Math.max(0, i - 3)
    while (i + 1 < bytes.length && (bytes[i + 1] ?? 0) >= 0x80) i++
    const end = Math.min(bytes.length, i + 4)
    parts.push(bytes.subarray(start, end), Uint8Array.of(10))
    size += end - start + 1
  }
  return Buffer.concat(parts)
}

const letter = /\p{L}/u
const lower = /\p{Ll}/u
const upper = /\p{Lu}/u
const goodSymbols = new Set('€£©®™°§±²³½¼¾×µ«»„“”‚‘’–—…•·¡¿ªº\u00a0')

/** How well the characters beyond ASCII fit their surroundings and one language's alphabet; the higher the better. */
function plausibility(text: string): number {
  const letters = new Map<string, number>()
  let score = 0
  let count = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string
    if (c < '\u0080') continue
    count++
    const before = text[i - 1] ?? ' '
    const after = text[i + 1] ?? ' '
    const inWord = letter.test(before) && letter.test(after)
    if (c === '\uFFFD' || c < '\u00a0') score -= 5
    else if (letter.test(c)) {
      letters.set(c, (letters.get(c) ?? 0) + 1)
      if (upper.test(c) && lower.test(before)) score -= 2
      if (isForeign(c) !== isForeign(before) && letter.test(before)) score -= 2
      if (/\d/.test(before)) score -= 1
      else if (!letter.test(before) && !letter.test(after)) score -= upper.test(c) ? 2 : 1.6
    } else if (!goodSymbols.has(c)) score -= c >= '\u2500' && c <= '\u25ff' ? 4 : 1
    else if (inWord && c !== '’' && c !== '·') score -= 2
    else score += /\d/.test(before + text[i - 2] + after) ? 1 : 0.5
  }
  let best = 0
  for (const alphabet of alphabets) {
    let covered = 0
    for (const [c, times] of letters) if (alphabet.has(c.toLowerCase())) covered += times
    best = Math.max(best, covered)
  }
  return (score + 2 * best) / Math.max(1, count)
}

const isForeign = (c: string): boolean => c >= '\u0370' && c < '\u1e00'
