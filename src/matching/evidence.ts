/** What speaks for and against a source column being a column of the standard. Pure; the points are the catalog's. */
import type { FeedColumn } from '../../contracts/data/feed-contract.ts'
import type { Evidence } from '../../contracts/data/mapping.ts'
import type { StandardColumn } from '../../contracts/data/standard.ts'
import { type NameInContext, saidName } from './context.ts'
import { likeness, squeezed, tokensOf } from './names.ts'

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
const leastLikeness = 0.6

/** What a likeness is worth: little at the threshold, all of it for the same name. Two names half alike are mostly two things. */
const worth = (alike: number): number =>
  alike <= leastLikeness ? 0 : ((alike - leastLikeness) / (1 - leastLikeness)) ** 2

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
  const shown = saidName(column)
  const alike = (tokens: readonly string[]) => nameLikeness(name, tokens)
  const best = (names: Target['synonyms']) =>
    names
      .map(({ text, tokens }) => [text, alike(tokens)] as const)
      .reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0] as const)
  const own = alike(target.name)
  const synonym = best(target.synonyms)
  const antonym = best(target.antonyms)
  const most = Math.max(own, synonym[1])
  if (own >= synonym[1]) add('name', worth(own), own === 1 ? `${shown} is its name` : `${shown} is like its name`)
  else add('synonym', worth(synonym[1]), `${shown} is ${synonym[1] === 1 ? '' : 'like '}its synonym ${synonym[0]}`)
  // What is named after something else is not this, unless it is as much like this.
  if (antonym[1] > most)
    add(
      'antonym',
      worth(antonym[1]),
      `${shown} is ${antonym[1] === 1 ? '' : 'like '}${antonym[0]}, which means something else`,
    )
  if (name.level !== undefined && worth(most) > 0)
    add('context', name.level, `the level of ${shown} changes from row to row`)
}

/** As it stands, or a little less without what it says aside or in its level word, which then must not be what the two have in common. */
function nameLikeness(name: NameInContext, tokens: readonly string[]): number {
  const withoutAside = name.withoutAside === name.tokens ? 0 : 0.985 * likeness(name.withoutAside, tokens)
  if (name.level === undefined) return Math.max(likeness(name.tokens, tokens), withoutAside)
  const said = name.tokens.slice(0, name.tokens.length - name.bare.length).filter(word => !name.bare.includes(word))
  const bare = likeness(name.bare, tokens.length > 1 ? tokens.filter(token => !said.includes(token)) : tokens)
  return squeezed(name.tokens) === squeezed(tokens) ? 1 : Math.max(0.97 * bare, withoutAside)
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

/** Whether values of the one column can be values of the other without being read anew. */
export const canHold = (target: Pick<StandardColumn, 'type'>, source: Pick<FeedColumn, 'type'>): boolean =>
  familyOf(target.type) === 'text' || familyOf(target.type) === familyOf(source.type)

function typeEvidence(source: FeedColumn, target: StandardColumn, add: Add): void {
  const [have, want] = [familyOf(source.type), familyOf(target.type)]
  const samples = source.quality?.samples ?? []
  if (have === want) add('type', 1, `${source.type} for ${target.type}`)
  else if (want === 'text') add('type', 0.5, `${source.type} can be text`)
  else if (have === 'text' && samples.length > 0) {
    const digits = samples.filter(sample => /\p{Nd}/u.test(sample)).length / samples.length
    // Text may still hold a number in a form of its own, if it has a digit; what could be read as a time is no text any more.
    if (want === 'time') add('type', -1, `text that is no ${target.type} as it stands`)
    else if (want !== 'truth')
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
