/** What a language model's answers make of a mapping and of the questions for people. Pure. */
import type { ApprovalQuestion } from '../../contracts/data/approval.ts'
import type { Decision } from '../../contracts/data/decision.ts'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { MappedColumn, Mapping } from '../../contracts/data/mapping.ts'
import type { ModelQuestion } from '../../contracts/data/model.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import { canHold } from '../../src/matching/evidence.ts'
import type { Consultation } from '../../src/model/questions.ts'
import { applySaid, subjectColumn } from './questions.ts'

/** A question for people as one for a model: the same closed set of answers, with the values of each where it is a column. */
export function modelQuestion(
  { subject, text, options }: ApprovalQuestion,
  contract: FeedContract,
  kind: 'mapping' | 'ruleDraft' = 'mapping',
): ModelQuestion {
  return {
    id: subject,
    kind,
    text,
    options: options.map(({ answer, text: described }) => {
      const column = kind === 'mapping' ? contract.columns.find(({ name }) => name === answer) : undefined
      return column === undefined
        ? { answer, text: described }
        : { answer, text: column.sourceName, samples: column.quality?.samples ?? [] }
    }),
  }
}

export interface Heard {
  readonly mapping: Mapping
  /** What people are still asked. */
  readonly open: readonly ApprovalQuestion[]
  readonly decisions: readonly Pick<
    Decision,
    'question' | 'answer' | 'step' | 'confidence' | 'evidence' | 'by' | 'costMicros'
  >[]
}

/**
 * An answer is taken only where policy applies answers, the model is as sure as policy wants, and the data bear it out: the column is of
 * a fitting type, never empty where the standard requires a value, and no other column's. Any other is what the person sees as the suggestion.
 */
export function hear(
  mapping: Mapping,
  questions: readonly ApprovalQuestion[],
  consulted: Consultation,
  { contract, standard }: { readonly contract: FeedContract; readonly standard: Standard },
): Heard {
  const { answers, mode, applyConfidence } = consulted
  const columns = new Map(mapping.columns.map(column => [column.column, column]))
  const taken = new Set(
    mapping.columns.flatMap(({ status, sourceColumns }) => (status === 'accepted' ? sourceColumns : [])),
  )
  const applicable = (column: MappedColumn | undefined, answer: string): MappedColumn | undefined => {
    const target = standard.columns.find(({ name }) => name === column?.column)
    const source = contract.columns.find(({ name, retired }) => name === answer && retired !== true)
    if (target === undefined || source === undefined || taken.has(answer) || !canHold(target, source)) return undefined
    return target.required && source.quality?.nullFraction !== 0 ? undefined : column
  }
  const open: ApprovalQuestion[] = []
  const decisions: Heard['decisions'][number][] = []
  for (const question of questions) {
    const { subject } = question
    const said = Object.hasOwn(answers, subject) ? answers[subject] : undefined
    if (said === undefined) {
      open.push(question)
      continue
    }
    const { answer, confidence, evidence, by, costMicros } = said
    const column = columns.get(subjectColumn(subject))
    const applied = mode === 'apply' && confidence >= applyConfidence ? applicable(column, answer) : undefined
    if (applied === undefined)
      open.push({ ...question, suggested: answer, evidence: [...evidence, ...question.evidence] })
    else {
      columns.set(applied.column, applySaid(applied, said))
      taken.add(answer)
    }
    // A suggestion is a judgement of its own: the person's is the decision.
    const about = applied === undefined ? `${subject}:suggestion` : subject
    decisions.push({ question: about, answer, step: 'model', confidence, evidence: [...evidence], by, costMicros })
  }
  return {
    mapping: { ...mapping, columns: mapping.columns.map(({ column }) => columns.get(column)!) },
    open,
    decisions,
  }
}
