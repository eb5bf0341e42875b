import { z } from 'zod'
import { ColumnType, Owner } from './common.ts'
import { Rule } from './rule.ts'

export const StandardColumn = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9_]{0,62}$/),
  type: ColumnType,
  /** A required column never stays unmapped without a person saying so. */
  required: z.boolean(),
  definition: z.string().min(1),
  /** Other names vendors use, by language tag. */
  synonyms: z.record(z.string(), z.array(z.string())).default({}),
  /** Names that look alike but mean something else. */
  antonyms: z.array(z.string()).default([]),
  /** Regular expression that most values of this column fit, evidence for matching. */
  valuePattern: z.string().optional(),
  /** What discovery calls values of this kind (gtin, url, money …). */
  semantics: z.array(z.string()).default([]),
  /** SQL expression used when no source column is mapped. */
  fallback: z.string().optional(),
})
export type StandardColumn = z.infer<typeof StandardColumn>

export const Standard = z.strictObject({
  kind: z.literal('standard'),
  name: z.string().regex(/^[a-z][a-z0-9_]{0,62}$/),
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  owner: Owner,
  description: z.string(),
  columns: z.array(StandardColumn).min(1),
  /** With the vendor: what one row is. */
  key: z.array(z.string()).min(1),
  checks: z.array(Rule),
})
export type Standard = z.infer<typeof Standard>
