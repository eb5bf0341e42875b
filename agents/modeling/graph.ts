/**
 * recall → map → (consult → review, one wait per question) → compile → stage; when a question is answered that nobody waited for:
 * amend, which only writes the next mapping version; and when the validator refused a delivery: repair, which lets a model propose what
 * would mend it, as far as policy goes. The intake sees that the feed is governed anew and starts the runs that make its core rows again.
 */
import { Annotation, END, interrupt, Send, START, StateGraph } from '@langchain/langgraph'
import { z } from 'zod'
import {
  type ApprovalDecision,
  ApprovalDecision as ApprovalDecisionSchema,
  type ApprovalQuestion,
} from '../../contracts/data/approval.ts'
import { type Feed, feedKey } from '../../contracts/data/common.ts'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { TableRef } from '../../contracts/data/load-plan.ts'
import type { MappedColumn, Mapping } from '../../contracts/data/mapping.ts'
import type { AutonomyPolicy } from '../../contracts/data/policy.ts'
import type { NormalizationRule, Rule } from '../../contracts/data/rule.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import type { CoreCounts, EventData, Topic } from '../../contracts/events/events.ts'
import { Failure } from '../../contracts/failures.ts'
import type { VendorFacts } from '../../contracts/tools/metadata.ts'
import { bronzeTable } from '../../src/compiler/tables.ts'
import { quoteLiteral, tableText } from '../../src/lakehouse/identifiers.ts'
import { agentChannels } from '../../src/runtime/agent-state.ts'
import { type AgentTools, node } from '../../src/runtime/define-agent.ts'
import { governance } from '../../src/runtime/governance.ts'
import { digest } from '../../src/runtime/identity.ts'
import { hear, modelQuestion } from './hear.ts'
import { proposeMapping } from './propose.ts'
import {
  applyAnswer,
  mappingQuestion,
  mappingSubject,
  requireAnswered,
  subjectColumn,
  withColumns,
} from './questions.ts'
import { isRepair, mend, repaired, repairsFor } from './repair.ts'

interface Governing {
  readonly standard: Standard
  readonly normalization: NormalizationRule[]
  readonly checks: Rule[]
  readonly digest: string
  readonly vendor: VendorFacts
  readonly autonomy: AutonomyPolicy
}

interface Answered {
  readonly question: ApprovalQuestion
  readonly decision: ApprovalDecision
}

const ModelingState = Annotation.Root({
  ...agentChannels,
  contract: Annotation<FeedContract>(),
  governing: Annotation<Governing>(),
  mapping: Annotation<Mapping | null>(),
  /** false: the mapping stands in the catalog already. */
  proposed: Annotation<boolean>(),
  questions: Annotation<ApprovalQuestion[]>({ reducer: (_left, right) => right, default: () => [] }),
  /** Asked too, and not waited for. */
  optional: Annotation<ApprovalQuestion[]>({ reducer: (_left, right) => right, default: () => [] }),
  answers: Annotation<Answered[]>({ reducer: (left, right) => [...left, ...right], default: () => [] }),
  laterDeliveries: Annotation<string[]>(),
  replacedDeliveries: Annotation<string[]>(),
  staged: Annotation<{ table: TableRef; branch: string; snapshotId: string; counts: CoreCounts; writeKey: string }>(),
})
type State = typeof ModelingState.State
const said = (state: State) => state.event.data as EventData<'bronze.loaded'>

const recall = node<State>('recall', async (state, { delivery, tools }) => {
  const { mapping } = await tools.call('metadata.get_mapping', { feed: delivery.feed })
  // A feed has one mapping, and its older rows are null where a column came later. A newer contract than mapping and delivery know
  // is for deliveries still on their way: whether the planner has seen them by now is chance, and must change no row.
  const version = Math.max(said(state).contract.version, mapping?.contractVersion ?? 0)
  const { contract } = await tools.call('metadata.get_contract', { feed: delivery.feed, version })
  if (contract === null)
    throw new Failure('CONTRACT_MISSING', `Contract v${version} of ${feedKey(delivery.feed)} is not in the catalog.`)
  const { standard } = await tools.call('metadata.get_standard', {})
  const rules = await tools.call('metadata.get_rules', { vendor: delivery.feed.vendor })
  const { vendor } = await tools.call('metadata.get_vendor', { vendor: delivery.feed.vendor })
  const { policies } = await tools.call('metadata.get_policies', {})
  return { contract, governing: { standard, ...rules, vendor, autonomy: policies.autonomy }, mapping }
})

