import { z } from 'zod'
import { Owner } from './common.ts'

/**
 * A check over the standard's columns.
 * - `row`: a SQL truth per row; `reject` sends the row to the error table at stage core, `warn` counts it, `refuse` refuses the delivery
 *   when more than `toleratedFraction` of its rows break it.
 * - `table`: a SQL truth over aggregates of the delivery's staged rows; `warn` or `refuse`.
 * A truth that is unknown (null) is not broken.
 */
export const Rule = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9_.-]*$/),
  scope: z.enum(['row', 'table']).default('row'),
  column: z.string().optional(),
  expression: z.string().min(1),
  severity: z.enum(['reject', 'warn', 'refuse']),
  toleratedFraction: z.number().min(0).max(1).default(0),
  message: z.string(),
  owner: Owner,
})
export type Rule = z.infer<typeof Rule>

/**
 * How a source value of one region becomes a value of a standard column. In `expression`, `value` is the mapped source as text, and
 * `vendor`, `region` and `currency` are facts of the vendor. The first rule (in document order) whose region and `semantics` fit is used.
 */
export const NormalizationRule = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9_.-]*$/),
  column: z.string(),
  /** A region of the vendor register, or `*`. */
  region: z.string(),
  expression: z.string().min(1),
  owner: Owner,
  description: z.string().optional(),
})
export type NormalizationRule = z.infer<typeof NormalizationRule>

export const RuleBook = z.strictObject({
  kind: z.literal('rules'),
  owner: Owner,
  normalization: z.array(NormalizationRule).default([]),
  checks: z.array(Rule).default([]),
})
export type RuleBook = z.infer<typeof RuleBook>

/** What is known of vendors before a file is read: who they are, where they sell, which files are whose. */
export const VendorRegister = z.strictObject({
  kind: z.literal('vendors'),
  default: z.strictObject({
    region: z.string(),
    currency: z.string(),
    owner: Owner,
    deliveryMode: z.enum(['full', 'delta']),
  }),
  vendors: z.record(
    z.string(),
    z.strictObject({
      region: z.string().optional(),
      currency: z.string().optional(),
      owner: Owner.optional(),
      deliveryMode: z.enum(['full', 'delta']).optional(),
    }),
  ),
  /** Globs over paths below landing; the first that fits names the feed. */
  patterns: z.array(z.strictObject({ glob: z.string(), vendor: z.string(), table: z.string() })).default([]),
})
export type VendorRegister = z.infer<typeof VendorRegister>
