/**
 * Every key of the StateStore, built in one place. Parts are joined by `/` and escaped, so that no id, however odd, can
 * reach into another's keys: a key is the same only if all its parts are. Numbers are padded, so that they sort by value.
 */

/** Joins parts to a key. */
function key(...parts: readonly (string | number)[]): string {
  return parts.map(escapePart).join('/')
}

/** The prefix of all keys below these parts. */
function below(...parts: readonly (string | number)[]): string {
  return `${key(...parts)}/`
}

const digits = String(Number.MAX_SAFE_INTEGER).length

function escapePart(part: string | number): string {
  if (typeof part === 'number') return String(part).padStart(digits, '0')
  // Lone halves of surrogate pairs have no UTF-8 and would all become the same replacement character.
  return part.replace(
    /[%/\p{Cc}\p{Cs}]/gu,
    character => `%${character.charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()}`,
  )
}

/** The parts a key was built from; numbers come back as padded text. */
export function keyParts(text: string): string[] {
  return text
    .split('/')
    .map(part => part.replace(/%([0-9A-F]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))))
}

export const keys = Object.freeze({
  /** Pointer to the latest checkpoint of a thread and namespace, and the ones kept. */
  head: (thread: string, namespace: string) => key('head', thread, namespace),
  checkpoint: (thread: string, namespace: string, id: string) => key('checkpoint', thread, namespace, id),
  blob: (thread: string, namespace: string, channel: string, version: string) =>
    key('blob', thread, namespace, channel, version),
  taskWrite: (thread: string, namespace: string, id: string, task: string, index: string) =>
    key('write', thread, namespace, id, task, index),
  taskWrites: (thread: string, namespace: string, id: string) => below('write', thread, namespace, id),
  checkpoints: () => below('checkpoint'),
  checkpointsOf: (thread: string) => below('checkpoint', thread),
  /** Everything that belongs to a thread. */
  thread: (thread: string) => ['head', 'checkpoint', 'blob', 'write'].map(kind => below(kind, thread)),

  inbox: (agent: string, event: string) => key('inbox', agent, event),

  outbox: (agent: string, order: string, index: number) => key('outbox', agent, order, index),
  outboxOf: (agent: string) => below('outbox', agent),

  ledger: (effect: string) => key('ledger', effect),

  /** The hold of a feed; `parked` has its messages in order, `parkedId` finds one by its id. */
  hold: (agent: string, feed: string) => key('hold', agent, feed),
  holdsOf: (agent: string) => below('hold', agent),
  parked: (agent: string, feed: string, number: number) => key('parked', agent, feed, number),
  parkedOf: (agent: string, feed: string) => below('parked', agent, feed),
  parkedId: (agent: string, feed: string, id: string) => key('parked-id', agent, feed, id),

  approval: (id: string) => key('approval', id),
  openApproval: (requestedAtMs: number, id: string) => key('approval-open', requestedAtMs, id),
  openApprovals: () => below('approval-open'),

  budget: (scope: string) => key('budget', scope),
  /** The prefix of all budgets whose scopes begin so. */
  budgetsOf: (scopes: string) => key('budget', scopes),

  /** What a language model was asked and what it answered, by the digest of the question. */
  modelCall: (id: string) => key('model-call', id),
  /** What a call of execute() came to. */
  execution: (id: string) => key('execution', id),

  /** What the intake knows: deliveries, the files they came as, and how far the clock of a feed has gone. */
  delivery: (id: string) => key('delivery', id),
  deliveries: () => below('delivery'),
  landed: (path: string) => key('landed', path),
  feedClock: (feed: string) => key('feed-clock', feed),

  /** The latest taking back of a delivery. */
  rollback: (delivery: string) => key('rollback', delivery),
  rollbacks: () => below('rollback'),

  /** What is known of a run: how it began, and one part per agent. */
  run: (id: string) => key('run', id),
  runs: () => below('run'),
  runPart: (run: string, agent: string) => key('run-part', run, agent),
  runParts: (run: string) => below('run-part', run),
  /** What went wrong and waits for a person: see dead-letters.ts. */
  failedRun: (id: string) => key('failed', id),
  failedRuns: () => below('failed'),

  /** What a bus keeps beside its log: notes on deliveries, what groups listen to, what they gave up; see delivery-notes.ts. */
  deliveryNote: (group: string, topic: string, partition: number, offset: number) =>
    key('delivery-note', group, topic, partition, offset),
  deliveryNotesOf: (group: string, topic: string, partition: number) => below('delivery-note', group, topic, partition),
  groupTopic: (group: string, topic: string) => key('group-topic', group, topic),
  groupTopicsOf: (group: string) => below('group-topic', group),
  buried: (group: string, atMs: number, topic: string, partition: number, offset: number) =>
    key('buried', group, atMs, topic, partition, offset),
  buriedOf: (group: string) => below('buried', group),
  allBuried: () => below('buried'),
  partitionClaim: (group: string, topic: string, partition: number) => key('partition', group, topic, partition),

  /** Name of the lease that whoever runs a thread holds. */
  threadLease: (thread: string) => key('thread', thread),
})
