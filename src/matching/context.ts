/**
 * What a header says about all its columns: in a file whose names read `Product Title`, `Variant Title`, the first word tells
 * levels apart and the rest tells what the column is; in `Weight (kg)` what is bracketed is said aside. Pure.
 */
import { tokensOf } from './names.ts'

export interface NameInContext {
  readonly tokens: readonly string[]
  /** Without the word that it shares with many others; equal to `tokens` where there is none. */
  readonly bare: readonly string[]
  /** How specific its level is, 0 to 1: columns of the level that varies from row to row are more so. */
  readonly level: number | undefined
  /** The tokens without what stands in brackets; equal to `tokens` where nothing does. */
  readonly unbracketed: readonly string[]
}

/** A first word is a level when at least this many columns begin with it. */
const columnsOfLevel = 3

export function inContext(
  columns: readonly { readonly sourceName: string; readonly distinctShare: number }[],
): NameInContext[] {
  const all = columns.map(({ sourceName }) => tokensOf(sourceName))
  const plain = columns.map(({ sourceName }) => tokensOf(sourceName.replace(/\([^()]*\)|\[[^[\]]*\]/g, ' ')))
  const levels = new Map<string, { count: number; distinct: number }>()
  for (const [index, [first, ...rest]] of all.entries()) {
    if (first === undefined || rest.length === 0) continue
    const level = levels.get(first) ?? { count: 0, distinct: 0 }
    levels.set(first, {
      count: level.count + 1,
      distinct: Math.max(level.distinct, columns[index]?.distinctShare ?? 0),
    })
  }
  return all.map((tokens, index) => {
    const unbracketed = plain[index]!.length === 0 ? tokens : plain[index]!
    const [first, ...rest] = tokens
    const level = first === undefined || rest.length === 0 ? undefined : levels.get(first)
    if (level === undefined || level.count < columnsOfLevel)
      return { tokens, bare: tokens, level: undefined, unbracketed }
    return { tokens, bare: rest, level: level.distinct, unbracketed }
  })
}
