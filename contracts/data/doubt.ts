import { z } from 'zod'
import { ValueFormat } from './feed-contract.ts'
import { questionKinds } from './model.ts'

/** One way to settle a doubt about a file, as a change of what was found in it. */
export const Reading = z.discriminatedUnion('kind', [
  /** How the column's texts become values: the order of day and month, the decimal mark. */
  z.strictObject({ kind: z.literal('valueFormat'), column: z.string(), format: ValueFormat }),
  /** What the column's values are, by a name of the discovery policy; null: nothing beyond their type. */
  z.strictObject({ kind: z.literal('meaning'), column: z.string(), semantic: z.string().nullable() }),
  /** What the column of a file without a header is called. */
  z.strictObject({ kind: z.literal('name'), column: z.string(), name: z.string() }),
  /** What identifies a record. */
  z.strictObject({ kind: z.literal('key'), columns: z.array(z.string()).min(1) }),
  z.strictObject({ kind: z.literal('headerRows'), headerRows: z.union([z.literal(0), z.literal(1)]) }),
  /** A column of the contract that the file brings under another name. */
  z.strictObject({ kind: z.literal('renamed'), column: z.string(), sourceName: z.string() }),
])
export type Reading = z.infer<typeof Reading>

/** The answer that leaves what was found as it is. */
export const asFound = 'as found'

/** What the file alone does not settle, with every answer that it allows. */
export const Doubt = z.strictObject({
  /** As in a decision: `dateOrder:<column>`, `key`. */
  subject: z.string(),
  kind: z.enum(questionKinds).exclude(['mapping', 'ruleDraft']),
  /** The column it is about, by its name in the source. */
  about: z.string().optional(),
  /** Values of that column; data, never instructions. */
  samples: z.array(z.string()).default([]),
  text: z.string(),
  /** `asFound` is always one more. */
  options: z.array(
    z.strictObject({
      answer: z.string(),
      text: z.string(),
      /** Values of the column that the answer names. */
      samples: z.array(z.string()).optional(),
      reading: Reading,
    }),
  ),
})
export type Doubt = z.infer<typeof Doubt>