/** A mapping that still fits feed and standard is used as it is; otherwise only what it leaves open is matched again. */
const map = node<State>('map', async (state, { delivery, decide }) => {
  const { contract, governing } = state
  const proposal = proposeMapping({ contract, ...governing, previous: state.mapping, createdAt: delivery.receivedAt })
  if (proposal.kind === 'known') {
    const { mapping } = proposal
    const answer = `v${mapping.version}`
    return {
      mapping,
      proposed: false,
      decisions: [
        decide({
          question: 'mapping',
          answer,
          step: 'memory',
          confidence: 1,
          evidence: ['contract and standard still fit it'],
          by: 'modeling',
        }),
      ],
    }
  }
  const { mapping, blocking, optional } = proposal
  const ask = (column: MappedColumn) => mappingQuestion(column, contract, governing.standard)
  const taken = mapping.columns.filter(column => column.status === 'accepted' && proposal.fresh.has(column.column))
  return {
    mapping,
    proposed: true,
    questions: blocking.map(ask),
    optional: optional.map(ask),
    decisions: taken.map(column =>
      decide({
        question: mappingSubject(column.column),
        answer: column.sourceColumns.join(', '),
        step: column.step,
        confidence: column.confidence,
        evidence: column.evidence.map(evidence => `${evidence.kind}: ${evidence.detail}`),
        by: 'modeling',
      }),
    ),
  }
})

/** What is still open goes to the language model, if there is one; its word is a suggestion, or more where policy says so. */
const consult = node<State>('consult', async (state, { consult: ask, decide }) => {
  const { questions, optional, contract } = state
  const consulted = await ask([...questions, ...optional].map(question => modelQuestion(question, contract)))
  if (consulted === undefined) return { asks: optional }
  const heard = hear(must(state.mapping), [...questions, ...optional], consulted, {
    contract,
    standard: state.governing.standard,
  })
  const stillOpen = new Map(heard.open.map(question => [question.subject, question]))
  const remaining = (asked: readonly ApprovalQuestion[]) => asked.flatMap(({ subject }) => stillOpen.get(subject) ?? [])
  return {
    mapping: heard.mapping,
    questions: remaining(questions),
    asks: remaining(optional),
    decisions: heard.decisions.map(decide),
  }
})

/** Nothing but the wait: an interrupted node runs again from its start. One task per question, so each is answered alone. */
const review = node<State & { question?: ApprovalQuestion }>('review', async (state, { decide }) => {
  const question = state.question
  if (question === undefined) throw new Error('review ran without a question')
  const decision = ApprovalDecisionSchema.parse(interrupt(question))
  return { answers: [{ question, decision }], decisions: [decide(personal(question.subject, decision))] }
})

const compile = node<State>('compile', async (state, { run, delivery, tools }) => {
  let mapping = must(state.mapping)
  if (state.answers.length > 0) {
    const columns = state.answers.map(({ question, decision }) => {
      const column = must(mapping.columns.find(candidate => candidate.column === subjectColumn(question.subject)))
      requireAnswered(column, decision, state.contract.owner)
      return applyAnswer(column, decision)
    })
    mapping = { ...withColumns(mapping, columns, mapping.createdAt), version: mapping.version }
  }
  if (state.proposed) await tools.call('metadata.put_mapping', { mapping })
  if (state.decisions.length > 0) await tools.call('metadata.record_decisions', { decisions: state.decisions })
  const contract = await contractOf(mapping, state.contract, tools)
  const table = tableText(bronzeTable(contract).table)
  const { rows } = await tools.call('lakehouse.query', {
    sql: `SELECT _delivery_id, max(_ingested_at) > CAST(${quoteLiteral(delivery.receivedAt)} AS TIMESTAMPTZ) AS later FROM ${table} WHERE _delivery_id <> ${quoteLiteral(delivery.id)} GROUP BY 1 ORDER BY 1`,
    limit: 100_000,
  })
  const earlier = rows.filter(row => row[1] !== true).map(row => String(row[0]))
  return {
    mapping,
    contract,
    laterDeliveries: rows.filter(row => row[1] === true).map(row => String(row[0])),
    // A rebuilt older delivery of a full feed must not remove anything: what it replaced went when it came.
    replacedDeliveries: contract.deliveryMode === 'full' && run.cause.kind !== 'rebuilt' ? earlier : [],
    progress: {
      mappingVersion: mapping.version,
      governance: governance({ rules: state.governing.digest, mappingVersion: mapping.version }),
    },
  }
})

