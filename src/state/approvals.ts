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
import { Failure } from '../../contracts/failures.ts'
import { change } from './change.ts'
import { keyParts, keys } from './keys.ts'
import { decodeRecord, encodeRecord } from './record.ts'
import { type StateStore, scanAll, type Write } from './store.ts'

const decision = z.object({
  verdict: z.enum(['approved', 'rejected']),
  /** What the person chose or filled in, checked by whoever asked. */
  value: z.json().optional(),
  /** Who decided. */
  by: z.string(),
  reason: z.string().optional(),
  decidedAtMs: z.number(),
})

const approval = z.object({
  id: z.string(),
  runId: z.string(),
  agent: z.string(),
  threadId: z.string(),
  /** The graph's interrupt that a decision resumes. */
  interruptId: z.string(),
  feed: z.string(),
  question: z.string(),
  /** What there is to choose from, with evidence, as the agent shows it. */
  candidates: z.json(),
  /** Whether the run waits, or goes on without the answer. */
  blocking: z.boolean(),
  owner: z.string(),
  requestedAtMs: z.number(),
  decision: decision.optional(),
})

export type Decision = z.infer<typeof decision>
export type Approval = z.infer<typeof approval>

export class Approvals {
  readonly #store: StateStore
  readonly #ttlMs: number

  /** `ttlMs`: how long decided approvals are kept. */
  constructor(store: StateStore, options: { readonly ttlMs: number }) {
    this.#store = store
    this.#ttlMs = options.ttlMs
  }

  /** Records the question; returns the record that stands. `along` is written with a new one only, such as the outbox's. */
  async request(asked: Omit<Approval, 'decision'>, along: readonly Write[] = []): Promise<Approval> {
    const key = keys.approval(asked.id)
    return change<Approval>(this.#store, async () => {
      const entry = await this.#store.get(key)
      if (entry !== undefined) return { kind: 'answer', answer: decodeRecord(approval, entry) }
      const writes: Write[] = [
        { put: key, value: encodeRecord(asked) },
        { put: keys.openApproval(asked.requestedAtMs, asked.id), value: encodeRecord({}) },
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
    decision: Decision,
    along: readonly Write[] = [],
  ): Promise<Approval & { readonly first: boolean }> {
    const key = keys.approval(id)
    return change<Approval & { readonly first: boolean }>(this.#store, async () => {
      const entry = await this.#store.get(key)
      if (entry === undefined) throw new Failure('APPROVAL_UNKNOWN', `There is no approval ${id}.`)
      const known = decodeRecord(approval, entry)
      if (known.decision !== undefined) return { kind: 'answer', answer: { ...known, first: false } }
      const decided: Approval = { ...known, decision }
      const writes: Write[] = [
        { put: key, value: encodeRecord(decided), ttlMs: this.#ttlMs },
        { delete: keys.openApproval(known.requestedAtMs, id) },
        ...along,
      ]
      const transaction = { checks: [{ key, version: entry.version }], writes }
      return { kind: 'write', transaction, answer: { ...decided, first: true } }
    })
  }

  async find(id: string): Promise<Approval | undefined> {
    const entry = await this.#store.get(keys.approval(id))
    return entry === undefined ? undefined : decodeRecord(approval, entry)
  }

  /** What waits for people, oldest first. */
  async listOpen(): Promise<readonly Approval[]> {
    const open: Approval[] = []
    for await (const { key } of scanAll(this.#store, keys.openApprovals())) {
      const found = await this.find(keyParts(key)[2]!)
      if (found !== undefined && found.decision === undefined) open.push(found)
    }
    return open
  }
}
