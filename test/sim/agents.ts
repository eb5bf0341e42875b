/**
 * Four agents of the chain whose every turn is told by a script. They use what the real ones use of the runtime: nodes, effects
 * through tools, questions that wait (also two side by side) and questions that do not, rounds, failures.
 */
import { Annotation, END, interrupt, Send, START, StateGraph } from '@langchain/langgraph'
import type { AgentName } from '../../contracts/chain.ts'
import { ApprovalDecision, type ApprovalQuestion } from '../../contracts/data/approval.ts'
import type { Run } from '../../contracts/data/delivery.ts'
import type { EventData, Topic } from '../../contracts/events/events.ts'
import { Failure } from '../../contracts/failures.ts'
import { agentChannels } from '../../src/runtime/agent-state.ts'
import { type AgentDefinition, defineAgent, type NodeContext, node } from '../../src/runtime/define-agent.ts'
import { contractOf, coreTable, owner, planOf, rawTable, stageOf } from './documents.ts'
import type { PlannedDelivery } from './schedule.ts'
import { counts, type World } from './world.ts'

const SimState = Annotation.Root({
  ...agentChannels,
  questions: Annotation<ApprovalQuestion[]>({ reducer: (_left, right) => right, default: () => [] }),
  verdicts: Annotation<string[]>({ reducer: (left, right) => [...left, ...right], default: () => [] }),
})
type State = typeof SimState.State

export const questionOf = (subject: string): ApprovalQuestion => ({
  subject,
  text: `What about ${subject}?`,
  options: [
    { answer: 'left', text: 'the left one' },
    { answer: 'right', text: 'the right one' },
  ],
  suggested: 'left',
  owner,
  evidence: [],
})
export const subjectsOf = (kind: 'required' | 'optional', { script }: PlannedDelivery): string[] =>
  script[kind].map((_, at) => `${kind}:${at}`)

