import { z } from 'zod'
import { Count, Feed, Instant, Sha256, Version } from './common.ts'

/** One file of a feed, as intake took it in. Its bytes never change afterwards: they were copied while they were hashed. */
export const Delivery = z.strictObject({
  /** Derived from feed key and content: the same bytes twice are one delivery. */
  id: z.string().regex(/^d_[0-9a-f]{24}$/),
  feed: Feed,
  /** Path below landing, as the vendor named it. */
  file: z.string(),
  /** Path below the workspace of the copy that every agent reads. */
  stored: z.string(),
  sha256: Sha256,
  sizeBytes: Count,
  /** Later deliveries of a feed have later times: the order of the feed. */
  receivedAt: Instant,
  ingestionDate: z.iso.date(),
})
export type Delivery = z.infer<typeof Delivery>

/** Why a run exists. */
export const RunCause = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('delivered') }),
  /** A person asked for the failed or refused delivery again. */
  z.strictObject({ kind: z.literal('replayed'), of: z.string(), attempt: Count }),
  /** Standard, rules or mapping changed after the delivery was settled: its core rows are made again from bronze. */
  z.strictObject({ kind: z.literal('rebuilt'), contractVersion: Version, governance: z.string(), attempt: Count }),
])
export type RunCause = z.infer<typeof RunCause>

/** What a run was granted when it started; what it has used is counted in the state store. */
export const RunBudget = z.strictObject({ toolCalls: Count, wallMs: Count, startedAt: Instant })
export type RunBudget = z.infer<typeof RunBudget>

export const Run = z.strictObject({
  id: z.string().regex(/^r_[0-9a-f]{24}$/),
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  cause: RunCause,
  budget: RunBudget,
})
export type Run = z.infer<typeof Run>
