/**
 * The run that takes a delivery back: recall → review → stage → check → publish → mark, by the hands of modeling and validator.
 *
 * Owns the rollback's record, its part of the run, and a lease while it works. Invariants:
 * 1. Every step may be gone through again from the start: questions have ids, effects are in the ledger and carry write keys. So a
 *    crash at any point is ended by whoever comes next.
 * 2. Nothing is changed before policy allows it or a person has approved.
 * 3. `main` moves once, after the branch was found to be what it should; the mark in bronze comes last, and only then is it done.
 * It fails as the tools do. What was refused by policy or a person, or found wrong, is recorded as failed and may be asked for again;
 * what may go through later stays asked.
 */
import type { AgentName } from '../../contracts/chain.ts'
import type { ApprovalDecision } from '../../contracts/data/approval.ts'
import type { Decision } from '../../contracts/data/decision.ts'
import type { Policies } from '../../contracts/data/policy.ts'
import { asFailure, Failure } from '../../contracts/failures.ts'
import type { RollbackCounts } from '../../contracts/tools/lakehouse.ts'
import { decisionId, digest } from '../runtime/identity.ts'
import { type AgentPart, RunRecords } from '../runtime/run-records.ts'
import type { ActorStores } from '../runtime/stores.ts'
import { committed } from '../state/change.ts'
import { keys } from '../state/keys.ts'
import type { LeaseReference } from '../state/store.ts'
import { withLease } from '../state/with-lease.ts'
import { agentSpan, nodeSpan } from '../telemetry/shapes.ts'
import type { Telemetry } from '../telemetry/tracer.ts'
import type { AgentTools, Host } from '../tools/host.ts'
import { latestRun } from './ask.ts'
import { auditRollback } from './audit.ts'
import { type RollbackRecord, Rollbacks } from './records.ts'
import { reviewRollback, rollbackAgent } from './review.ts'

export interface Performing {
  readonly stores: ActorStores
  readonly telemetry: Telemetry
  readonly policies: () => Promise<Policies>
  readonly host: (agent: AgentName) => Promise<Host>
  readonly defaultOwner: () => Promise<string>
  /** Names this process among those that hold leases. */
  readonly owner: string
}

export type RollbackOutcome =
  | { readonly kind: 'done'; readonly counts: RollbackCounts }
  | { readonly kind: 'waiting'; readonly approvalId: string }

const leaseMs = 10_000
/** Writes of the vendor that may come in between before it is given up for now. */
const mostRounds = 20

/** @throws Failure STATE_BUSY where another process is at it, and whatever ended the run. */
export async function performRollback(place: Performing, record: RollbackRecord): Promise<RollbackOutcome> {
  const { stores, telemetry, owner } = place
  const { run, delivery } = record
  const scope = { runId: run.id, deliveryId: delivery.id, feed: `${delivery.feed.vendor}/${delivery.feed.table}` }
  const name = keys.threadLease(`${run.id}/${rollbackAgent}`)
  const done = await withLease(stores.store, { name, owner, leaseMs }, lease =>
    telemetry.startRunSpan({ ...scope, workflow: 'rollback' }, () => new Performance(place, record, lease).perform()),
  )
  if (done !== undefined) return done.value
  throw new Failure('STATE_BUSY', `Another process is taking ${delivery.file} back.`)
}

class Performance {
  readonly #place: Performing
  readonly #record: RollbackRecord
  readonly #lease: LeaseReference

  constructor(place: Performing, record: RollbackRecord, lease: LeaseReference) {
    this.#place = place
    this.#record = record
    this.#lease = lease
  }

  async perform(): Promise<RollbackOutcome> {
    try {
      return await this.#steps()
    } catch (error) {
      const failure = asFailure(error)
      if (failure.kind === 'terminal') await this.#fail(failure)
      throw failure
    }
  }

