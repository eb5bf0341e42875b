/**
 * What might mend a delivery that the validator refused: another source for a column whose rows were turned away, or another word of a
 * rule. Every repair is one of a closed set that the documents and the data allow; which of them is meant is a question. Pure.
 */
import type { ApprovalDecision, ApprovalQuestion } from '../../contracts/data/approval.ts'
import type { Decision } from '../../contracts/data/decision.ts'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { MappedColumn, Mapping } from '../../contracts/data/mapping.ts'
import type { ModelPolicy } from '../../contracts/data/model.ts'
import type { Rule } from '../../contracts/data/rule.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import type { Judgement } from '../../contracts/events/events.ts'
import { canHold } from '../../src/matching/evidence.ts'
import type { Consultation, Consulted } from '../../src/model/questions.ts'
import { applyAnswer, applySaid, noColumn, sourcedFrom, withColumns } from './questions.ts'

/** The answer that changes nothing. */
export const keepIt = 'keep'

const repairSubject = (column: string): string => `repair:${column}`
const ruleSubject = (rule: string): string => `rule:${rule}`

/** Rows of the delivery that were turned away for one column and one reason. */
export interface TurnedAway {
  readonly column: string
  readonly rule: string
  readonly rows: number
  readonly message: string
}

export interface Refused {
  readonly mapping: Mapping
  readonly contract: FeedContract
  readonly standard: Standard
  readonly rules: readonly Rule[]
  readonly judgement: Judgement
  readonly turnedAway: readonly TurnedAway[]
  /** Rows of the delivery in bronze. */
  readonly rows: number
}

export interface Repair {
  readonly question: ApprovalQuestion
  readonly kind: 'mapping' | 'ruleDraft'
}

/** The repairs there are, those that most rows wait for first. */
export function repairsFor(refused: Refused, policy: ModelPolicy['regeneration']): Repair[] {
  const troubled = troubles(refused)
  const mapping = policy.mapping === 'never' ? [] : troubled.flatMap(trouble => mappingRepair(trouble, refused))
  const rules = policy.rule === 'never' ? [] : troubled.flatMap(trouble => ruleRepair(trouble, refused))
  return [...mapping, ...rules]
}

/** What was turned away, and what a check over the rows that were staged found. */
function troubles({ judgement, turnedAway, rules }: Refused): TurnedAway[] {
  const failed = judgement.checks.flatMap(({ id, broken, severity, message }): TurnedAway[] => {
    const column = rules.find(rule => rule.id === id)?.column
    return severity === 'refuse' && broken > 0 && column !== undefined
      ? [{ column, rule: id, rows: broken, message }]
      : []
  })
  return [...turnedAway, ...failed].toSorted((a, b) => b.rows - a.rows)
}

function mappingRepair(
  { column: name, rows, message }: TurnedAway,
  { mapping, contract, standard, rows: all, turnedAway }: Refused,
): Repair[] {
  const column = mapping.columns.find(each => each.column === name)
  const target = standard.columns.find(each => each.name === name)
  // One question per column, for the reason that most rows have.
  const first = turnedAway.find(each => each.column === name)
  if (column === undefined || target === undefined || (first !== undefined && first.message !== message)) return []
  const spoken = new Set(
    mapping.columns.flatMap(({ status, sourceColumns }) => (status === 'accepted' ? sourceColumns : [])),
  )
  const likeliest = column.candidates.map(({ sourceColumn }) => sourceColumn)
  const rank = (source: string) => (likeliest.includes(source) ? likeliest.indexOf(source) : likeliest.length)
  const sources = contract.columns
    .filter(source => source.retired !== true && !spoken.has(source.name) && canHold(target, source))
    .toSorted((a, b) => rank(a.name) - rank(b.name))
  const options = [
    ...sources.map(source => ({ answer: source.name, text: source.sourceName })),
    ...(target.required || column.status === 'absent' ? [] : [{ answer: noColumn, text: 'leave it null' }]),
  ]
  if (options.length === 0) return []
  const now = column.sourceColumns.join(', ') || noColumn
  return [
    {
      kind: 'mapping',
      question: {
        subject: repairSubject(name),
        text: `${rows} of ${all} rows of ${mapping.vendor}/${mapping.table} were refused for ${name} (${message}), which comes from ${now}. From where should it come in mapping v${mapping.version + 1}?`,
        options: [...options, { answer: keepIt, text: `keep mapping v${mapping.version}` }],
        suggested: keepIt,
        owner: contract.owner,
        evidence: [],
      },
    },
  ]
}

