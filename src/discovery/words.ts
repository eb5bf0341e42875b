/** Names in headers: their words, and how they are called in tables. Pure. */

import anyAscii from 'any-ascii'

const spelled: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  þ: 'th',
  ı: 'i',
  '№': 'no',
  '%': ' percent ',
  '€': ' eur ',
  '#': ' number ',
}

/** Lower-case words of a name; `ProductName`, `product-name` and `PRODUCT NAME` are alike. */
export function wordsOf(name: string): string[] {
  return name
    .replaceAll(/(\p{Ll}|\d)(\p{Lu})/gu, '$1 $2')
    .replaceAll(/(\p{Lu}+)(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase()
    .replaceAll(/[ßæœøłđþı№]/g, c => spelled[c] ?? c)
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .split(/[^\p{L}\p{N}]+/u)
    .filter(word => word !== '')
}

/** A name that is safe in any table, in Latin letters whatever it is written in; empty where nothing of the source name is left. */
function safeName(name: string): string {
  const marked = name.replaceAll(/[%€#]/g, c => (name.trim() === c ? (spelled[c] ?? c) : ' '))
  const safe = anyAscii(wordsOf(marked).join('_'))
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, '_')
    .replaceAll(/_+/g, '_')
    .replaceAll(/^_|_$/g, '')
    .slice(0, 120)
    .replace(/_$/, '')
  return /^\d/.test(safe) ? `_${safe}` : safe
}

/** Columns that every bronze table has of its own. */
export const reserved: readonly string[] = ['vendor_name', 'ingestion_date']

export interface NamedColumns {
  readonly names: readonly string[]
  /** Source names that stand more than once. */
  readonly repeated: readonly string[]
  /** Positions (from 1) without a name of their own. */
  readonly blank: readonly number[]
}

/** A safe, unique name for each source name, in order; the first of equal names keeps it. */
export function nameColumns(sourceNames: readonly string[]): NamedColumns {
  const used = new Set<string>()
  const seen = new Set<string>()
  const repeated: string[] = []
  const blank: number[] = []
  const names = sourceNames.map((sourceName, index) => {
    if (sourceName === '') blank.push(index + 1)
    else if (seen.has(sourceName)) repeated.push(sourceName)
    seen.add(sourceName)
    const safe = safeName(sourceName) || `column_${index + 1}`
    const base = reserved.includes(safe) ? `source_${safe}` : safe
    let name = base
    for (let n = 2; used.has(name); n++) name = `${base}_${n}`
    used.add(name)
    return name
  })
  return { names, repeated: [...new Set(repeated)], blank }
}

/** Whether a word of the name is one of the marks, or, for marks of five letters and more, ends or starts with it (`Artikelnummer`). */
export function hasWord(name: string, marks: readonly string[]): string | undefined {
  const words = wordsOf(name)
  const joined = words.join('')
  return marks.find(mark => {
    const wanted = wordsOf(mark).join('')
    return (
      words.includes(wanted) ||
      joined === wanted ||
      (wanted.length >= 5 && words.some(word => word.endsWith(wanted) || word.startsWith(wanted)))
    )
  })
}
