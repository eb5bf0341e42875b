import { Rollbacks } from '../rollback/records.ts'
import { Approvals } from '../state/approvals.ts'
import { Budgets } from '../state/budgets.ts'
import { Inbox } from '../state/inbox.ts'
import { Ledger } from '../state/ledger.ts'
import { Outbox } from '../state/outbox.ts'
import { ParkedMessages } from '../state/parked.ts'
import type { StateStore } from '../state/store.ts'
import { DeadLetters } from './dead-letters.ts'
import { RunRecords } from './run-records.ts'

/** Everything the runtime keeps in the state store, by what it is for. */
export interface ActorStores {
  readonly store: StateStore
  readonly inbox: Inbox
  readonly outbox: Outbox
  readonly ledger: Ledger
  readonly parked: ParkedMessages
  readonly approvals: Approvals
  readonly budgets: Budgets
  readonly runs: RunRecords
  readonly rollbacks: Rollbacks
  readonly deadLetters: DeadLetters
}

const dayMs = 24 * 60 * 60 * 1000

/** How long what is settled is remembered. A duplicate that comes later still meets the write keys of the lake. */
export const retention = Object.freeze({
  inboxMs: 30 * dayMs,
  ledgerMs: 30 * dayMs,
  approvalMs: 365 * dayMs,
  // As long as a run may wait for a person.
  budgetMs: 365 * dayMs,
  failedThreadMs: 30 * dayMs,
  executionMs: 365 * dayMs,
})

export function actorStores(store: StateStore): ActorStores {
  return {
    store,
    inbox: new Inbox(store, { ttlMs: retention.inboxMs }),
    outbox: new Outbox(store),
    ledger: new Ledger(store, { ttlMs: retention.ledgerMs }),
    parked: new ParkedMessages(store),
    approvals: new Approvals(store, { ttlMs: retention.approvalMs }),
    budgets: new Budgets(store, { ttlMs: retention.budgetMs }),
    runs: new RunRecords(store),
    rollbacks: new Rollbacks(store),
    deadLetters: new DeadLetters(store),
  }
}
