/** What may identify a record: single columns first, then the smallest sets of columns, ranked, with the evidence for each. Pure. */
import type { FeedColumn, KeyCandidate } from '../../contracts/data/feed-contract.ts'
import type { DiscoveryPolicy } from '../../contracts/data/policy.ts'
import type { ColumnProfile } from './profile.ts'
import { hasWord, wordsOf } from './words.ts'

export interface KeyInput {
  readonly columns: readonly FeedColumn[]
  readonly profiles: readonly ColumnProfile[]
  /** Present texts, null where there is none, per record. */
  readonly rows: readonly (readonly (string | null)[])[]
  readonly policy: DiscoveryPolicy
}

interface Part {
  readonly index: number
  readonly column: FeedColumn
  readonly profile: ColumnProfile
  readonly unique: boolean
  /** How much name, kind and place speak for an identifier, 0 to 1. */
  readonly likeness: number
  readonly reasons: readonly string[]
}

const mostSingles = 6
const mostSets = 5
const poolSize = 12
const largestSet = 4

export function findKeys(input: KeyInput): KeyCandidate[] {
  const { rows } = input
  if (rows.length === 0) return []
  const parts = input.columns.map((column, index) => partOf(input, column, index))
  const trust = rows.length / (rows.length + 2)
  const ranked = parts.filter(({ unique }) => unique).sort((a, b) => b.likeness - a.likeness || a.index - b.index)
  const singles = ranked.slice(0, mostSingles)
  const named = singles.filter(({ reasons }) => reasons.length > 0)
  const sets = composites(parts, rows, largestSet)
  return [
    ...singles.map(part => single('primary', part, rows.length, trust)),
    ...(named.length > 0 ? named : singles.slice(0, 1)).map(part => single('natural', part, rows.length, trust)),
    ...sets.map(set => composite(set, rows.length, trust)),
    ...perLanguage(singles[0], parts, rows.length, trust),
  ]
}

function partOf({ columns, profiles, rows, policy }: KeyInput, column: FeedColumn, index: number): Part {
  const profile = profiles[index] as ColumnProfile
  const unique = profile.present === rows.length && profile.counts.size === rows.length
  const reasons: string[] = []
  let likeness = 0.35
  const word = hasWord(column.sourceName, policy.identifierWords)
  if (word !== undefined) {
    likeness += 0.3
    reasons.push(`its name says ${JSON.stringify(word)}`)
  }
  // `id` alone says more than `tax class id`.
  likeness -= 0.04 * Math.min(4, Math.max(0, wordsOf(column.sourceName).length - 2))
  if (column.semantic === 'gtin' || column.semantic === 'uuid') {
    // Numbers that others gave out are keys where the vendor has none of his own.
    likeness += word === undefined ? 0.15 : column.semantic === 'gtin' ? -0.05 : 0.05
    reasons.push(`its values are ${column.semantic}`)
  }
  likeness += 0.15 * (1 - index / columns.length)
  const values = [...profile.counts.keys()].slice(0, 500)
  const spaced = values.filter(value => /\s/.test(value)).length / Math.max(1, values.length)
  if (spaced > 0.5 || profile.maxLength > 80) likeness -= 0.25
  if (/^(decimal|double|boolean|date|timestamp)/.test(column.type)) likeness -= 0.3
  if (/^(url|money|email|image)/.test(column.semantic ?? '')) likeness -= 0.2
  return { index, column, profile, unique, likeness: Math.max(0, Math.min(1, likeness)), reasons }
}

function single(
  kind: 'primary' | 'natural',
  { column, likeness, reasons }: Part,
  records: number,
  trust: number,
): KeyCandidate {
  const evidence = [`${records} records of the sample, as many values, none empty`, ...reasons].join('; ')
  return { kind, columns: [column.name], evidence, confidence: round(trust * Math.min(1, likeness + 0.2)) }
}