/** @param process whose steps these are */
export function simAgents(world: World, process: number): Record<AgentName, AgentDefinition> {
  const step = (
    agent: AgentName,
    name: string,
    work: (state: State, context: NodeContext, planned: PlannedDelivery) => Promise<Partial<State>>,
  ) =>
    node<State>(name, async (state, context) => {
      const { run } = context
      world.happenings.push({ kind: 'step', process, runId: run.id, agent, round: roundOf(state), node: name })
      return work(state, context, world.planned(run.id))
    })

  /** Nothing but the wait, as in the real agents. */
  const wait = (agent: AgentName) =>
    node<State & { question?: ApprovalQuestion }>('review', async (state, { run, decide }) => {
      const question = state.question ?? state.questions[0]
      if (question === undefined) throw new Error('nothing to ask')
      const { verdict, answer = verdict, by } = ApprovalDecision.parse(interrupt(question))
      const step = { kind: 'step', process, runId: run.id, agent, round: roundOf(state) } as const
      world.happenings.push({ ...step, node: `review ${question.subject}` })
      return { verdicts: [verdict], decisions: [decide(judged(question.subject, answer, by))] }
    })

  const answered = ({ verdicts }: State) => {
    if (verdicts.includes('rejected')) throw new Failure('APPROVAL_REJECTED', 'The simulated person said no.')
  }

  const planner = new StateGraph(SimState)
    .addNode(
      'look',
      step('planner', 'look', async (_state, { delivery, tools, decide }, { script }) => {
        await tools.call('filesystem.stat_file', { path: delivery.stored })
        const questions = script.planner === undefined ? [] : [questionOf('contract')]
        return { questions, decisions: [decide(judged('look', 'seen', 'planner'))] }
      }),
    )
    .addNode('review', wait('planner'))
    .addNode(
      'record',
      step('planner', 'record', async (state, { run, delivery, tools, emit }) => {
        answered(state)
        await tools.call('metadata.record_decisions', { decisions: state.decisions })
        const contract = { ...delivery.feed, version: 1 }
        return { emits: [await emit('contract.ready', { run, delivery, contract, changes: [] })] }
      }),
    )
    .addEdge(START, 'look')
    .addConditionalEdges('look', state => (state.questions.length > 0 ? 'review' : 'record'), ['review', 'record'])
    .addEdge('review', 'record')
    .addEdge('record', END)

  const ingestion = new StateGraph(SimState)
    .addNode(
      'load',
      step('ingestion', 'load', async (_state, { run, delivery, tools }) => {
        const input = { contract: contractOf(delivery), delivery, maxRecordBytes: 1 }
        await tools.call('lakehouse.run_load_plan', { plan: planOf(run, delivery), ...input })
        return { progress: { bronze: counts.bronze } }
      }),
    )
    .addNode(
      'account',
      step('ingestion', 'account', async (state, { run, delivery, emit }) => {
        const { contract } = state.event.data as EventData<'contract.ready'>
        const about = { run, delivery, contract, table: rawTable(delivery), snapshotId: 's', counts: counts.bronze }
        return { emits: [await emit('bronze.loaded', { ...about, stagedBefore: 0 })] }
      }),
    )
    .addEdge(START, 'load')
    .addEdge('load', 'account')
    .addEdge('account', END)

  const modeling = new StateGraph(SimState)
    .addNode(
      'map',
      step('modeling', 'map', async (state, _context, planned) => {
        if (roundOf(state) > 0) return { questions: [] }
        return {
          questions: subjectsOf('required', planned).map(questionOf),
          asks: subjectsOf('optional', planned).map(questionOf),
        }
      }),
    )
    .addNode('review', wait('modeling'))
    .addNode(
      'stage',
      step('modeling', 'stage', async (state, { run, delivery, tools, emit }) => {
        answered(state)
        const { contract, counts: bronze, stagedBefore } = state.event.data as EventData<'bronze.loaded'>
        if (state.decisions.length > 0) await tools.call('metadata.record_decisions', { decisions: state.decisions })
        const input = stageOf(run, delivery, stagedBefore)
        const { writeKey } = input
        const { branch, snapshotId, counts: core } = await tools.call('lakehouse.stage_core', input)
        const staged = {
          table: coreTable,
          branch,
          snapshotId,
          writeKey,
          counts: core,
          laterDeliveries: [],
          stagedBefore,
        }
        const mapping = { ...delivery.feed, version: 1 }
        return { emits: [await emit('core.staged', { run, delivery, contract, mapping, bronze, ...staged }, writeKey)] }
      }),
    )
    .addNode(
      'amend',
      step('modeling', 'amend', async (state, { decide }) => {
        const { decision, subject } = state.event.data as EventData<'approval.decided'>
        return { decisions: [decide(judged(subject, decision.answer ?? decision.verdict, decision.by))] }
      }),
    )
    .addNode(
      'remember',
      step('modeling', 'remember', async (state, { tools }) => {
        await tools.call('metadata.record_decisions', { decisions: state.decisions })
        return {}
      }),
    )
    .addNode(
      'repair',
      step('modeling', 'repair', async () => ({})),
    )
    .addConditionalEdges(START, ({ event }) => modelingStarts[event.topic] ?? 'map', ['amend', 'repair', 'map'])
    .addConditionalEdges(
      'map',
      state =>
        state.questions.length === 0
          ? 'stage'
          : state.questions.map(question => new Send('review', { event: state.event, question })),
      ['review', 'stage'],
    )
    .addEdge('review', 'stage')
    .addEdge('stage', END)
    .addEdge('amend', 'remember')
    .addEdge('remember', END)
    .addEdge('repair', END)

  const validator = new StateGraph(SimState)
    .addNode(
      'judge',
      step('validator', 'judge', async () => ({})),
    )
    .addNode(
      'publish',
      step('validator', 'publish', async (state, { run, delivery, tools, emit }) => {
        const { contract, bronze, table, branch, writeKey, stagedBefore } = state.event.data as EventData<'core.staged'>
        const { outcome, snapshotId } = await tools.call('lakehouse.publish', { table, branch, writeKey })
        const about = { run, delivery, table, snapshotId }
        if (outcome === 'stage-again') {
          const again = { ...about, contract, counts: bronze, stagedBefore: stagedBefore + 1 }
          return { emits: [await emit('bronze.loaded', again, writeKey)] }
        }
        const judgement = { verdict: 'publish' as const, reasons: [], checks: [] }
        return { progress: { judgement }, emits: [await emit('core.published', { ...about, judgement }, writeKey)] }
      }),
    )
    .addNode(
      'refuse',
      step('validator', 'refuse', async (state, { run, delivery, tools, emit }) => {
        const { table, branch, writeKey } = state.event.data as EventData<'core.staged'>
        await tools.call('lakehouse.discard_branch', { table, branch })
        const judgement = { verdict: 'refuse' as const, reasons: [], checks: [] }
        const emits = [await emit('core.refused', { run, delivery, table, judgement }, writeKey)]
        return { progress: { judgement }, emits }
      }),
    )
    .addEdge(START, 'judge')
    .addConditionalEdges('judge', ({ event }) => world.planned((event.data as { run: Run }).run.id).script.verdict, [
      'refuse',
      'publish',
    ])
    .addEdge('publish', END)
    .addEdge('refuse', END)

  return {
    planner: defineAgent({ name: 'planner', build: checkpointer => planner.compile({ checkpointer }) }),
    ingestion: defineAgent({ name: 'ingestion', build: checkpointer => ingestion.compile({ checkpointer }) }),
    modeling: defineAgent({ name: 'modeling', build: checkpointer => modeling.compile({ checkpointer }) }),
    validator: defineAgent({ name: 'validator', build: checkpointer => validator.compile({ checkpointer }) }),
  }
}

const modelingStarts: Partial<Record<Topic, 'amend' | 'repair'>> = {
  'approval.decided': 'amend',
  'core.refused': 'repair',
}

const judged = (question: string, answer: string, by: string) => ({
  question,
  answer,
  step: 'person' as const,
  confidence: 1,
  evidence: [],
  by,
})

/** The amend of an answer that came later is a thread, hence a round, of its own, and so is what follows a refusal. */
function roundOf({ event }: Pick<State, 'event'>): number {
  if (event.topic === 'core.refused') return -2
  return event.topic === 'approval.decided' ? -1 : ((event.data as { stagedBefore?: number }).stagedBefore ?? 0)
}
