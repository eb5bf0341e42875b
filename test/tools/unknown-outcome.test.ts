import { afterEach, expect, test } from 'vitest'
import { Failure } from '../../contracts/failures.ts'
import type { ToolId } from '../../contracts/tools/index.ts'
import { Budgets } from '../../src/state/budgets.ts'
import { Ledger } from '../../src/state/ledger.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import { createTelemetry } from '../../src/telemetry/tracer.ts'
import { createHost } from '../../src/tools/host.ts'
import { contract, core, staging } from './core.ts'
import { openLake, runOf } from './lake.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** Ingestion and modeling on a real lake; what is done by `dying` never reaches the ledger. */
async function agents() {
  const telemetry = createTelemetry({ journalFile: ':memory:', serviceName: 'test' })
  const lake = await openLake(telemetry)
  const store = new SqliteStateStore({ path: ':memory:' })
  const ledger = new Ledger(store, { ttlMs: 60_000 })
  const budgets = new Budgets(store, { ttlMs: 60_000 })
  const host = await createHost({ servers: [lake.server], ledger, budgets, telemetry })
  closers.push(
    () => host.close(),
    () => store.close(),
    () => telemetry.shutdown(),
  )
  const budget = { toolCalls: 100, wallMs: 60_000, startedAt: '2026-11-24T00:00:00Z' }
  const forAgent = (agent: 'ingestion' | 'modeling' | 'validator') => host.forAgent({ agent, runId: runOf(1), budget })
  const dying = async (work: () => Promise<unknown>) => {
    const complete = ledger.complete
    ledger.complete = () => Promise.reject(new Failure('STATE_BUSY', 'kill -9'))
    await expect(work()).rejects.toThrow('kill -9')
    ledger.complete = complete
  }
  const called = () =>
    telemetry.journal
      .traces()
      .flatMap(({ traceId }) => telemetry.journal.spansOf(traceId))
      .filter(span => span.kind === 'server')
      .map(span => span.attributes['gen_ai.tool.name'])
  return { lake, forAgent, dying, called }
}
const times = (calls: unknown[], id: ToolId) => calls.filter(tool => `lakehouse.${tool}` === id).length

test('ingestion: crash after the load, before the ledger: the table is asked, the counts are the same, nothing is there twice', async () => {
  const { lake, forAgent, dying, called } = await agents()
  const delivery = lake.deliver('sku,title,price\nA,Anvil,1.00\nB,Bolt,x\n')
  const tools = forAgent('ingestion')
  await tools.call('lakehouse.create_table', { contract })
  const load = () =>
    tools.call('lakehouse.run_load_plan', {
      plan: lake.plan(contract, delivery),
      contract,
      delivery,
      maxRecordBytes: 1000,
    })
  await dying(load)
  expect(await load()).toMatchObject({ counts: { read: 2, loaded: 1, rejected: 1 }, alreadyDone: true })
  expect([times(called(), 'lakehouse.run_load_plan'), times(called(), 'lakehouse.find_write')]).toEqual([1, 1])
  expect(await lake.rows('SELECT count(*) FROM product_raw.acme_products')).toEqual([[1]])
})

test('modeling and validator: crash after staging and after publishing, before the ledger: both are found, each was done once', async () => {
  const { lake, forAgent, dying, called } = await agents()
  const delivery = lake.deliver('sku,title,price\nA,Anvil,1.00\nB,Bolt,-1.00\n')
  await lake.load(contract, delivery)
  const stage = () => forAgent('modeling').call('lakehouse.stage_core', staging(delivery, 1))
  await dying(stage)
  const staged = await stage()
  expect(staged).toMatchObject({ counts: { bronze: 2, staged: 1, rejected: 1 }, alreadyDone: true })
  const publish = () =>
    forAgent('validator').call('lakehouse.publish', { table: core, branch: staged.branch, writeKey: 'core 1' })
  await dying(publish)
  expect(await publish()).toMatchObject({ outcome: 'already' })
  expect([times(called(), 'lakehouse.stage_core'), times(called(), 'lakehouse.publish')]).toEqual([1, 1])
  expect(await lake.rows('SELECT product_id FROM product_core.product')).toEqual([['A']])
})
