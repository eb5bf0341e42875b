/** count → check → judge → publish or refuse. */
import { Annotation, END, START, StateGraph } from '@langchain/langgraph'
import { z } from 'zod'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { Mapping } from '../../contracts/data/mapping.ts'
import type { CheckResult, EventData, Judgement } from '../../contracts/events/events.ts'
import { Failure } from '../../contracts/failures.ts'
import { coreFacts } from '../../src/compiler/core-plan.ts'
import { tableText } from '../../src/lakehouse/identifiers.ts'
import { agentChannels } from '../../src/runtime/agent-state.ts'
import { type NodeContext, node } from '../../src/runtime/define-agent.ts'
import { type Counted, checksSql, contractChecksSql, expectedSql, placesSql, stagedCountSql } from './counting.ts'
import { type Found, judge as judgeCase } from './judge.ts'

type Check = CheckResult & { readonly toleratedFraction: number }

const ValidatorState = Annotation.Root({
  ...agentChannels,
  /** The contract the delivery was loaded under: it says how to count the source. */
  contract: Annotation<FeedContract>(),
  counted: Annotation<Counted>(),
  found: Annotation<Found>(),
  checks: Annotation<Check[]>(),
  toleratedErrorFraction: Annotation<number>(),
  judgement: Annotation<Judgement>(),
})
type State = typeof ValidatorState.State
const said = (state: State) => state.event.data as EventData<'core.staged'>

const count = node<State>('count', async (state, context) => {
  const { delivery, tools } = context
  const { table, branch } = said(state)
  const { contract, counted } = await governing(state, context)
  const { policies } = await tools.call('metadata.get_policies', {})
  const source = await tools.call('filesystem.count_records', {
    path: delivery.stored,
    format: contract.format,
    columns: contract.columns.filter(({ retired }) => retired !== true).length,
    maxRecordBytes: policies.discovery.maxRecordBytes,
  })
  const row = async (sql: string, branches: Record<string, string> = {}) => {
    const { rows } = await tools.call('lakehouse.query', { sql, branches })
    return z.array(z.coerce.number().int()).parse(rows[0])
  }
  const [bronze = 0, bronzeErrors = 0, coreErrors = 0] = await row(placesSql(counted))
  // Core as the branch has it, also for what later deliveries hold: main may have moved since, and then publishing says so.
  const branches = { [tableText(table)]: branch }
  const [staged = 0] = await row(stagedCountSql(counted), branches)
  const [rejected = 0, superseded = 0, supersededLater = 0, altered = 0, repeated = 0] = await row(
    expectedSql(counted),
    branches,
  )
  const found = {
    source: source.records,
    bronze,
    bronzeErrors,
    staged,
    coreErrors,
    altered,
    repeated,
    expected: { rejected, superseded, supersededLater },
  }
  return { contract, counted, found, toleratedErrorFraction: policies.autonomy.publish.toleratedErrorFraction }
})

const check = node<State>('check', async (state, { tools }) => {
  const { counted, contract } = state
  const { standard, checks } = counted.documents
  const { table, branch } = said(state)
  const read = async (sql: string, branches: Record<string, string> = {}) =>
    CheckRows.parse((await tools.call('lakehouse.query', { sql, branches, limit: 10_000 })).rows)
  const rules = new Map([...standard.checks, ...checks].map(rule => [rule.id, rule]))
  const found = (await read(checksSql(counted), { [tableText(table)]: branch })).flatMap(
    ([id, broken, rows]): Check[] => {
      const rule = rules.get(id)
      return rule === undefined
        ? []
        : [
            {
              id,
              broken,
              rows,
              severity: rule.severity,
              owner: rule.owner,
              message: rule.message,
              toleratedFraction: rule.toleratedFraction,
            },
          ]
    },
  )
  const own = contractChecksSql(counted)
  const contractChecks = new Map(contract.checks.map(item => [item.id, item]))
  const foundOwn = own === undefined ? [] : await read(own)
  return {
    checks: [
      ...found,
      ...foundOwn.flatMap(([id, broken, rows]): Check[] => {
        const item = contractChecks.get(id)
        return item === undefined
          ? []
          : [
              {
                id,
                broken,
                rows,
                severity: item.severity,
                owner: item.owner ?? contract.owner,
                message: item.message,
                toleratedFraction: 0,
              },
            ]
      }),
    ],
  }
})

