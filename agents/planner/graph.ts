/** inspect → recall → propose → (review) → record. */
import { Annotation, END, interrupt, START, StateGraph } from '@langchain/langgraph'
import {
  type ApprovalDecision,
  ApprovalDecision as ApprovalDecisionSchema,
  type ApprovalQuestion,
} from '../../contracts/data/approval.ts'
import { feedKey } from '../../contracts/data/common.ts'
import type { DiscoveredSpec, FeedContract } from '../../contracts/data/feed-contract.ts'
import { Failure } from '../../contracts/failures.ts'
import { compare, evolve } from '../../src/discovery/drift.ts'
import { agentChannels } from '../../src/runtime/agent-state.ts'
import { node } from '../../src/runtime/define-agent.ts'
import { contractQuestion, describeChange, driftVerdict } from './drift.ts'

const PlannerState = Annotation.Root({
  ...agentChannels,
  spec: Annotation<DiscoveredSpec | null>(),
  /** The contract the delivery is read under: recalled, or proposed and not yet stored. */
  contract: Annotation<FeedContract | null>(),
  proposed: Annotation<boolean>(),
  changes: Annotation<string[]>(),
  question: Annotation<ApprovalQuestion | null>(),
  answer: Annotation<ApprovalDecision | null>(),
})
type State = typeof PlannerState.State

const inspect = node<State>('inspect', async (_state, { run, delivery, tools }) => {
  await tools.call('filesystem.stat_file', { path: delivery.stored })
  if (run.cause.kind === 'rebuilt') return { spec: null }
  const { spec } = await tools.call('filesystem.inspect_file', { path: delivery.stored })
  return { spec }
})

/** A delivery that fits the contract in force asks nothing again. */
const recall = node<State>('recall', async (state, { run, delivery, tools, decide }) => {
  const version = run.cause.kind === 'rebuilt' ? { version: run.cause.contractVersion } : {}
  const { contract } = await tools.call('metadata.get_contract', { feed: delivery.feed, ...version })
  if (contract === null) return { contract: null, proposed: false, changes: [] }
  const known = (confidence: number, evidence: string) => ({
    contract,
    proposed: false,
    changes: [],
    decisions: [
      decide({
        question: 'contract',
        answer: `v${contract.version}`,
        step: 'memory',
        confidence,
        evidence: [evidence],
        by: 'planner',
      }),
    ],
  })
  if (state.spec === null) return known(1, 'the contract it was loaded under')
  if (compare(contract, state.spec).fits) return known(1, 'header, dialect and values fit')
  // A small delivery may look like another dialect: what can be read as the contract says is no drift.
  const asAgreed = await tools
    .call('filesystem.inspect_file', { path: delivery.stored, format: contract.format })
    .then(answer => compare(contract, answer.spec).fits)
    .catch(() => false)
  if (asAgreed) return known(1, 'header and values fit when read as the contract says')
  return { contract, proposed: false }
})

const propose = node<State>('propose', async (state, { delivery, tools, decide }) => {
  const spec = must(state.spec)
  const [{ policies }, { vendor }] = [
    await tools.call('metadata.get_policies', {}),
    await tools.call('metadata.get_vendor', { vendor: delivery.feed.vendor }),
  ]
  if (state.contract === null) {
    const ambiguous = spec.quality.find(({ code }) => code === 'DUPLICATE_COLUMN_NAMES')
    if (ambiguous !== undefined) {
      // Which of them is meant is nothing a machine can see; a contract written by hand says it.
      throw new Failure('FILE_COLUMNS_AMBIGUOUS', `In ${delivery.file}, ${ambiguous.message}.`, { owner: vendor.owner })
    }
    const contract: FeedContract = {
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
    const verdict = policies.autonomy.newFeed
    if (verdict === 'refuse') throw refusal(contract, [`policy.autonomy.newFeed is refuse`])
    const evidence = contract.keys.slice(0, 3).map(key => `${key.kind} key ${key.columns.join(', ')}: ${key.evidence}`)
    const decision = decide({
      question: 'contract',
      answer: 'v1',
      step: 'evidence',
      confidence: spec.confidence,
      evidence,
      by: 'planner',
    })
    return {
      contract,
      proposed: true,
      changes: [],
      question: verdict === 'ask' ? contractQuestion(contract, []) : null,
      decisions: [decision],
    }
  }
  const { changes } = compare(state.contract, spec)
  const said = changes.map(describeChange)
  const verdict = driftVerdict(changes, policies.autonomy.drift)
  if (verdict === 'refuse') throw refusal(state.contract, said)
  const contract = evolve(state.contract, spec, changes, {
    createdAt: delivery.receivedAt,
    deliveryId: delivery.id,
    file: delivery.file,
  })
  return {
    contract,
    proposed: true,
    changes: said,
    question: verdict === 'ask' ? contractQuestion(contract, said) : null,
    decisions: [
      decide({
        question: 'drift',
        answer: `v${contract.version}`,
        step: 'rule',
        confidence: 1,
        evidence: said,
        by: 'policy.autonomy.drift',
      }),
    ],
  }
})

/** Nothing but the wait: an interrupted node runs again from its start. */
const review = node<State>('review', async (state, { decide }) => {
  const answer = ApprovalDecisionSchema.parse(interrupt(state.question))
  const contract = must(state.contract)
  if (answer.verdict === 'rejected') {
    throw new Failure(
      'APPROVAL_REJECTED',
      `${answer.by} rejected contract v${contract.version} of ${contract.vendor}/${contract.table}.`,
      {
        owner: contract.owner,
      },
    )
  }
  const evidence = answer.note === undefined ? [] : [answer.note]
  const question = `${must(state.question).subject}:approval`
  return {
    answer,
    decisions: [
      decide({ question, answer: `v${contract.version}`, step: 'person', confidence: 1, evidence, by: answer.by }),
    ],
  }
})

const record = node<State>('record', async (state, { run, delivery, tools, emit }) => {
  const contract = must(state.contract)
  if (state.proposed) await tools.call('metadata.put_contract', { contract })
  if (state.decisions.length > 0) await tools.call('metadata.record_decisions', { decisions: state.decisions })
  const ref = { ...delivery.feed, version: contract.version }
  return {
    progress: { contractVersion: contract.version },
    emits: [await emit('contract.ready', { run, delivery, contract: ref, changes: state.changes })],
  }
})

export const plannerGraph = new StateGraph(PlannerState)
  .addNode('inspect', inspect)
  .addNode('recall', recall)
  .addNode('propose', propose)
  .addNode('review', review)
  .addNode('record', record)
  .addEdge(START, 'inspect')
  .addEdge('inspect', 'recall')
  .addConditionalEdges('recall', state => (state.decisions.length > 0 ? 'record' : 'propose'), ['record', 'propose'])
  .addConditionalEdges('propose', state => (state.question === null ? 'record' : 'review'), ['record', 'review'])
  .addEdge('review', 'record')
  .addEdge('record', END)

function refusal(contract: FeedContract, changes: readonly string[]): Failure {
  const feed = feedKey(contract)
  return new Failure('CONTRACT_BROKEN', `Policy refuses this delivery of ${feed}: ${changes.join('; ')}.`, {
    owner: contract.owner,
  })
}

function must<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('a value that an earlier node sets is missing')
  return value
}
