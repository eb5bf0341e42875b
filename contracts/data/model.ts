import { z } from 'zod'
import { Count, Fraction, Owner } from './common.ts'

/** Whole or broken units of the policy's currency, as people write prices. */
const money = z.number().min(0)

/** The typed questions there are: each has a closed set of answers. */
export const questionKinds = [
  'mapping',
  'meaning',
  'dateOrder',
  'decimalMark',
  'key',
  'names',
  'headerRows',
  'renamed',
  'ruleDraft',
] as const
export type QuestionKind = (typeof questionKinds)[number]

/** What a model may make of a contract, a mapping, a rule or a prompt that no longer serves: nothing, a proposal that people decide, or the next version. */
export const Regeneration = z.enum(['never', 'propose', 'apply'])
export type Regeneration = z.infer<typeof Regeneration>

/** What may be spent; a line left out is no limit, and 0 is none at all. */
export const ModelLimits = z.strictObject({
  calls: Count.optional(),
  tokens: Count.optional(),
  money: money.optional(),
  seconds: z.number().min(0).optional(),
})
export type ModelLimits = z.infer<typeof ModelLimits>

/** What a language model may be asked, what its answers are worth, and what it may cost. Without this document no model is asked. */
export const ModelPolicy = z.strictObject({
  kind: z.literal('policy.model'),
  owner: Owner,
  currency: z.string().regex(/^[A-Z]{3}$/),
  /** Per model, as `provider:model` or the address of its server; a model without a price costs nothing that is counted. */
  prices: z.array(z.strictObject({ model: z.string(), inputPerMillionTokens: money, outputPerMillionTokens: money })),
  limits: z.strictObject({
    run: ModelLimits.default({}),
    feed: ModelLimits.default({}),
    day: ModelLimits.default({}),
    workspace: ModelLimits.default({}),
  }),
  /** At a limit: the questions fall to people, or the run stops with BUDGET_EXHAUSTED. */
  atLimit: z.enum(['ask', 'stop']),
  /** A call of which nobody knows whether it was paid for: it falls to a person, or it is made, and perhaps paid for, again. */
  unknownOutcome: z.enum(['ask', 'again']),
  questions: z.strictObject({
    /** Which of the typed questions a model may be asked. */
    kinds: z.array(z.enum(questionKinds)),
    /** propose: a person is asked as before, and sees the model's answer as the suggestion. apply: it is taken where it is sure enough and the data bear it out. */
    answers: z.enum(['propose', 'apply']),
    applyConfidence: Fraction,
    mostInputTokens: Count,
    mostOutputTokens: Count,
    /** Values of a column that a question shows, and how much of each. */
    samples: z.int().min(0).max(8),
    sampleCharacters: z.int().min(1),
  }),
  /** What may be written anew after drift or a refusal. It is always a next version, with a diff and an owner, and the one before stays. */
  regeneration: z
    .strictObject({
      contract: Regeneration.default('never'),
      mapping: Regeneration.default('never'),
      /** A rule is signed by its owner: a model drafts, and no more. */
      rule: z.enum(['never', 'propose']).default('never'),
      prompt: Regeneration.default('never'),
      /** At most so many parts of one document change without a person. */
      mostChanges: z.int().min(1).default(3),
      /** So often in one day for one feed. */
      perDay: z.int().min(0).default(3),
    })
    .prefault({}),
  /** Classes of values that never leave: what a column holds, a word of its name, or the shape of a value. */
  mask: z.array(
    z.strictObject({
      class: z.string(),
      semantics: z.array(z.string()).default([]),
      nameWords: z.array(z.string()).default([]),
      pattern: z.string().optional(),
    }),
  ),
  execute: z.strictObject({
    /** Tools that change something and that a model may call, as `server.tool`; what only reads needs no line. */
    writingTools: z.array(z.string()),
    /** Rounds of model and tools in one call. */
    mostTurns: z.int().min(1),
    mostOutputTokens: Count,
    /** Of a tool's result that a model is shown. */
    resultCharacters: z.int().min(100),
  }),
  /** So many calls in a row without an answer, and nothing is asked for so long. */
  breaker: z.strictObject({ failures: z.int().min(1), pauseMs: Count }),
  callTimeoutMs: z.int().min(1),
  answerDays: z.int().min(1),
})
export type ModelPolicy = z.infer<typeof ModelPolicy>

/** One open question as a model is asked it. `options` is the closed set of answers; `unknown` is always one more. */
export const ModelQuestion = z.strictObject({
  /** What is asked about, as in the decision: `mapping:<column>`, `dateOrder:<column>`. */
  id: z.string(),
  kind: z.enum(questionKinds),
  text: z.string(),
  /** The column it is about, by its name in the source, and values of it. */
  about: z.string().optional(),
  samples: z.array(z.string()).optional(),
  options: z.array(z.strictObject({ answer: z.string(), text: z.string(), samples: z.array(z.string()).optional() })),
})
export type ModelQuestion = z.infer<typeof ModelQuestion>

/** The answer that leaves a question open. */
export const unknownAnswer = 'unknown'

export const ModelAnswers = z.strictObject({
  answers: z.array(
    z.strictObject({ id: z.string(), answer: z.string(), confidence: Fraction, reason: z.string().max(1_000) }),
  ),
})
export type ModelAnswers = z.infer<typeof ModelAnswers>
