/** The verdict on a delivery: pure arithmetic over counts and checks, with what would make it pass. */
import type { BronzeCounts, CheckResult, CoreCounts, Judgement } from '../../contracts/events/events.ts'

/** Records and rows as the validator counted them itself. */
export interface Found {
  readonly source: number
  readonly bronze: number
  readonly bronzeErrors: number
  /** Rows of the delivery in the staged branch. */
  readonly staged: number
  /** Distinct records in the error table at stage core, of this run. */
  readonly coreErrors: number
  /** Staged rows that mapping and rules make of no bronze row. */
  readonly altered: number
  /** Staged rows whose key another staged row has. */
  readonly repeated: number
  /** From the bronze rows and the rules, computed again. */
  readonly expected: Pick<CoreCounts, 'superseded' | 'supersededLater' | 'rejected'>
}

export interface Case {
  readonly feed: string
  readonly found: Found
  readonly reported: { readonly bronze: BronzeCounts; readonly core: CoreCounts }
  readonly checks: readonly (CheckResult & { readonly toleratedFraction: number })[]
  readonly toleratedErrorFraction: number
  readonly owner: string
}

type Reason = Judgement['reasons'][number]

export function judge(given: Case): Judgement {
  const reasons = [...reconcile(given), ...errorShare(given), ...brokenChecks(given)]
  const checks = given.checks.map(({ toleratedFraction: _, ...check }) => check)
  return { verdict: reasons.length === 0 ? 'publish' : 'refuse', reasons, checks }
}

/** Nothing is lost, nothing is doubled: both equations, over counts that no other agent made. */
function* reconcile({ found, reported, owner, feed }: Case): Iterable<Reason> {
  const reload = 'Reload the delivery: replay its run.'
  const lost = (code: string, message: string): Reason => ({ code, message, owner, wayOut: reload })
  if (found.source !== found.bronze + found.bronzeErrors) {
    yield lost(
      'BRONZE_UNBALANCED',
      `The source of ${feed} has ${found.source} records, but ${found.bronze} in bronze and ${found.bronzeErrors} in error make ${found.bronze + found.bronzeErrors}.`,
    )
  }
  const { superseded, supersededLater, rejected } = found.expected
  const reached = found.staged + superseded + supersededLater + found.coreErrors
  if (found.bronze !== reached) {
    yield lost(
      'CORE_UNBALANCED',
      `Bronze has ${found.bronze} rows of this delivery, but ${found.staged} staged, ${superseded} superseded, ${supersededLater} superseded by later deliveries and ${found.coreErrors} rejected make ${reached}.`,
    )
  }
  if (found.altered + found.repeated > 0) {
    yield lost(
      'CORE_ALTERED',
      `Of ${found.staged} staged rows of ${feed}, ${found.altered} are not what mapping and rules make of bronze, and ${found.repeated} have the key of another.`,
    )
  }
  if (rejected !== found.coreErrors) {
    yield lost('CORE_REJECTS_DIFFER', `The rules reject ${rejected} rows, the error table holds ${found.coreErrors}.`)
  }
  if (reported.bronze.loaded !== found.bronze || reported.core.staged !== found.staged) {
    yield lost(
      'REPORT_DIFFERS',
      `Ingestion reported ${reported.bronze.loaded} rows and modeling ${reported.core.staged}; the tables hold ${found.bronze} and ${found.staged}.`,
    )
  }
}

function* errorShare({ found, toleratedErrorFraction, owner, feed }: Case): Iterable<Reason> {
  const bad = found.bronzeErrors + found.coreErrors
  if (found.source === 0 || bad / found.source <= toleratedErrorFraction) return
  yield {
    code: 'TOO_MANY_ERRORS',
    message: `${bad} of ${found.source} records of ${feed} are in error; policy tolerates ${percent(toleratedErrorFraction)}.`,
    owner,
    wayOut: `See why with: select stage, error_code, column_name, count(*) from product_raw.ingest_errors group by all. Mend the contract, mapping or rule named there, which the next run sees; or raise publish.toleratedErrorFraction in the autonomy policy and replay the run.`,
  }
}

function* brokenChecks({ checks, found }: Case): Iterable<Reason> {
  // All its rows are a later delivery's by now: there is nothing left that a check could be about.
  if (found.staged === 0 && found.expected.supersededLater > 0) return
  for (const check of checks) {
    if (check.severity !== 'refuse') continue
    const share = found.staged === 0 ? (check.broken > 0 ? 1 : 0) : check.broken / found.staged
    if (check.broken === 0 || share <= check.toleratedFraction) continue
    const rows = check.rows.length === 0 ? '' : ` (${check.rows.join(', ')})`
    yield {
      code: 'CHECK_FAILED',
      message: `${check.message}: broken by ${check.broken} of ${found.staged} rows${rows}.`,
      owner: check.owner,
      wayOut: `Correct the rows at the vendor, or change the check ${check.id}, which tolerates ${percent(check.toleratedFraction)}.`,
    }
  }
}

const percent = (fraction: number): string => `${Math.round(fraction * 1000) / 10} %`
