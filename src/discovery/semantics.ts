/** What values are beyond their type, by the patterns of the discovery policy. Pure. */
import type { DiscoveryPolicy } from '../../contracts/data/policy.ts'
import { type ColumnProfile, shareOf } from './profile.ts'

/** GS1's check digit: the last digit of an EAN, UPC, GTIN, GLN, SSCC or ISBN-13. */
export function hasGs1CheckDigit(text: string): boolean {
  if (!/^\d{8,18}$/.test(text)) return false
  let sum = 0
  for (let i = text.length - 2, weight = 3; i >= 0; i--, weight = 4 - weight) sum += Number(text[i]) * weight
  return (10 - (sum % 10)) % 10 === Number(text.at(-1))
}

interface Kind {
  readonly name: string
  readonly fits: (value: string) => boolean
  readonly fit: number
  readonly doubted: boolean
}

const compiled = new WeakMap<DiscoveryPolicy, readonly Kind[]>()

/** The kinds of the policy that enough of the values fit; the first is what they are taken for. */
export function semanticsOf(profile: ColumnProfile, policy: DiscoveryPolicy): readonly Kind[] {
  if (profile.present === 0) return []
  let kinds = compiled.get(policy)
  if (kinds === undefined) {
    kinds = policy.semantics.map(({ name, pattern, fit, checkDigit, doubted }) => {
      const regex = new RegExp(pattern, 'u')
      return {
        name,
        fit,
        doubted,
        fits: (value: string) => regex.test(value) && (checkDigit === undefined || hasGs1CheckDigit(value)),
      }
    })
    compiled.set(policy, kinds)
  }
  return kinds.filter(({ fits, fit }) => shareOf(profile, fits) >= fit)
}
