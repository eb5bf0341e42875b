/** Doubts about a file as questions for a model and for people, and what answers make of them. Pure. */
import { isDeepStrictEqual } from 'node:util'
import type { ApprovalDecision, ApprovalQuestion } from '../../contracts/data/approval.ts'
import type { Decision } from '../../contracts/data/decision.ts'
import { asFound, type Doubt, type Reading } from '../../contracts/data/doubt.ts'
import type { DiscoveredSpec } from '../../contracts/data/feed-contract.ts'
import type { ModelPolicy, ModelQuestion } from '../../contracts/data/model.ts'
import type { AutonomyPolicy } from '../../contracts/data/policy.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import { canHold } from '../../src/matching/evidence.ts'
import type { Consultation } from '../../src/model/questions.ts'

const leaveIt = { answer: asFound, text: 'leave it as it was found' }

/** What is worth a question: where the header is in doubt, nothing else is known yet. A column without a name may be one of the standard's. */
export function worthAsking(
  doubts: readonly Doubt[],
  spec: DiscoveredSpec,
  standard: Pick<Standard, 'columns'> | undefined,
): Doubt[] {
  const header = doubts.filter(({ kind }) => kind === 'headerRows')
  if (header.length > 0) return header
  return doubts
    .map(doubt => (doubt.kind === 'names' ? { ...doubt, options: namesFor(doubt, spec, standard) } : doubt))
    .filter(({ options }) => options.length > 0)
}

function namesFor(
  { subject }: Doubt,
  spec: DiscoveredSpec,
  standard: Pick<Standard, 'columns'> | undefined,
): Doubt['options'] {
  const column = spec.columns.find(({ name }) => subject === `names:${name}`)
  if (column === undefined || standard === undefined) return []
  const free = standard.columns.filter(
    target => canHold(target, column) && spec.columns.every(({ name }) => name !== target.name),
  )
  return free.map(({ name, definition }) => ({
    answer: name,
    text: definition,
    reading: { kind: 'name', column: column.name, name },
  }))
}

/** What answers to such a doubt are worth when a model gives them; undefined: it is not asked. */
export function modeOf(
  { kind }: Pick<Doubt, 'kind'>,
  policy: ModelPolicy | undefined,
): 'propose' | 'apply' | undefined {
  if (policy === undefined || !policy.questions.kinds.includes(kind)) return undefined
  if (kind !== 'renamed') return policy.questions.answers
  const { contract } = policy.regeneration
  return contract === 'never' ? undefined : contract
}

/**
 * The doubts that a model is asked: those of which somebody reads the answer, since people are asked about the feed anyway, or of which
 * it is applied.
 */
export function forModel(
  doubts: readonly Doubt[],
  policy: ModelPolicy | undefined,
  peopleAreAsked: boolean,
): ModelQuestion[] {
  return doubts
    .filter(doubt => {
      const mode = modeOf(doubt, policy)
      return mode === 'apply' || (mode === 'propose' && peopleAreAsked)
    })
    .map(({ subject, kind, text, about, samples, options }) => ({
      id: subject,
      kind,
      text,
      ...(about === undefined ? {} : { about }),
      samples,
      options: [...options.map(({ reading: _, ...option }) => option), leaveIt],
    }))
}

type Made = Pick<Decision, 'question' | 'answer' | 'step' | 'confidence' | 'evidence' | 'by' | 'costMicros'>

export interface HeardDoubts {
  /** Answers that are taken, by what they are about; the data have the last word. */
  readonly taken: readonly Answer[]
  /** Answers that are for people to judge. */
  readonly suggested: readonly Answer[]
}

export interface Answer {
  readonly subject: string
  readonly answer: string
  readonly reading: Reading | null
  readonly made: Made
}

/** A model's answers are taken where policy applies them, sure enough, and no more of them at once than policy lets pass without a person. */
export function hearModel(
  doubts: readonly Doubt[],
  consulted: Consultation | undefined,
  policy: ModelPolicy | undefined,
): HeardDoubts {
  if (consulted === undefined || policy === undefined) return { taken: [], suggested: [] }
  const { answers, applyConfidence } = consulted
  const taken: Answer[] = []
  const suggested: Answer[] = []
  for (const doubt of doubts) {
    const said = Object.hasOwn(answers, doubt.subject) ? answers[doubt.subject] : undefined
    if (said === undefined) continue
    const { answer, confidence, evidence, by, costMicros } = said
    const renames = taken.filter(({ reading }) => reading?.kind === 'renamed').length
    const within = doubt.kind !== 'renamed' || renames < policy.regeneration.mostChanges
    const applied = modeOf(doubt, policy) === 'apply' && confidence >= applyConfidence && within
    const question = applied ? doubt.subject : `${doubt.subject}:suggestion`
    const made: Made = { question, answer, step: 'model', confidence, evidence: [...evidence], by, costMicros }
    ;(applied ? taken : suggested).push({ subject: doubt.subject, answer, reading: readingOf(doubt, answer), made })
  }
  return { taken, suggested }
}

export const readingsOf = (answers: readonly Answer[]): Reading[] => answers.flatMap(({ reading }) => reading ?? [])

/** Without the answers that the data refuse: as if they had not been given. */
export function bornOut({ taken, suggested }: HeardDoubts, refused: readonly Reading[]): HeardDoubts {
  return { taken: taken.filter(({ reading }) => !isRefused(reading, refused)), suggested }
}

const isRefused = (reading: Reading | null, refused: readonly Reading[]): boolean =>
  refused.some(each => isDeepStrictEqual(each, reading))

const readingOf = ({ options }: Doubt, answer: string): Reading | null =>
  options.find(option => option.answer === answer)?.reading ?? null

/** The questions that a run waits for, where policy says that it waits; a model's answer is what is suggested. */
export function forPeople(
  doubts: readonly Doubt[],
  suggested: readonly Answer[],
  policy: Pick<AutonomyPolicy, 'doubts'>,
  owner: string,
): ApprovalQuestion[] {
  if (policy.doubts === 'leave') return []
  return doubts.map(({ subject, text, samples, options }) => {
    const suggestion = suggested.find(each => each.subject === subject)
    return {
      subject,
      text,
      options: [...options.map(({ answer, text: described }) => ({ answer, text: described })), leaveIt],
      suggested: suggestion?.answer ?? asFound,
      owner,
      evidence: [
        ...(suggestion?.made.evidence ?? []),
        ...(samples.length === 0 ? [] : [`values: ${samples.map(value => JSON.stringify(value)).join(', ')}`]),
      ],
    }
  })
}

/** What a model's answers would make of the contract, in words. */
export const told = (answers: readonly Answer[]): string =>
  answers.map(({ subject, answer }) => `${subject.replace(':', ' of ')} is ${answer}`).join(', ')

/** What a person said of a doubt; a rejection leaves it as found. */
export function hearPerson(doubt: Doubt, decision: ApprovalDecision): Answer {
  const answer = decision.verdict === 'rejected' ? asFound : (decision.answer ?? asFound)
  const evidence = decision.note === undefined ? [] : [decision.note]
  return {
    subject: doubt.subject,
    answer,
    reading: readingOf(doubt, answer),
    made: { question: doubt.subject, answer, step: 'person', confidence: 1, evidence, by: decision.by, costMicros: 0 },
  }
}

/** The decision as it is recorded: an answer that the data do not bear out is said to be none. */
export function recorded({ made, reading }: Answer, refused: readonly Reading[]): Made {
  return isRefused(reading, refused)
    ? {
        ...made,
        answer: asFound,
        evidence: [`${made.answer} was refused: the data do not bear it out`, ...made.evidence],
      }
    : made
}