/** Minimal sets of columns that tell all records apart; an empty value counts as a value. */
function composites(parts: readonly Part[], rows: KeyInput['rows'], largest: number): Part[][] {
  if (rows.length < 3) return []
  const pool = parts
    .filter(
      ({ unique, profile, column, likeness }) =>
        !unique && profile.counts.size > 1 && likeness > 0.05 && !/^(decimal|double|boolean)/.test(column.type),
    )
    .sort((a, b) => b.likeness - a.likeness || b.profile.counts.size - a.profile.counts.size)
    .slice(0, poolSize)
  const found: Part[][] = []
  const extend = (set: readonly Part[], from: number, size: number): void => {
    if (found.length >= mostSets * 4) return
    if (set.length === size) {
      const minimal = !found.some(smaller => smaller.every(part => set.includes(part)))
      if (minimal && tellsApart(set, rows)) found.push([...set])
      return
    }
    for (let next = from; next < pool.length; next++) extend([...set, pool[next] as Part], next + 1, size)
  }
  for (let size = 2; size <= largest && found.length === 0; size++) extend([], 0, size)
  const worth = (set: readonly Part[]) => set.reduce((sum, { likeness }) => sum + likeness, 0) / set.length
  const best = found.sort((a, b) => worth(b) - worth(a)).slice(0, mostSets)
  return [...best, ...families(best, parts)]
}

function tellsApart(set: readonly Part[], rows: KeyInput['rows']): boolean {
  const most = set.reduce((product, { profile }) => product * (profile.counts.size + 1), 1)
  if (most < rows.length) return false
  const seen = new Set<string>()
  for (const row of rows) {
    const key = JSON.stringify(set.map(({ index }) => row[index] ?? null))
    if (seen.has(key)) return false
    seen.add(key)
  }
  return true
}

/** Where a key has one of several numbered columns (`Option1 Value`, `Option2 Value` …), all of them together. */
function families(sets: readonly Part[][], parts: readonly Part[]): Part[][] {
  const family = (part: Part) => part.column.name.replaceAll(/\d+/g, '#')
  const found = new Map<string, Part[]>()
  for (const set of sets) {
    const numbered = set.filter(part => /\d/.test(part.column.name))
    const whole = parts.filter(part => set.includes(part) || numbered.some(one => family(one) === family(part)))
    if (whole.length > set.length && whole.length <= 6) found.set(whole.map(({ index }) => index).join(), whole)
  }
  return [...found.values()].slice(0, mostSets)
}

function composite(set: readonly Part[], records: number, trust: number): KeyCandidate {
  const parts = [...set].sort((a, b) => a.index - b.index)
  const likeness = set.reduce((sum, part) => sum + part.likeness, 0) / set.length
  const reasons = parts.flatMap(({ column, reasons }) => reasons.map(reason => `${column.name}: ${reason}`))
  const gaps = parts.some(({ profile }) => profile.present < records) ? ['an empty value counts as a value'] : []
  const evidence = [`no two of ${records} records of the sample agree in all ${set.length}`, ...gaps, ...reasons].join(
    '; ',
  )
  return {
    kind: 'natural',
    columns: parts.map(({ column }) => column.name),
    evidence,
    confidence: round(trust * likeness * 0.8),
  }
}

/** Feeds with a language column bring one record per thing and language, even where the sample has one language only. */
function perLanguage(best: Part | undefined, parts: readonly Part[], records: number, trust: number): KeyCandidate[] {
  const language = parts.find(({ column, profile }) => column.semantic === 'language' && profile.present === records)
  if (best === undefined || language === undefined || language === best) return []
  const evidence = `${best.column.name} alone tells the ${records} records of the sample apart; ${language.column.name} says that records are per language`
  return [
    {
      kind: 'natural',
      columns: [best.column.name, language.column.name],
      evidence,
      confidence: round(trust * best.likeness * 0.7),
    },
  ]
}

const round = (value: number): number => Math.round(Math.max(0, Math.min(1, value)) * 100) / 100
