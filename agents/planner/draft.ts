/** A contract drafted from a file: the first of a feed, or the next version. Pure. */
import type { Decision } from '../../contracts/data/decision.ts'
import type { Delivery } from '../../contracts/data/delivery.ts'
import type { DiscoveredSpec, FeedContract } from '../../contracts/data/feed-contract.ts'
import type { AutonomyPolicy, Verdict } from '../../contracts/data/policy.ts'
import { Failure } from '../../contracts/failures.ts'
import type { VendorFacts } from '../../contracts/tools/metadata.ts'
import { type Change, compare, evolve, type Rename } from '../../src/discovery/drift.ts'
import { describeChange, driftVerdict } from './drift.ts'

export interface Found {
  /** The contract in force, null for a new feed. */
  readonly agreed: FeedContract | null
  readonly spec: DiscoveredSpec
  readonly delivery: Delivery
  readonly vendor: VendorFacts
  readonly renames?: readonly Rename[]
}

export interface Draft {
  readonly contract: FeedContract
  readonly changes: readonly Change[]
}

/** @throws Failure FILE_COLUMNS_AMBIGUOUS */
export function draftContract({ agreed, spec, delivery, vendor, renames = [] }: Found): Draft {
  if (agreed === null) return { contract: firstContract(spec, delivery, vendor), changes: [] }
  const { changes } = compare(agreed, spec, renames)
  const origin = { createdAt: delivery.receivedAt, deliveryId: delivery.id, file: delivery.file }
  return { contract: evolve(agreed, spec, changes, origin, renames), changes }
}

/** What policy says of taking it; @throws Failure CONTRACT_BROKEN where it refuses */
export function verdictOf(
  { contract, changes }: Draft,
  agreed: FeedContract | null,
  { newFeed, drift }: Pick<AutonomyPolicy, 'newFeed' | 'drift'>,
): Exclude<Verdict, 'refuse'> {
  const verdict = agreed === null ? newFeed : driftVerdict(changes, drift)
  if (verdict !== 'refuse') return verdict
  const why = agreed === null ? 'policy.autonomy.newFeed is refuse' : changes.map(describeChange).join('; ')
  const feed = `${contract.vendor}/${contract.table}`
  throw new Failure('CONTRACT_BROKEN', `Policy refuses this delivery of ${feed}: ${why}.`, { owner: contract.owner })
}

/** The judgement that it is the contract, before anybody was asked. */
export function draftDecision(
  { contract, changes }: Draft,
  agreed: FeedContract | null,
): Pick<Decision, 'question' | 'answer' | 'step' | 'confidence' | 'evidence' | 'by'> {
  const answer = `v${contract.version}`
  if (agreed !== null) {
    const evidence = changes.map(describeChange)
    return { question: 'drift', answer, step: 'rule', confidence: 1, evidence, by: 'policy.autonomy.drift' }
  }
  const evidence = contract.keys.slice(0, 3).map(key => `${key.kind} key ${key.columns.join(', ')}: ${key.evidence}`)
  return { question: 'contract', answer, step: 'evidence', confidence: contract.confidence, evidence, by: 'planner' }
}

function firstContract(spec: DiscoveredSpec, delivery: Delivery, vendor: VendorFacts): FeedContract {
  const ambiguous = spec.quality.find(({ code }) => code === 'DUPLICATE_COLUMN_NAMES')
  if (ambiguous !== undefined) {
    // Which of them is meant is nothing a machine can see; a contract written by hand says it.
    throw new Failure('FILE_COLUMNS_AMBIGUOUS', `In ${delivery.file}, ${ambiguous.message}.`, { owner: vendor.owner })
  }
  return {
    ...spec,
    ...delivery.feed,
    version: 1,
    status: 'active',
    owner: vendor.owner,
    deliveryMode: vendor.deliveryMode,
    checks: [],
    createdAt: delivery.receivedAt,
    createdFrom: { deliveryId: delivery.id, file: delivery.file },
  }
}
