/**
 * What a header says about all its columns: in a file whose names read `Product Title`, `Variant Title`, the first word tells
 * levels apart and the rest tells what the column is; in `Weight (kg)` and `weight_kg` the unit is said aside. Pure.
 */
import type { FeedColumn } from '../../contracts/data/feed-contract.ts'
import { tokensOf } from './names.ts'

export interface NameInContext {
  readonly tokens: readonly string[]
  /** Without the word that it shares with many others; equal to `tokens` where there is none. */
  readonly bare: readonly string[]
  /** How specific its level is, 0 to 1: columns of the level that varies from row to row are more so. */
  readonly level: number | undefined
  /** The tokens without what is said aside; equal to `tokens` where nothing is. */
  readonly withoutAside: readonly string[]
}

/** A first word is a level when at least this many columns begin with it. */
const columnsOfLevel = 3

interface Level {
  readonly members: string[][]
  /** The largest share of distinct values in a column of the level. */
  distinct: number
}

/** What a column is called: by its source, or, where that has no name for it, by its contract. */
export const saidName = ({ sourceName, name }: Pick<FeedColumn, 'sourceName' | 'name'>): string =>
  sourceName === '' || /^column_\d+$/.test(sourceName) ? name : sourceName

/** @param asides words at the end of a name that say in what it is counted */
export function inContext(
  columns: readonly { readonly sourceName: string; readonly distinctShare: number }[],
  asides: ReadonlySet<string>,
): NameInContext[] {
  const all = columns.map(({ sourceName }) => tokensOf(sourceName))
  const levels = new Map<string, Level>()
  for (const [index, tokens] of all.entries()) {
    const [first] = tokens
    if (first === undefined || tokens.length === 1) continue
    const level = levels.get(first) ?? { members: [], distinct: 0 }
    level.members.push(tokens)
    level.distinct = Math.max(level.distinct, columns[index]!.distinctShare)
    levels.set(first, level)
  }
  return all.map((tokens, index) => {
    const withoutAside = leaveOut(columns[index]!.sourceName, tokens, asides)
    const level = tokens.length > 1 ? levels.get(tokens[0]!) : undefined
    if (level === undefined || level.members.length < columnsOfLevel) {
      return { tokens, bare: tokens, level: undefined, withoutAside }
    }
    return { tokens, bare: tokens.slice(sharedStart(level.members)), level: level.distinct, withoutAside }
  })
}

/** A name without what stands in brackets, or without the unit it ends with. */
function leaveOut(name: string, tokens: string[], asides: ReadonlySet<string>): string[] {
  const outside = tokensOf(name.replace(/\([^()]*\)|\[[^[\]]*\]/g, ' '))
  if (outside.length > 0 && outside.length < tokens.length) return outside
  return tokens.length > 1 && asides.has(tokens.at(-1)!) ? tokens.slice(0, -1) : tokens
}

/** How many words all begin with, each keeping at least one of its own: two for `Google Shopping / MPN` among its like. */
function sharedStart(names: readonly (readonly string[])[]): number {
  const [first = []] = names
  let shared = 0
  while (names.every(name => name.length > shared + 1 && name[shared] === first[shared])) shared += 1
  return shared
}
