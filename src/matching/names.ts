/** How alike two names of columns are. Pure text work: no word of any language stands here, those are the standard's. */

/** `Variant Compare At Price`, `variantCompareAtPrice` and `variant_compare_at_price` are the same tokens. */
export function tokensOf(name: string): string[] {
  return name
    .replace(/ß/g, 'ss')
    .normalize('NFKD')
    .replace(/\p{Mn}/gu, '')
    .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter(token => token !== '')
}

/** Tokens as one text without separators: `art.-nr.`, `ArtNr` and `artnr` are one. */
export const squeezed = (tokens: readonly string[]): string => tokens.join('')

/**
 * 1: the same name; 0: nothing in common. Between them the share of the text that both have in common, token by token, where
 * an abbreviation counts as its word. Source: token Dice coefficient over tokens weighed by length.
 */
export function likeness(left: readonly string[], right: readonly string[]): number {
  if (left.length === 0 || right.length === 0) return 0
  const [one, other] = [squeezed(left), squeezed(right)]
  if (one === other) return 1
  if (sameStem(one, other)) return 0.97
  const matched = pairs(left, right)
  const weight = (tokens: readonly string[]) => tokens.reduce((sum, token) => sum + Math.sqrt(token.length), 0)
  const common = matched.reduce((sum, [token, strength]) => sum + Math.sqrt(token.length) * strength, 0)
  const dice = (2 * common) / (weight(left) + weight(right))
  return Math.min(0.95, Math.max(dice, wholeAbbreviation(one, other)))
}

/** Each token of the left with the best token of the right that is still free. */
function pairs(left: readonly string[], right: readonly string[]): [string, number][] {
  const free = new Set(right)
  const found: [string, number][] = []
  for (const token of left) {
    let best: [string, number] | undefined
    for (const candidate of free) {
      const strength = tokenLikeness(token, candidate)
      if (strength > (best?.[1] ?? 0)) best = [candidate, strength]
    }
    if (best === undefined) continue
    free.delete(best[0])
    found.push([token.length < best[0].length ? token : best[0], best[1]])
  }
  return found
}

function tokenLikeness(one: string, other: string): number {
  if (one === other) return 1
  if (sameStem(one, other)) return 0.95
  const [short, long] = one.length < other.length ? [one, other] : [other, one]
  // A short form begins as the word does; two letters say too little.
  if (short.length >= 3 && long.startsWith(short)) return 0.6 + 0.3 * (short.length / long.length)
  return isContraction(short, long) ? 0.6 + 0.2 * (short.length / long.length) : 0
}

/** `qty` for `quantity`, `wt` for `weight`: the first letter and then consonants, in their order. */
function isContraction(short: string, long: string): boolean {
  if (short.length < 2 || short[0] !== long[0] || long.startsWith(short) || /[aeiou]/.test(short.slice(1))) return false
  let at = 0
  for (const letter of short) {
    at = long.indexOf(letter, at) + 1
    if (at === 0) return false
  }
  return true
}

/** `artikelbez` for `artikelbezeichnung`: most of the way along, from the front. */
function wholeAbbreviation(one: string, other: string): number {
  const [short, long] = one.length < other.length ? [one, other] : [other, one]
  return short.length >= 5 && long.startsWith(short) && short.length / long.length >= 0.5
    ? 0.75 + 0.2 * (short.length / long.length)
    : 0
}

const singular = (word: string): string => word.replace(/ies$/, 'y')

/** Singular and plural, in the languages that add a letter or two for it. */
function sameStem(one: string, other: string): boolean {
  if (one.length >= 4 && other.length >= 4 && singular(one) === singular(other)) return true
  const [short, long] = one.length < other.length ? [one, other] : [other, one]
  return (
    short.length >= 4 &&
    long.length - short.length <= 2 &&
    long.startsWith(short) &&
    /^(s|es|e|n|en)$/.test(long.slice(short.length))
  )
}