const stage = node<State>('stage', async (state, { run, delivery, tools, emit }) => {
  const { contract, governing, laterDeliveries, replacedDeliveries } = state
  const mapping = must(state.mapping)
  const round = said(state).stagedBefore
  const { standard, normalization, checks, vendor } = governing
  const writeKey = digest('core', run.id, delivery.id, standard.name, must(state.progress.governance), String(round))
  const staged = await tools.call('lakehouse.stage_core', {
    writeKey,
    run: { id: run.id, traceId: run.traceId },
    delivery,
    contract,
    mapping,
    standard,
    normalization,
    checks,
    vendor,
    laterDeliveries,
    replacedDeliveries,
  })
  const { table, branch, snapshotId, counts } = staged
  const message = {
    run,
    delivery,
    contract: said(state).contract,
    mapping: { ...delivery.feed, version: mapping.version },
    bronze: said(state).counts,
    table,
    branch,
    snapshotId,
    writeKey,
    counts,
    laterDeliveries,
    stagedBefore: round,
  }
  return { progress: { core: counts }, emits: [await emit('core.staged', message, writeKey)] }
})

/** A refused delivery: what might mend it is asked of the model, if there is one and policy lets it propose. */
const repair = node<State>('repair', async (state, { delivery, run, tools, hasModel, consult: ask, decide }) => {
  const { judgement } = state.event.data as EventData<'core.refused'>
  if (!hasModel) return {}
  const { model } = (await tools.call('metadata.get_policies', {})).policies
  if (model === undefined) return {}
  const { mapping } = await tools.call('metadata.get_mapping', { feed: delivery.feed })
  if (mapping === null || (await repairsToday(delivery.feed, state.event, tools)) >= model.regeneration.perDay)
    return {}
  const contract = await contractAt(mapping.contractVersion, delivery.feed, tools)
  const { standard } = await tools.call('metadata.get_standard', { name: mapping.standard.name })
  const { checks } = await tools.call('metadata.get_rules', { vendor: delivery.feed.vendor })
  const { rows } = await tools.call('lakehouse.query', {
    sql: `SELECT column_name, rule_id, count(DISTINCT raw_record), any_value(error_message) FROM product_raw.ingest_errors WHERE delivery_id = ${quoteLiteral(delivery.id)} AND run_id = ${quoteLiteral(run.id)} AND stage = 'core' AND column_name IS NOT NULL GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2`,
    limit: 1_000,
  })
  const turnedAway = TurnedAwayRows.parse(rows).map(([column, rule, count, message]) => ({
    column,
    rule,
    rows: count,
    message,
  }))
  const counted = await tools.call('lakehouse.query', {
    sql: `SELECT count(*) FROM ${tableText(bronzeTable(contract).table)} WHERE _delivery_id = ${quoteLiteral(delivery.id)}`,
    limit: 1,
  })
  const refused = { mapping, contract, standard, rules: [...standard.checks, ...checks], judgement, turnedAway }
  const repairs = repairsFor({ ...refused, rows: Number(counted.rows[0]?.[0] ?? 0) }, model.regeneration)
  const consulted =
    repairs.length === 0
      ? undefined
      : await ask(repairs.map(({ question, kind }) => modelQuestion(question, contract, kind)))
  if (consulted === undefined) return {}
  const mended = mend(repairs, consulted, { mapping, createdAt: delivery.receivedAt }, model.regeneration)
  if (mended.mapping !== undefined) await tools.call('metadata.put_mapping', { mapping: mended.mapping })
  return { asks: [...mended.asks], decisions: mended.decisions.map(decide) }
})

