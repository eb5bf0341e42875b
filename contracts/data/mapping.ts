import { z } from 'zod'
import { DecisionStep, Fraction, Instant, Name, Owner, Version } from './common.ts'

export const Evidence = z.strictObject({
  /** name, synonym, type, format, values, semantic, antonym, memory, person … */
  kind: z.string(),
  detail: z.string(),
  weight: z.number(),
})
export type Evidence = z.infer<typeof Evidence>

export const MappingCandidate = z.strictObject({
  sourceColumn: z.string(),
  confidence: Fraction,
  evidence: z.array(Evidence),
})
export type MappingCandidate = z.infer<typeof MappingCandidate>

export const MappedColumn = z.strictObject({
  /** The standard's column. */
  column: z.string(),
  /** A SQL expression over the feed's bronze columns; null: left null. */
  expression: z.string().nullable(),
  sourceColumns: z.array(z.string()),
  /** accepted: in use; open: unsure, left null while its approval is open; absent: the feed has nothing for it. */
  status: z.enum(['accepted', 'open', 'absent']),
  step: DecisionStep,
  confidence: Fraction,
  evidence: z.array(Evidence),
  candidates: z.array(MappingCandidate).max(5),
  decidedBy: z.string().optional(),
})
export type MappedColumn = z.infer<typeof MappedColumn>

export const Mapping = z.strictObject({
  vendor: Name,
  table: Name,
  version: Version,
  owner: Owner,
  standard: z.strictObject({ name: z.string(), version: z.string() }),
  contractVersion: Version,
  region: z.string(),
  columns: z.array(MappedColumn),
  createdAt: Instant,
})
export type Mapping = z.infer<typeof Mapping>

export const MappingRef = z.strictObject({ vendor: Name, table: Name, version: Version })
export type MappingRef = z.infer<typeof MappingRef>
