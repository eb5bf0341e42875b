/** Files that are no text we read, by their first bytes or their shape, named so that a person knows what came. Pure. */
import { Failure } from '../../contracts/failures.ts'

const hex = (...bytes: number[]): string => String.fromCharCode(...bytes)

/** First bytes, as Latin-1 text, and what they are. */
const magic: readonly (readonly [string, string, 'FILE_FORMAT_UNKNOWN' | 'FILE_BINARY'])[] = [
  [`PK${hex(3, 4)}`, 'a ZIP archive or an Office workbook (xlsx)', 'FILE_FORMAT_UNKNOWN'],
  [`PK${hex(5, 6)}`, 'an empty ZIP archive', 'FILE_FORMAT_UNKNOWN'],
  [hex(0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1), 'an old Office workbook (xls)', 'FILE_FORMAT_UNKNOWN'],
  ['PAR1', 'a Parquet file', 'FILE_FORMAT_UNKNOWN'],
  [`Obj${hex(1)}`, 'an Avro file', 'FILE_FORMAT_UNKNOWN'],
  ['ORC', 'an ORC file', 'FILE_FORMAT_UNKNOWN'],
  ['ARROW1', 'an Arrow file', 'FILE_FORMAT_UNKNOWN'],
  ['SQLite format 3', 'a SQLite database', 'FILE_FORMAT_UNKNOWN'],
  [hex(0x28, 0xb5, 0x2f, 0xfd), 'a Zstandard archive', 'FILE_FORMAT_UNKNOWN'],
  ['BZh', 'a bzip2 archive', 'FILE_FORMAT_UNKNOWN'],
  [hex(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), 'an xz archive', 'FILE_FORMAT_UNKNOWN'],
  [`7z${hex(0xbc, 0xaf, 0x27, 0x1c)}`, 'a 7-Zip archive', 'FILE_FORMAT_UNKNOWN'],
  ['Rar!', 'a RAR archive', 'FILE_FORMAT_UNKNOWN'],
  ['%PDF-', 'a PDF document', 'FILE_FORMAT_UNKNOWN'],
  ['{\\rtf', 'a rich text document', 'FILE_FORMAT_UNKNOWN'],
  [hex(0x89, 0x50, 0x4e, 0x47), 'a PNG image', 'FILE_BINARY'],
  [hex(0xff, 0xd8, 0xff), 'a JPEG image', 'FILE_BINARY'],
  ['GIF8', 'a GIF image', 'FILE_BINARY'],
  [hex(0x7f, 0x45, 0x4c, 0x46), 'a program', 'FILE_BINARY'],
]

/** @throws Failure FILE_FORMAT_UNKNOWN, FILE_BINARY */
export function refuseForeignBytes(bytes: Uint8Array, path: string): void {
  const start = Buffer.from(bytes.subarray(0, 512)).toString('latin1')
  for (const [first, name, code] of magic)
    if (start.startsWith(first)) throw new Failure(code, `${path} is ${name}, which is not read.`)
  if (start.slice(257, 262) === 'ustar')
    throw new Failure('FILE_FORMAT_UNKNOWN', `${path} is a tar archive, which is not read.`)
}

/** @throws Failure FILE_BINARY where too many control characters stand in a text that is neither UTF-16 nor delimited by them */
export function refuseBinary(text: string, path: string): void {
  const looked = text.slice(0, 256 * 1024)
  let control = 0
  for (let i = 0; i < looked.length; i++) {
    const c = looked.charCodeAt(i)
    if (c < 9 ? c !== 1 : (c > 13 && c < 28) || c === 0xdfff || c === 0xfffd) control++
  }
  const many = control > looked.length * 0.25 || (control > 8 && control > looked.length * 0.02)
  if (many)
    throw new Failure(
      'FILE_BINARY',
      `${path} is no text: ${control} of its first ${looked.length} characters are none that are written.`,
    )
}

/** @throws Failure FILE_FORMAT_UNKNOWN for markup and for interchange formats that have a shape of their own */
export function refuseForeignText(text: string, path: string): void {
  const start = text.slice(0, 4096).trimStart()
  const refuse = (name: string): never => {
    throw new Failure('FILE_FORMAT_UNKNOWN', `${path} is ${name}, which is not read.`)
  }
  if (/^<!doctype html|^<html[\s>]/i.test(start)) refuse('a web page (HTML), perhaps an error page of the vendor')
  if (/^<\?xml|^<!DOCTYPE/i.test(start)) refuse('an XML document')
  if (/^(?:<!--[\s\S]*?-->\s*)?<([A-Za-z_][\w:.-]*)(\s[^<>]*)?>\s*</.test(start) && /<\/[A-Za-z_][\w:.-]*>/.test(text))
    refuse('an XML document')
  if (/^UN[AB][+:]|^UNB\+/.test(start)) refuse('an EDIFACT interchange')
  if (/^ISA[^A-Za-z0-9\s].{100}/.test(start)) refuse('an X12 interchange')
  if (/^V .{126}.*\r?\n[A-Z];[NLAX];/.test(start)) refuse('a DATANORM file with several kinds of records')
  if (/^%YAML|^---\s*\n[\w-]+:\s/.test(start)) refuse('a YAML document')
}

/** @throws Failure FILE_FORMAT_UNKNOWN where no delimiter was found, and the lines are of fixed width, aligned by spaces, or running text */
export function refuseUntabular(lines: readonly string[], path: string): void {
  const filled = lines.filter(line => line.trim() !== '' && !line.startsWith('#'))
  const share = (test: (line: string) => boolean) => filled.filter(test).length / Math.max(1, filled.length)
  if (filled.length < 3) return
  const lengths = new Map<number, number>()
  for (const { length } of filled) lengths.set(length, (lengths.get(length) ?? 0) + 1)
  const [length, times] = [...lengths].reduce((best, next) => (next[1] > best[1] ? next : best))
  const padded = (line: string) => /[ _.]{3,}/.test(line)
  if (length > 20 && times >= 3 && times >= filled.length * 0.4 && share(padded) >= 0.5) {
    throw new Failure(
      'FILE_FORMAT_UNKNOWN',
      `${path} has lines of fixed width (${length} characters), which is not read.`,
    )
  }
  if (share(line => (line.match(/\S(?: {2,}|[_.]{3,})(?=\S)/g)?.length ?? 0) >= 2) >= 0.7) {
    throw new Failure(
      'FILE_FORMAT_UNKNOWN',
      `${path} has columns of fixed width, aligned by spaces, which is not read.`,
    )
  }
  if (share(line => line.trim().split(/\s+/).length >= 6) > 0.5) {
    throw new Failure('FILE_FORMAT_UNKNOWN', `${path} is running text without a delimiter, no table.`)
  }
}
