/** What of a feed's values a model may see: classes of values that the policy names are replaced by the name of their class. Pure. */
import type { FeedColumn } from '../../contracts/data/feed-contract.ts'
import type { ModelPolicy } from '../../contracts/data/model.ts'
import { redactText } from '../telemetry/redact.ts'

export interface Mask {
  /** Values of a column. */
  values(column: Pick<FeedColumn, 'sourceName' | 'semantic'>, samples: readonly string[]): string[]
  /** Any text: shapes of values and of secrets. */
  text(text: string): string
}

/** Characters that a reader does not see and a model does: format controls, tags, variation selectors, private use, lone surrogates. */
const unseen = /\p{Cf}|\p{Co}|\p{Cs}|\p{Variation_Selector}/gu
const controls = /[\p{Cc}\p{Zl}\p{Zp}]+/gu

/** One line of what is seen. */
export const plainText = (text: string): string =>
  text.normalize('NFKC').replaceAll(unseen, '').replaceAll(controls, ' ')

export function maskBy(policy: Pick<ModelPolicy, 'mask'>): Mask {
  const shapes = policy.mask.flatMap(({ class: name, pattern }) =>
    pattern === undefined ? [] : [{ name, whole: new RegExp(pattern, 'giu') }],
  )
  const text = (given: string) =>
    shapes.reduce((rest, { name, whole }) => rest.replaceAll(whole, `[${name}]`), redactText(plainText(given)))
  return {
    text,
    values: ({ sourceName, semantic }, samples) => {
      const words = new Set(
        sourceName
          .replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
          .toLowerCase()
          .split(/[^\p{L}\p{N}]+/u),
      )
      const secret = policy.mask.find(
        each =>
          (semantic !== undefined && each.semantics.includes(semantic)) ||
          each.nameWords.some(word => words.has(word.toLowerCase())),
      )
      return samples.map(sample => (secret === undefined ? text(sample) : `[${secret.class}]`))
    },
  }
}
