/** What speaks for and against a source column being a column of the standard. Pure; the points are the catalog's. */
import type { FeedColumn } from '../../contracts/data/feed-contract.ts'
import type { Evidence } from '../../contracts/data/mapping.ts'
import type { StandardColumn } from '../../contracts/data/standard.ts'
import type { NameInContext } from './context.ts'
import { likeness, tokensOf } from './names.ts'

export type Weights = Readonly<Record<string, number>>

export interface Target {
  readonly column: StandardColumn
  readonly name: readonly string[]
  readonly synonyms: readonly { readonly text: string; readonly tokens: readonly string[] }[]
  readonly antonyms: readonly { readonly text: string; readonly tokens: readonly string[] }[]
  readonly isKey: boolean
}

export function targetOf(column: StandardColumn, isKey: boolean): Target {
  const read = (text: string) => ({ text, tokens: tokensOf(text) })
  return {
    column,
    name: tokensOf(column.name),
    synonyms: Object.values(column.synonyms).flat().map(read),
    antonyms: column.antonyms.map(read),
    isKey,
  }
}

export interface Source {
  readonly column: FeedColumn
  readonly name: NameInContext
  /** In a key candidate of its own. */
  readonly unique: boolean
}

/** Names less alike than this are no evidence at all: half of all words share a letter or two. */
const leastLikeness = 0.55

export function evidenceFor(source: Source, target: Target, weights: Weights): Evidence[] {
  const found: Evidence[] = []
  const add = (kind: string, share: number, detail: string) => {
    const weight = (weights[kind] ?? 0) * share
    if (weight !== 0) found.push({ kind, detail, weight: Math.round(weight * 1000) / 1000 })
  }
  lexical(source, target, add)
  typeEvidence(source.column, target.column, add)
  valueEvidence(source, target, add)
  return found
}

type Add = (kind: string, share: number, detail: string) => void

function lexical({ column, name }: Source, target: Target, add: Add): void {
  const shown = column.sourceName
  // A name without its level word is a weaker match than the name as it stands.
  const alike = (tokens: readonly string[]) =>
    Math.max(likeness(name.tokens, tokens), name.bare === name.tokens ? 0 : 0.9 * likeness(name.bare, tokens))
  const own = alike(target.name)
  const best = target.synonyms
    .map(({ text, tokens }) => [text, alike(tokens)] as const)
    .reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0] as const)
  const against = target.antonyms
    .map(({ text, tokens }) => [text, alike(tokens)] as const)
    .reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0] as const)
  if (own >= best[1] && own >= leastLikeness)
    add('name', own, own === 1 ? `${shown} is its name` : `${shown} is like its name`)
  else if (best[1] >= leastLikeness)
    add(
      'synonym',
      best[1],
      best[1] === 1 ? `${shown} is its synonym ${best[0]}` : `${shown} is like its synonym ${best[0]}`,
    )
  // What is named after something else is not this, unless it is more like this.
  if (against[1] >= 0.9 && against[1] >= Math.max(own, best[1]))
    add('antonym', against[1], `${shown} is ${against[0]}, which means something else`)
  if (name.level !== undefined && Math.max(own, best[1]) >= leastLikeness)
    add('context', name.level, `the level of ${shown} changes from row to row`)
}

const families: Readonly<Record<string, string>> = {
  int: 'number',
  long: 'number',
  double: 'number',
  date: 'time',
  timestamp: 'time',
  timestamptz: 'time',
  boolean: 'truth',
  string: 'text',
}
const familyOf = (type: string): string => families[type] ?? 'number'

function typeEvidence(source: FeedColumn, target: StandardColumn, add: Add): void {
  const [have, want] = [familyOf(source.type), familyOf(target.type)]
  const samples = source.quality?.samples ?? []
  if (have === want) add('type', 1, `${source.type} for ${target.type}`)
  else if (want === 'text') add('type', 0.5, `${source.type} can be text`)
  else if (have === 'text' && samples.length > 0) {
    const digits = samples.filter(sample => /\p{Nd}/u.test(sample)).length / samples.length
    // Text may still hold a number or a date in a form of its own; text without a digit holds neither.
    if (want !== 'truth')
      add(
        'type',
        digits >= 0.5 ? 0.25 : -1,
        digits >= 0.5 ? `text with digits for ${target.type}` : `text without digits for ${target.type}`,
      )
  } else if (have !== 'text') add('type', -1, `${source.type} is no ${target.type}`)
}

function valueEvidence({ column, unique }: Source, target: Target, add: Add): void {
  const { semantics, valuePattern } = target.column
  if (column.semantic !== undefined && semantics.includes(column.semantic))
    add('semantic', 1, `its values look like ${column.semantic}`)
  const samples = column.quality?.samples ?? []
  if (valuePattern !== undefined && samples.length > 0) {
    const pattern = new RegExp(valuePattern, 'u')
    const share = samples.filter(sample => pattern.test(sample.trim())).length / samples.length
    if (share >= 0.5) add('pattern', share, `${Math.round(share * 100)} % of its samples fit ${valuePattern}`)
    else add('pattern', share - 1, `most of its samples do not fit ${valuePattern}`)
  }
  if (target.isKey)
    add('unique', unique ? 1 : column.nullable ? -1 : 0, unique ? 'no value repeats' : 'it is empty in some records')
}