function ruleRepair({ rule: id, rows, message }: TurnedAway, { rules, judgement, rows: all }: Refused): Repair[] {
  const rule = rules.find(each => each.id === id)
  if (rule === undefined) return []
  const share = Math.min(1, Math.ceil((rows / Math.max(1, all)) * 1000) / 1000)
  const tolerates = judgement.checks.some(check => check.id === id) && rule.severity === 'refuse'
  return [
    {
      kind: 'ruleDraft',
      question: {
        subject: ruleSubject(id),
        text: `The rule ${id} turned ${rows} of ${all} rows away (${message}). Should it say something else? Whoever owns it writes it into catalog/rules; nothing is changed by an answer.`,
        options: [
          { answer: 'warn', text: `severity: warn, instead of ${rule.severity}` },
          ...(tolerates
            ? [{ answer: 'tolerate', text: `toleratedFraction: ${share}, instead of ${rule.toleratedFraction}` }]
            : []),
          { answer: keepIt, text: 'keep the rule' },
        ],
        suggested: keepIt,
        owner: rule.owner,
        evidence: [],
      },
    },
  ]
}

type Made = Pick<Decision, 'question' | 'answer' | 'step' | 'confidence' | 'evidence' | 'by' | 'costMicros'>

export interface Mended {
  /** The next version, where policy lets a model write it. */
  readonly mapping: Mapping | undefined
  /** What people are asked. */
  readonly asks: readonly ApprovalQuestion[]
  readonly decisions: readonly Made[]
}

/**
 * What a model's answers make of it: proposals, each with what it would change, or, where policy applies them, the next version of the
 * mapping, within the changes that policy allows. A column that a model mapped already, and that was refused again, is for people.
 */
export function mend(
  repairs: readonly Repair[],
  { answers, applyConfidence }: Consultation,
  { mapping, createdAt }: { readonly mapping: Mapping; readonly createdAt: string },
  policy: ModelPolicy['regeneration'],
): Mended {
  const changed: MappedColumn[] = []
  const asks: ApprovalQuestion[] = []
  const decisions: Made[] = []
  for (const { kind, question } of repairs) {
    const said = Object.hasOwn(answers, question.subject) ? answers[question.subject] : undefined
    if (said === undefined) continue
    const column = kind === 'mapping' ? columnOf(mapping, question.subject) : undefined
    const applies =
      column !== undefined &&
      said.answer !== keepIt &&
      policy.mapping === 'apply' &&
      said.confidence >= applyConfidence &&
      column.step !== 'model' &&
      changed.length < policy.mostChanges
    if (applies) changed.push(applySaid(column, said))
    else if (said.answer !== keepIt) asks.push(proposal(question, said, column))
    const { answer, confidence, evidence, by, costMicros } = said
    const about = applies ? question.subject : `${question.subject}:suggestion`
    decisions.push({ question: about, answer, step: 'model', confidence, evidence: [...evidence], by, costMicros })
  }
  return { mapping: changed.length === 0 ? undefined : withColumns(mapping, changed, createdAt), asks, decisions }
}

/** What a person's answer makes of the mapping; undefined: nothing. */
export function repaired(mapping: Mapping, subject: string, decision: ApprovalDecision): Mapping | undefined {
  const column = columnOf(mapping, subject)
  const keeps = decision.verdict === 'rejected' || decision.answer === undefined || decision.answer === keepIt
  return column === undefined || keeps ? undefined : withColumns(mapping, [applyAnswer(column, decision)], decision.at)
}

export const isRepair = (subject: string): boolean => /^(?:repair|rule):/.test(subject)

const columnOf = (mapping: Mapping, subject: string): MappedColumn | undefined =>
  mapping.columns.find(({ column }) => repairSubject(column) === subject)

function proposal(question: ApprovalQuestion, said: Consulted, column: MappedColumn | undefined): ApprovalQuestion {
  const text = question.options.find(({ answer }) => answer === said.answer)?.text ?? said.answer
  const change =
    column === undefined
      ? [`+ ${text}`]
      : [
          `- ${column.column}: ${column.expression ?? 'null'}`,
          `+ ${column.column}: ${sourcedFrom(said.answer).expression ?? 'null'}`,
        ]
  return { ...question, suggested: said.answer, evidence: [...change, ...said.evidence] }
}
