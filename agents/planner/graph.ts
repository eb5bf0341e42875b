/**
 * inspect → recall → propose → (consult → settle, one wait per doubt → read) → (review) → record. What a file does not settle is asked
 * of a model where somebody reads its answer, and of people where policy waits for them; every answer is held against the data again.
 */
import { Annotation, END, interrupt, Send, START, StateGraph } from '@langchain/langgraph'
import {
  type ApprovalDecision,
  ApprovalDecision as ApprovalDecisionSchema,
  type ApprovalQuestion,
} from '../../contracts/data/approval.ts'
import type { Doubt } from '../../contracts/data/doubt.ts'
import type { DiscoveredSpec, FeedContract } from '../../contracts/data/feed-contract.ts'
import type { Policies, Verdict } from '../../contracts/data/policy.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import { asFailure, Failure } from '../../contracts/failures.ts'
import type { VendorFacts } from '../../contracts/tools/metadata.ts'
import { compare, renameDoubts } from '../../src/discovery/drift.ts'
import { agentChannels } from '../../src/runtime/agent-state.ts'
import { type AgentTools, type NodeContext, node } from '../../src/runtime/define-agent.ts'
import {
  type Answer,
  bornOut,
  forModel,
  forPeople,
  hearModel,
  hearPerson,
  readingsOf,
  recorded,
  told,
  worthAsking,
} from './doubts.ts'
import { type Draft, draftContract, draftDecision, verdictOf } from './draft.ts'
import { type Alternative, alternativeAnswer, contractQuestion, describeChange } from './drift.ts'

const PlannerState = Annotation.Root({
  ...agentChannels,
  spec: Annotation<DiscoveredSpec | null>(),
  doubts: Annotation<Doubt[]>(),
  governing: Annotation<{ readonly policies: Policies; readonly vendor: VendorFacts }>(),
  /** The contract in force, null for a new feed. */
  agreed: Annotation<FeedContract | null>(),
  /** The contract the delivery is read under: recalled, or proposed and not yet stored. */
  contract: Annotation<FeedContract | null>(),
  proposed: Annotation<boolean>(),
  changes: Annotation<string[]>(),
  verdict: Annotation<Verdict>(),
  /** Answers to doubts that hold, and those that are for people to judge. */
  taken: Annotation<Answer[]>({ reducer: (left, right) => [...left, ...right], default: () => [] }),
  suggested: Annotation<Answer[]>({ reducer: (_left, right) => right, default: () => [] }),
  /** What people are asked, doubt by doubt. */
  asks: Annotation<ApprovalQuestion[]>({ reducer: (_left, right) => right, default: () => [] }),
  /** What people are asked of the contract as a whole, and what else they may take. */
  question: Annotation<ApprovalQuestion | null>(),
  alternative: Annotation<FeedContract | null>(),
  answer: Annotation<ApprovalDecision | null>(),
})
type State = typeof PlannerState.State

const inspect = node<State>('inspect', async (_state, { run, delivery, tools }) => {
  await tools.call('filesystem.stat_file', { path: delivery.stored })
  if (run.cause.kind === 'rebuilt') return { spec: null, doubts: [] }
  const { spec, doubts } = await tools.call('filesystem.inspect_file', { path: delivery.stored, readings: [] })
  return { spec, doubts }
})

