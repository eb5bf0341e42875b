/** The documents of `--json`, as strictly as a program could read them. */
import { z } from 'zod'

const Step = z.strictObject({
  rule: z.int(),
  memory: z.int(),
  evidence: z.int(),
  model: z.int(),
  person: z.int(),
})
const trouble = { code: z.string(), message: z.string(), wayOut: z.string(), owner: z.string() }

export const Approvals = z.array(
  z.strictObject({
    id: z.string(),
    blocking: z.boolean(),
    text: z.string(),
    options: z
      .array(z.strictObject({ answer: z.string(), text: z.string(), confidence: z.number().optional() }))
      .min(1),
    suggested: z.string(),
    owner: z.string(),
    feed: z.string(),
  }),
)

export const RunDocument = z.strictObject({
  deliveries: z.array(
    z.strictObject({
      id: z.string(),
      vendor: z.string(),
      table: z.string(),
      file: z.string(),
      runId: z.string(),
      traceId: z.string(),
      state: z.enum(['published', 'refused', 'waiting', 'failed', 'duplicate']),
      rowsRead: z.int(),
      rowsLoaded: z.int(),
      rowsInError: z.int(),
      rowsPublished: z.int(),
      rowsRejectedInCore: z.int(),
      rowsSuperseded: z.int(),
      decisions: Step,
      waitingFor: z.array(z.string()),
      failure: z.strictObject({ ...trouble, agent: z.string() }).optional(),
      reasons: z.array(z.strictObject(trouble)).optional(),
    }),
  ),
  errors: z.array(z.strictObject({ file: z.string(), ...trouble })),
  approvals: Approvals,
  tables: z.array(z.strictObject({ name: z.string(), rows: z.int(), snapshotId: z.string().nullable() })),
})

export const QueryDocument = z.strictObject({
  columns: z.array(z.strictObject({ name: z.string(), type: z.string() })),
  rows: z.array(z.array(z.json())),
  truncated: z.boolean(),
})

export const RunsDocument = z.strictObject({
  runs: z.array(z.looseObject({ id: z.string(), traceId: z.string(), delivery: z.string(), state: z.string() })),
})

export const DecisionsDocument = z.strictObject({
  byStep: Step,
  decisions: z.array(z.looseObject({ question: z.string(), answer: z.string(), step: z.string(), by: z.string() })),
})

export const DeadLetterDocument = z.strictObject({
  deadLetter: z.looseObject({ traceId: z.string(), event: z.looseObject({ topic: z.string() }) }),
})
export const DeadLettersDocument = z.strictObject({
  deadLetters: z.array(z.looseObject({ id: z.string(), state: z.string(), code: z.string(), wayOut: z.string() })),
})
