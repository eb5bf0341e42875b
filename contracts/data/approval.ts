import { z } from 'zod'
import { Feed, Instant, Owner } from './common.ts'

/** A question for a person. `options` is the closed set of answers; what is not among them is refused. */
export const ApprovalQuestion = z.strictObject({
  /** What is asked about: `contract`, `drift`, `mapping:<column>`. */
  subject: z.string(),
  text: z.string(),
  options: z.array(z.strictObject({ answer: z.string(), text: z.string(), confidence: z.number().optional() })).min(1),
  /** The answer `approve` gives when none is named. */
  suggested: z.string(),
  owner: Owner,
  evidence: z.array(z.string()),
})
export type ApprovalQuestion = z.infer<typeof ApprovalQuestion>

export const ApprovalDecision = z.strictObject({
  verdict: z.enum(['approved', 'rejected']),
  /** One of the options; absent when rejected. */
  answer: z.string().optional(),
  by: z.string().min(1),
  note: z.string().optional(),
  at: Instant,
})
export type ApprovalDecision = z.infer<typeof ApprovalDecision>

export const Approval = z.strictObject({
  id: z.string().regex(/^a_[0-9a-f]{16}$/),
  runId: z.string(),
  agent: z.string(),
  feed: Feed,
  /** true: the run stands still until a person decides; false: the run went on without an answer. */
  blocking: z.boolean(),
  /** The LangGraph interrupt a blocking decision resumes. */
  interruptId: z.string().optional(),
  question: ApprovalQuestion,
  requestedAt: Instant,
})
export type Approval = z.infer<typeof Approval>