const judge = node<State>('judge', async (state, { delivery, decide }) => {
  const { found, checks, toleratedErrorFraction, contract } = state
  const { bronze, counts } = said(state)
  const judgement = judgeCase({
    feed: `${delivery.feed.vendor}/${delivery.feed.table}`,
    found,
    checks,
    reported: { bronze, core: counts },
    toleratedErrorFraction,
    owner: contract.owner,
  })
  const evidence = judgement.reasons.map(({ code, message }) => `${code}: ${message}`)
  return {
    judgement,
    progress: { judgement },
    decisions: [
      decide({
        question: 'publish',
        answer: judgement.verdict,
        step: 'rule',
        confidence: 1,
        evidence,
        by: 'validator',
      }),
    ],
  }
})

const publish = node<State>('publish', async (state, { run, delivery, tools, emit }) => {
  const { table, branch, writeKey, contract, bronze, stagedBefore } = said(state)
  const { outcome, snapshotId } = await tools.call('lakehouse.publish', { table, branch, writeKey })
  if (outcome === 'stage-again') {
    // Main took rows this branch should have replaced: modeling stages once more, on what is there now.
    const { judgement: _, ...progress } = state.progress
    const again = {
      run,
      delivery,
      contract,
      table: bronzeOf(state),
      snapshotId,
      counts: bronze,
      stagedBefore: stagedBefore + 1,
    }
    return {
      progress: { ...progress, judgement: undefined },
      emits: [await emit('bronze.loaded', again, String(stagedBefore + 1))],
    }
  }
  return {
    emits: [await emit('core.published', { run, delivery, table, snapshotId, judgement: state.judgement }, writeKey)],
  }
})

const refuse = node<State>('refuse', async (state, { run, delivery, tools, emit }) => {
  const { table, branch, writeKey } = said(state)
  await tools.call('lakehouse.discard_branch', { table, branch })
  return { emits: [await emit('core.refused', { run, delivery, table, judgement: state.judgement }, writeKey)] }
})

export const validatorGraph = new StateGraph(ValidatorState)
  .addNode('count', count)
  .addNode('check', check)
  .addNode('judge', judge)
  .addNode('publish', publish)
  .addNode('refuse', refuse)
  .addEdge(START, 'count')
  .addEdge('count', 'check')
  .addEdge('check', 'judge')
  .addConditionalEdges('judge', state => (state.judgement.verdict === 'publish' ? 'publish' : 'refuse'), [
    'publish',
    'refuse',
  ])
  .addEdge('publish', END)
  .addEdge('refuse', END)

const CheckRows = z.array(
  z.tuple([
    z.string(),
    z.coerce.number().int(),
    z.string().transform(text => z.array(z.string()).parse(JSON.parse(text))),
  ]),
)

/** Every document the delivery's core rows were made by, read again: the validator takes nobody's word for them. */
async function governing(
  state: State,
  { run, delivery, tools }: NodeContext,
): Promise<{ contract: FeedContract; counted: Counted }> {
  const { contract: ref, mapping: mappingRef, table, laterDeliveries } = said(state)
  const contract = await contractOf(ref.version, delivery.feed, tools)
  const { mapping } = await tools.call('metadata.get_mapping', { feed: delivery.feed, version: mappingRef.version })
  if (mapping === null)
    throw new Failure(
      'MAPPING_MISSING',
      `Mapping v${mappingRef.version} of ${ref.vendor}/${ref.table} is not in the catalog.`,
    )
  const { standard } = await tools.call('metadata.get_standard', { name: (mapping satisfies Mapping).standard.name })
  const { normalization, checks } = await tools.call('metadata.get_rules', { vendor: delivery.feed.vendor })
  const { vendor } = await tools.call('metadata.get_vendor', { vendor: delivery.feed.vendor })
  const documents = {
    contract: await contractOf(mapping.contractVersion, delivery.feed, tools),
    mapping,
    standard,
    normalization,
    checks,
    vendor,
  }
  return { contract, counted: { documents, facts: coreFacts(run, delivery), core: table, laterDeliveries } }
}

async function contractOf(
  version: number,
  feed: { vendor: string; table: string },
  tools: NodeContext['tools'],
): Promise<FeedContract> {
  const { contract } = await tools.call('metadata.get_contract', { feed, version })
  if (contract !== null) return contract
  throw new Failure('CONTRACT_MISSING', `Contract v${version} of ${feed.vendor}/${feed.table} is not in the catalog.`)
}

const bronzeOf = (state: State) => ({
  namespace: 'product_raw',
  name: `${state.contract.vendor}_${state.contract.table}`,
})
