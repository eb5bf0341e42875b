/** What a call costs, and what it can cost at most. Pure. Money is millionths of the policy's currency. */
import type { ModelLimits, ModelPolicy } from '../../contracts/data/model.ts'
import type { Amounts } from '../state/budgets.ts'

export interface Usage {
  readonly inputTokens: number
  readonly outputTokens: number
}

/** Zero for a model without a price. */
export function costMicros(policy: Pick<ModelPolicy, 'prices'>, model: string, usage: Usage): number {
  const price = policy.prices.find(each => each.model === model)
  if (price === undefined) return 0
  // A price per million tokens is a price in millionths per token.
  return Math.ceil(usage.inputTokens * price.inputPerMillionTokens + usage.outputTokens * price.outputPerMillionTokens)
}

/** Fewest bytes of UTF-8 that the tokenizers in use make a token of, over whole prompts of words, codes and numbers in any language. */
const bytesPerToken = 2

/**
 * More tokens than a text is likely to have: what is reserved before a call. Tokenizers differ and none is loaded for it; the usage that
 * the provider reports is what is settled.
 */
export const tokensAtMost = (text: string): number => Math.ceil(Buffer.byteLength(text, 'utf8') / bytesPerToken)

/** What the policy says in the units of budgets. */
export const limitsOf = ({ calls, tokens, money, seconds }: ModelLimits): Amounts => ({
  ...(calls !== undefined && { calls }),
  ...(tokens !== undefined && { tokens }),
  ...(money !== undefined && { moneyMicros: Math.round(money * 1_000_000) }),
  ...(seconds !== undefined && { milliseconds: Math.round(seconds * 1_000) }),
})