/** A delivery that fits the contract in force asks nothing again. */
const recall = node<State>('recall', async (state, { run, delivery, tools, decide }) => {
  const version = run.cause.kind === 'rebuilt' ? { version: run.cause.contractVersion } : {}
  const { contract } = await tools.call('metadata.get_contract', { feed: delivery.feed, ...version })
  const recalled = { agreed: contract, contract, proposed: false, changes: [] }
  if (contract === null) return recalled
  const known = (confidence: number, evidence: string) => ({
    ...recalled,
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
  // What settled the doubts of the first delivery settles those of the next: a file that can be read as the contract says is no drift.
  const asAgreed = await tools
    .call('filesystem.inspect_file', { path: delivery.stored, format: contract.format, readings: [] })
    .then(answer => compare(contract, answer.spec).fits)
    .catch(() => false)
  if (asAgreed) return known(1, 'header and values fit when read as the contract says')
  return recalled
})

/** A first contract, or the next version, as the file alone would have it, and what the file leaves open. */
const propose = node<State>('propose', async (state, context) => {
  const { delivery, tools } = context
  const spec = must(state.spec)
  const { policies } = await tools.call('metadata.get_policies', {})
  const { vendor } = await tools.call('metadata.get_vendor', { vendor: delivery.feed.vendor })
  const { agreed } = state
  const draft = draftContract({ agreed, spec, delivery, vendor })
  const verdict = verdictOf(draft, agreed, policies.autonomy)
  const isAsked = context.hasModel || policies.autonomy.doubts === 'wait'
  const doubts = !isAsked
    ? []
    : agreed === null
      ? worthAsking(state.doubts, spec, await standardFor(state.doubts, tools))
      : renameDoubts(agreed, spec)
  const shown = { governing: { policies, vendor }, doubts, verdict, proposed: true }
  return doubts.length > 0 ? shown : { ...shown, ...concluded(draft, verdict, null, agreed, context) }
})

/** The doubts go to the language model, if there is one and its answers are of use; then to people, if policy waits for them. */
const consult = node<State>('consult', async (state, { delivery, tools, consult: ask }) => {
  const { doubts, governing, verdict, agreed } = state
  const { autonomy, model } = governing.policies
  const questions = forModel(doubts, model, verdict === 'ask' || autonomy.doubts === 'wait')
  const consulted = questions.length === 0 ? undefined : await ask(questions)
  const heard = hearModel(doubts, consulted, model)
  const readings = readingsOf(heard.taken)
  const { refused } =
    agreed === null && readings.length > 0
      ? await tools.call('filesystem.inspect_file', { path: delivery.stored, readings })
      : { refused: [] }
  const { taken, suggested } = bornOut(heard, refused)
  const open = doubts.filter(({ subject }) => !taken.some(each => each.subject === subject))
  const asks = forPeople(open, suggested, autonomy, governing.vendor.owner)
  return { taken: [...taken], suggested: [...suggested], asks }
})

/** Nothing but the wait: an interrupted node runs again from its start. One task per doubt, so each is answered alone. */
const settle = node<State & { ask?: ApprovalQuestion; doubt?: Doubt }>('settle', async ({ ask, doubt }) => {
  const decision = ApprovalDecisionSchema.parse(interrupt(must(ask)))
  return { taken: [hearPerson(must(doubt), decision)] }
})

/** The file once more, with the answers: what the data do not bear out is left as found. */
const read = node<State>('read', async (state, context) => {
  const { delivery, tools, decide } = context
  const { taken, suggested, asks, governing, agreed } = state
  const drafted = async (answers: readonly Answer[]) => {
    const readings = readingsOf(answers)
    const { spec, refused } =
      agreed === null && readings.length > 0
        ? await tools.call('filesystem.inspect_file', { path: delivery.stored, readings })
        : { spec: must(state.spec), refused: [] }
    const renames = readings.filter(reading => reading.kind === 'renamed')
    return { refused, ...draftContract({ agreed, spec, delivery, vendor: governing.vendor, renames }) }
  }
  const draft = await drafted(taken)
  const verdict = verdictOf(draft, agreed, governing.policies.autonomy)
  // People who are asked about the whole anyway see what else a model would have made of it; those asked doubt by doubt have seen it.
  const otherwise = asks.length === 0 && verdict === 'ask' ? suggested.filter(({ reading }) => reading !== null) : []
  const alternative: Alternative | null =
    otherwise.length === 0
      ? null
      : {
          contract: (await drafted([...taken, ...otherwise])).contract,
          differs: told(otherwise),
          confidence: Math.min(...otherwise.map(({ made }) => made.confidence)),
          evidence: otherwise.flatMap(({ made }) => made.evidence),
        }
  const concluding = concluded(draft, verdict, alternative, agreed, context)
  const decisions = [...taken, ...suggested].map(answer => decide(recorded(answer, draft.refused)))
  return { ...concluding, decisions: [...decisions, ...concluding.decisions] }
})

/** Nothing but the wait: an interrupted node runs again from its start. */
const review = node<State>('review', async (state, { decide }) => {
  const answer = ApprovalDecisionSchema.parse(interrupt(state.question))
  const offered = must(state.contract)
  if (answer.verdict === 'rejected') {
    throw new Failure(
      'APPROVAL_REJECTED',
      `${answer.by} rejected contract v${offered.version} of ${offered.vendor}/${offered.table}.`,
      {
        owner: offered.owner,
      },
    )
  }
  const said = answer.answer ?? `v${offered.version}`
  const contract = said === alternativeAnswer(offered.version) ? must(state.alternative) : offered
  const evidence = answer.note === undefined ? [] : [answer.note]
  const question = `${must(state.question).subject}:approval`
  return {
    answer,
    contract,
    decisions: [decide({ question, answer: said, step: 'person', confidence: 1, evidence, by: answer.by })],
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

const toPeople = (state: State) => (state.question === null ? 'record' : 'review')

export const plannerGraph = new StateGraph(PlannerState)
  .addNode('inspect', inspect)
  .addNode('recall', recall)
  .addNode('propose', propose)
  .addNode('consult', consult)
  .addNode('settle', settle)
  .addNode('read', read)
  .addNode('review', review)
  .addNode('record', record)
  .addEdge(START, 'inspect')
  .addEdge('inspect', 'recall')
  .addConditionalEdges('recall', state => (state.decisions.length > 0 ? 'record' : 'propose'), ['record', 'propose'])
  .addConditionalEdges('propose', state => (state.doubts.length > 0 ? 'consult' : toPeople(state)), [
    'consult',
    'record',
    'review',
  ])
  .addConditionalEdges(
    'consult',
    ({ asks, doubts, event }) =>
      asks.length === 0
        ? 'read'
        : asks.map(ask => {
            const doubt = doubts.find(({ subject }) => subject === ask.subject)
            return new Send('settle', { event, ask, doubt })
          }),
    ['settle', 'read'],
  )
  .addEdge('settle', 'read')
  .addConditionalEdges('read', toPeople, ['record', 'review'])
  .addEdge('review', 'record')
  .addEdge('record', END)

/** The draft as it stands after all that could be settled, and what is left for people about the whole. */
function concluded(
  draft: Draft,
  verdict: Verdict,
  alternative: Alternative | null,
  agreed: FeedContract | null,
  { decide }: Pick<NodeContext, 'decide'>,
) {
  const changes = draft.changes.map(describeChange)
  return {
    contract: draft.contract,
    alternative: alternative?.contract ?? null,
    changes,
    verdict,
    question: verdict === 'ask' ? contractQuestion(draft.contract, changes, alternative) : null,
    decisions: [decide(draftDecision(draft, agreed))],
  }
}

/** The standard names what a file does not; without one, as before the standard is written, nothing does. */
async function standardFor(doubts: readonly Doubt[], tools: AgentTools): Promise<Standard | undefined> {
  if (!doubts.some(({ kind }) => kind === 'names')) return undefined
  try {
    return (await tools.call('metadata.get_standard', {})).standard
  } catch (error) {
    if (asFailure(error).kind === 'terminal') return undefined
    throw error
  }
}

function must<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('a value that an earlier node sets is missing')
  return value
}
