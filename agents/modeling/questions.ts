/** Questions about a mapping, and what an answer makes of it. Pure. */
import type { ApprovalDecision, ApprovalQuestion } from '../../contracts/data/approval.ts'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { MappedColumn, Mapping } from '../../contracts/data/mapping.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import { Failure } from '../../contracts/failures.ts'
import { quoteIdentifier } from '../../src/lakehouse/identifiers.ts'
import type { Consulted } from '../../src/model/questions.ts'

/** The answer that means: no column of the feed. */
export const noColumn = 'none'

export const mappingSubject = (column: string): string => `mapping:${column}`
export const subjectColumn = (subject: string): string => subject.slice('mapping:'.length)

export function mappingQuestion(column: MappedColumn, contract: FeedContract, standard: Standard): ApprovalQuestion {
  const { definition = '', required = false } =
    standard.columns.find(candidate => candidate.name === column.column) ?? {}
  const best = column.candidates[0]
  return {
    subject: mappingSubject(column.column),
    text: `Which column of ${contract.vendor}/${contract.table} is ${column.column} (${definition})?`,
    options: [
      ...column.candidates.map(candidate => ({
        answer: candidate.sourceColumn,
        text: describe(contract, candidate.sourceColumn),
        confidence: candidate.confidence,
      })),
      // Any other column of the feed may be the right one: a person is not bound to what a machine found likely.
      ...contract.columns
        .filter(
          source =>
            source.retired !== true && !column.candidates.some(candidate => candidate.sourceColumn === source.name),
        )
        .map(source => ({ answer: source.name, text: describe(contract, source.name) })),
      // A required column has to come from somewhere: whoever finds nothing rejects.
      ...(required ? [] : [{ answer: noColumn, text: 'none of them: leave it null' }]),
    ],
    suggested: best?.sourceColumn ?? noColumn,
    owner: contract.owner,
    evidence: best?.evidence.map(evidence => `${evidence.kind}: ${evidence.detail}`) ?? [],
  }
}

/** The column as a person decided it. Errors: APPROVAL_REJECTED when a required column is left without a source. */
export function applyAnswer(column: MappedColumn, decision: ApprovalDecision): MappedColumn {
  const answer = decision.verdict === 'rejected' ? noColumn : (decision.answer ?? noColumn)
  return { ...column, ...sourcedFrom(answer), step: 'person', confidence: 1, decidedBy: decision.by }
}

/** The column as a model decided it. */
export const applySaid = (
  column: MappedColumn,
  { answer, confidence, evidence, by }: Pick<Consulted, 'answer' | 'confidence' | 'evidence' | 'by'>,
): MappedColumn => ({
  ...column,
  ...sourcedFrom(answer),
  step: 'model',
  confidence,
  evidence: [...evidence.map(detail => ({ kind: 'model', detail, weight: 0 })), ...column.evidence],
  decidedBy: by,
})

/** Where a column's values come from, by the answer to the question about it. */
export const sourcedFrom = (answer: string): Pick<MappedColumn, 'status' | 'expression' | 'sourceColumns'> =>
  answer === noColumn
    ? { status: 'absent', expression: null, sourceColumns: [] }
    : { status: 'accepted', expression: quoteIdentifier(answer), sourceColumns: [answer] }

/** The next version of a mapping with some columns decided anew. */
export function withColumns(mapping: Mapping, columns: readonly MappedColumn[], createdAt: string): Mapping {
  const changed = new Map(columns.map(column => [column.column, column]))
  return {
    ...mapping,
    version: mapping.version + 1,
    createdAt,
    columns: mapping.columns.map(column => changed.get(column.column) ?? column),
  }
}

export function requireAnswered(column: MappedColumn, decision: ApprovalDecision, owner: string): void {
  if (decision.verdict === 'approved' && decision.answer !== noColumn) return
  throw new Failure('APPROVAL_REJECTED', `${decision.by} left the required column ${column.column} without a source.`, {
    owner,
  })
}

function describe(contract: FeedContract, name: string): string {
  const column = contract.columns.find(candidate => candidate.name === name)
  const samples = column?.quality?.samples
    .slice(0, 3)
    .map(sample => JSON.stringify(sample.slice(0, 40)))
    .join(', ')
  return `${column?.sourceName ?? name}${samples ? `, e.g. ${samples}` : ''}`
}