  async #steps(): Promise<RollbackOutcome> {
    const { run, delivery, by, note } = this.#record
    const decided = await this.#as('modeling', 'review', async tools => {
      this.#refuseStale(latestRun(await this.#place.stores.runs.all(), delivery.id).run.id)
      return reviewRollback({ ...this.#place, record: this.#record, tools })
    })
    if (decided.kind === 'waiting') {
      await this.#part({ kind: 'waiting', approvals: [decided.approvalId] }, [])
      return decided
    }
    const decision = this.#decision(decided.decision)
    const governing = await this.#as('modeling', 'recall', tools => this.#recall(tools, decision))
    for (let round = 0; round < mostRounds; round += 1) {
      const writeKey = digest('rollback', run.id, String(round))
      const staged = await this.#as('modeling', 'stage', tools =>
        tools.call('lakehouse.stage_rollback', {
          writeKey,
          run: { id: run.id, traceId: run.traceId },
          delivery,
          ...governing,
        }),
      )
      const { table, branch, counts } = staged
      const outcome = await this.#as('validator', 'publish', async tools => {
        await auditRollback(tools, { ...staged, delivery, writeKey, key: governing.standard.key })
        return (await tools.call('lakehouse.publish', { table, branch, writeKey })).outcome
      })
      if (outcome === 'stage-again') continue
      await this.#as('modeling', 'mark', tools =>
        tools.call('lakehouse.mark_delivery', {
          writeKey: digest('mark', run.id),
          delivery,
          run: { id: run.id, traceId: run.traceId },
          mark: 'rolled-back',
          by: decision.by,
          note,
          at: decision.at,
        }),
      )
      await this.#part({ kind: 'done' }, [decision], 'done')
      return { kind: 'done', counts }
    }
    throw new Failure(
      'TABLE_CONFLICT',
      `Other writes of ${delivery.feed.vendor} kept coming in between; asked by ${by}.`,
    )
  }

  /** A delivery that was run again since is not what somebody looked at when they asked. */
  #refuseStale(latest: string): void {
    const { run, delivery } = this.#record
    if (run.cause.kind === 'replayed' && run.cause.of === latest) return
    throw new Failure(
      'ROLLBACK_STALE',
      `${delivery.file} was run again (${latest}) since it was asked to be taken back.`,
    )
  }

  /** Everything that says what rows of the vendor are, today. */
  async #recall(tools: AgentTools, decision: Decision) {
    const { feed } = this.#record.delivery
    await tools.call('metadata.record_decisions', { decisions: [decision] })
    const { standard } = await tools.call('metadata.get_standard', {})
    const { normalization, checks } = await tools.call('metadata.get_rules', { vendor: feed.vendor })
    const { vendor } = await tools.call('metadata.get_vendor', { vendor: feed.vendor })
    const { contracts } = await tools.call('metadata.list_contracts', {})
    const feeds = []
    for (const { feed: other } of contracts.filter(({ feed: { vendor: name } }) => name === feed.vendor)) {
      const { mapping } = await tools.call('metadata.get_mapping', { feed: other })
      if (mapping === null) continue
      const version = mapping.contractVersion
      const { contract } = await tools.call('metadata.get_contract', { feed: other, version })
      if (contract !== null) feeds.push({ contract, mapping })
    }
    return { standard, normalization, checks, vendor, feeds }
  }

  #decision({ by, at, note, step }: ApprovalDecision & Pick<Decision, 'step'>): Decision {
    const { run, delivery, by: asked, note: why } = this.#record
    const said = [`asked by ${asked}${why === '' ? '' : `: ${why}`}`, ...(note === undefined ? [] : [note])]
    return {
      id: decisionId(run.id, 'rollback'),
      runId: run.id,
      feed: delivery.feed,
      agent: rollbackAgent,
      question: 'rollback',
      answer: 'roll back',
      step,
      confidence: 1,
      evidence: said,
      by,
      costMicros: 0,
      at,
    }
  }

  /** One step by the hands of an agent: its tools, its place in the trace. */
  async #as<T>(agent: AgentName, node: string, work: (tools: AgentTools) => Promise<T>): Promise<T> {
    const { host, telemetry } = this.#place
    const { run } = this.#record
    const hosted = await host(agent)
    return telemetry.withSpan(...agentSpan(agent, { threadId: `${run.id}/${rollbackAgent}` }), () =>
      telemetry.withSpan(...nodeSpan(node), () =>
        work(hosted.forAgent({ agent, runId: run.id, budget: run.budget, guard: this.#lease })),
      ),
    )
  }

  async #fail(failure: Failure): Promise<void> {
    const { code, message, wayOut } = failure
    const owner = failure.owner ?? (await this.#place.defaultOwner())
    await this.#part({ kind: 'failed', failure: { code, message, wayOut, owner } }, [], 'failed')
  }

  async #part(
    state: AgentPart['state'],
    decisions: readonly Decision[],
    becomes: RollbackRecord['state'] = 'asked',
  ): Promise<void> {
    const { run } = this.#record
    const made = Object.fromEntries(decisions.map(({ step }) => [step, 1]))
    const part = { agent: rollbackAgent, state, progress: {}, decisions: made, at: new Date().toISOString() }
    const writes = [RunRecords.part(run.id, part), Rollbacks.write({ ...this.#record, state: becomes })]
    committed(await this.#place.stores.store.transact({ checks: [{ lease: this.#lease }], writes }))
  }
}
