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

const compiled = new WeakMap<
  DiscoveryPolicy,
  readonly { name: string; fits: (value: string) => boolean; fit: number }[]
>()

/** The first kind of the policy that enough of the values fit. */
export function semanticOf(profile: ColumnProfile, policy: DiscoveryPolicy): string | undefined {
  if (profile.present === 0) return undefined
  let kinds = compiled.get(policy)
  if (kinds === undefined) {
    kinds = policy.semantics.map(({ name, pattern, fit, checkDigit }) => {
      const regex = new RegExp(pattern, 'u')
      return {
        name,
        fit,
        fits: (value: string) => regex.test(value) && (checkDigit === undefined || hasGs1CheckDigit(value)),
      }
    })
    compiled.set(policy, kinds)
  }
  return kinds.find(({ fits, fit }) => shareOf(profile, fits) >= fit)?.name
}
