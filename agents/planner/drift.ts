/** What policy says of a delivery that does not fit its contract. Pure. */
import type { ApprovalQuestion } from '../../contracts/data/approval.ts'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { AutonomyPolicy, Verdict } from '../../contracts/data/policy.ts'
import type { Change } from '../../src/discovery/drift.ts'

const severity: Record<Verdict, number> = { accept: 0, ask: 1, refuse: 2 }

/** The strictest word of policy over all changes. */
export function driftVerdict(changes: readonly Change[], policy: AutonomyPolicy['drift']): Verdict {
  return changes
    .map(change => policy[change.kind])
    .reduce<Verdict>((worst, next) => (severity[next] > severity[worst] ? next : worst), 'accept')
}

export function describeChange(change: Change): string {
  const subject = change.column === undefined ? change.kind : `${change.kind} ${change.column}`
  if (change.before === undefined) return change.after === undefined ? subject : `${subject}: ${change.after}`
  return change.after === undefined
    ? `${subject}: was ${change.before}`
    : `${subject}: ${change.before} → ${change.after}`
}

/** A contract beside the one proposed, that people may take instead. */
export interface Alternative {
  readonly contract: FeedContract
  /** What makes it another one, and who says so. */
  readonly differs: string
  readonly confidence: number
  readonly evidence: readonly string[]
}

/** The answer that takes the alternative. */
export const alternativeAnswer = (version: number): string => `v${version} as suggested`

/** What a person is asked before a contract, first or next, is taken. An alternative, where there is one, is what is suggested. */
export function contractQuestion(
  next: FeedContract,
  changes: readonly string[],
  alternative: Alternative | null = null,
): ApprovalQuestion {
  const feed = `${next.vendor}/${next.table}`
  const first = next.version === 1
  return {
    subject: first ? 'contract' : 'drift',
    text: first
      ? `May ${feed} be loaded under the contract proposed for it (${next.columns.length} columns, ${next.format.kind})?`
      : `A delivery of ${feed} no longer fits contract v${next.version - 1}. May v${next.version} take its place?`,
    options: [
      { answer: `v${next.version}`, text: `take contract v${next.version}`, confidence: next.confidence },
      ...(alternative === null
        ? []
        : [
            {
              answer: alternativeAnswer(next.version),
              text: `take contract v${next.version}, but ${alternative.differs}`,
              confidence: alternative.confidence,
            },
          ]),
    ],
    suggested: alternative === null ? `v${next.version}` : alternativeAnswer(next.version),
    owner: next.owner,
    evidence: [
      ...(alternative?.evidence ?? []),
      ...(changes.length > 0 ? changes : next.columns.slice(0, 20).map(column => `${column.name}: ${column.type}`)),
    ],
  }
}