/** An answer that nobody waited for becomes the next mapping version. */
const amend = node<State>('amend', async (state, { delivery, tools, decide }) => {
  const { decision, approvalId, subject } = state.event.data as EventData<'approval.decided'>
  const { mapping } = await tools.call('metadata.get_mapping', { feed: delivery.feed })
  if (mapping !== null && isRepair(subject)) {
    const next = repaired(mapping, subject, decision)
    if (next !== undefined) await tools.call('metadata.put_mapping', { mapping: next })
    return { decisions: [decide(personal(subject, decision))] }
  }
  const column = mapping?.columns.find(candidate => candidate.column === subjectColumn(subject))
  if (mapping === null || column === undefined) {
    throw new Failure(
      'APPROVAL_UNKNOWN',
      `Approval ${approvalId} is about ${subject}, which the mapping does not have.`,
    )
  }
  const made = decide(personal(subject, decision))
  if (column.status === 'open') {
    await tools.call('metadata.put_mapping', {
      mapping: withColumns(mapping, [applyAnswer(column, decision)], decision.at),
    })
  }
  return { decisions: [made] }
})

/** A step of its own, so that after a crash the same decision is recorded and not one of another time. */
const remember = node<State>('remember', async (state, { tools }) => {
  await tools.call('metadata.record_decisions', { decisions: state.decisions })
  return {}
})

const starts: Partial<Record<Topic, 'amend' | 'repair'>> = { 'approval.decided': 'amend', 'core.refused': 'repair' }

export const modelingGraph = new StateGraph(ModelingState)
  .addNode('recall', recall)
  .addNode('map', map)
  .addNode('consult', consult)
  .addNode('review', review)
  .addNode('compile', compile)
  .addNode('stage', stage)
  .addNode('amend', amend)
  .addNode('repair', repair)
  .addNode('remember', remember)
  .addConditionalEdges(START, state => starts[state.event.topic] ?? 'recall', ['amend', 'repair', 'recall'])
  .addEdge('recall', 'map')
  .addConditionalEdges('map', state => (state.questions.length + state.optional.length === 0 ? 'compile' : 'consult'), [
    'consult',
    'compile',
  ])
  .addConditionalEdges(
    'consult',
    state =>
      state.questions.length === 0
        ? 'compile'
        : state.questions.map(question => new Send('review', { event: state.event, question })),
    ['review', 'compile'],
  )
  .addEdge('review', 'compile')
  .addEdge('compile', 'stage')
  .addEdge('stage', END)
  .addEdge('amend', 'remember')
  .addConditionalEdges('repair', state => (state.decisions.length === 0 ? END : 'remember'), ['remember', END])
  .addEdge('remember', END)

/** What a person said, as it is recorded. */
const personal = (question: string, { verdict, answer = '', note, by }: ApprovalDecision) => ({
  question,
  answer: verdict === 'approved' ? answer : 'rejected',
  step: 'person' as const,
  confidence: 1,
  evidence: note === undefined ? [] : [note],
  by,
})

const TurnedAwayRows = z.array(z.tuple([z.string(), z.string(), z.coerce.number().int(), z.string()]))

/** How often a model was asked to mend the feed on the day of the event. */
async function repairsToday(feed: Feed, event: State['event'], tools: AgentTools): Promise<number> {
  const { decisions } = await tools.call('metadata.recall_decisions', { feed })
  const today = (event.data as EventData<'core.refused'>).delivery.receivedAt.slice(0, 10)
  const runs = decisions.flatMap(({ question, step, at, runId }) =>
    step === 'model' && isRepair(question) && at.slice(0, 10) >= today ? [runId] : [],
  )
  return new Set(runs).size
}

/** The contract a mapping was made for: it has every column the mapping reads. */
async function contractOf(mapping: Mapping, latest: FeedContract, tools: AgentTools): Promise<FeedContract> {
  const { vendor, table, contractVersion } = mapping
  return contractVersion === latest.version ? latest : contractAt(contractVersion, { vendor, table }, tools)
}

async function contractAt(version: number, feed: Feed, tools: AgentTools): Promise<FeedContract> {
  const { contract } = await tools.call('metadata.get_contract', { feed, version })
  if (contract !== null) return contract
  throw new Failure(
    'CONTRACT_MISSING',
    `Contract v${version} of ${feedKey(feed)}, which its mapping reads, is not in the catalog.`,
  )
}

function must<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('a value that an earlier node sets is missing')
  return value
}
