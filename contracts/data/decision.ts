import { z } from 'zod'
import { DecisionStep, Feed, Fraction, Instant } from './common.ts'

/** A judgement a machine could get wrong, with who or what made it. */
export const Decision = z.strictObject({
  id: z.string(),
  runId: z.string(),
  feed: Feed,
  agent: z.string(),
  /** What was asked: `contract`, `drift`, `mapping:<column>`, … */
  question: z.string(),
  answer: z.string(),
  step: DecisionStep,
  confidence: Fraction,
  evidence: z.array(z.string()),
  by: z.string(),
  costMicros: z.int().min(0),
  at: Instant,
})
export type Decision = z.infer<typeof Decision>
