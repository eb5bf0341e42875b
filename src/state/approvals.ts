/**
 * Approvals: questions that wait for a person.
 *
 * Owns: one record per approval, and an index of the open ones, oldest first. Invariants:
 * 1. Asking again under the same id changes nothing: a node that runs again from its start asks the same question.
 * 2. The first decision stands; deciding again answers with it.
 * 3. An open approval never goes away by itself; a decided one does after `ttlMs`. What was decided is remembered in the
 *    catalog, not here.
 */
import { z } from 'zod'
import { Approval, type ApprovalDecision, ApprovalDecision as DecisionSchema } from '../../contracts/data/approval.ts'
import { Delivery, Run } from '../../contracts/data/delivery.ts'
import { Failure } from '../../contracts/failures.ts'
import { change } from './change.ts'
import { keyParts, keys } from './keys.ts'
import { decodeRecord, encodeRecord } from './record.ts'
import { type StateStore, scanAll, type Write } from './store.ts'

const askedApproval = z.strictObject({
  approval: Approval,
  /** The run and delivery it came up in. */
  about: z.strictObject({ run: Run, delivery: Delivery }),
  /** The thread that a blocking decision resumes. */
  threadId: z.string(),
  decision: DecisionSchema.optional(),
})

/** A question as it was asked, and what was decided. */
export type AskedApproval = z.infer<typeof askedApproval>

export class Approvals {
  readonly #store: StateStore
  readonly #ttlMs: number

  /** `ttlMs`: how long decided approvals are kept. */
  constructor(store: StateStore, options: { readonly ttlMs: number }) {
    this.#store = store
    this.#ttlMs = options.ttlMs
  }

  /** Records the question; returns the record that stands. `along` is written with a new one only, such as the outbox's. */
  async request(asked: Omit<AskedApproval, 'decision'>, along: readonly Write[] = []): Promise<AskedApproval> {
    const { id, requestedAt } = asked.approval
    const key = keys.approval(id)
    return change<AskedApproval>(this.#store, async () => {
      const entry = await this.#store.get(key)
      if (entry !== undefined) return { kind: 'answer', answer: decodeRecord(askedApproval, entry) }
      const writes: Write[] = [
        { put: key, value: encodeRecord(asked) },
        { put: keys.openApproval(Date.parse(requestedAt), id), value: encodeRecord({}) },
        ...along,
      ]
      return { kind: 'write', transaction: { checks: [{ key, absent: true }], writes }, answer: asked }
    })
  }

  /**
   * Decides, unless somebody has: the answer's `decision` is the one that stands, and `first` says whether it is this one.
   * `along` is written with a first decision only. Errors: APPROVAL_UNKNOWN.
   */
  async decide(
    id: string,
    decision: ApprovalDecision,
    along: readonly Write[] = [],
  ): Promise<AskedApproval & { readonly first: boolean }> {
    const key = keys.approval(id)
    return change<AskedApproval & { readonly first: boolean }>(this.#store, async () => {
      const entry = await this.#store.get(key)
      if (entry === undefined) throw new Failure('APPROVAL_UNKNOWN', `There is no approval ${id}.`)
      const known = decodeRecord(askedApproval, entry)
      if (known.decision !== undefined) return { kind: 'answer', answer: { ...known, first: false } }
      const decided: AskedApproval = { ...known, decision }
      const writes: Write[] = [
        { put: key, value: encodeRecord(decided), ttlMs: this.#ttlMs },
        { delete: keys.openApproval(Date.parse(known.approval.requestedAt), id) },
        ...along,
      ]
      const transaction = { checks: [{ key, version: entry.version }], writes }
      return { kind: 'write', transaction, answer: { ...decided, first: true } }
    })
  }

  async find(id: string): Promise<AskedApproval | undefined> {
    const entry = await this.#store.get(keys.approval(id))
    return entry === undefined ? undefined : decodeRecord(askedApproval, entry)
  }

  /** What waits for people, oldest first. */
  async open(): Promise<readonly AskedApproval[]> {
    const open: AskedApproval[] = []
    for await (const { key } of scanAll(this.#store, keys.openApprovals())) {
      const found = await this.find(keyParts(key)[2]!)
      if (found !== undefined && found.decision === undefined) open.push(found)
    }
    return open
  }
}
