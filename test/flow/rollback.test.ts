/** A published delivery is taken back: asked, approved, traced, once; and only a person brings it in again. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Failure } from '../../contracts/failures.ts'
import { replay } from '../../src/cli/replay.ts'
import { finishRollbacks, rollback } from '../../src/cli/rollback.ts'
import { stackOf } from '../../src/telemetry/stack.ts'
import { keeps } from '../promises.ts'
import { answer, csv, deliveryOf, namesOf, products, setting, spansOf, statesOf, workspaceWith } from './support.ts'
import type { TestWorkspace } from './workspace.ts'

const [good, wrong, later] = ['acme/items-2026-01-01.csv', 'acme/items-2026-01-02.csv', 'acme/items-2026-01-03.csv']
const asked = { by: 'ada', note: 'wrong prices', approve: false }

/** Products 1 to 6; of the wrong file 4 to 9 at another price; of the later one 6 alone. */
async function workspaceWithWrong(): Promise<TestWorkspace> {
  const workspace = await workspaceWith({
    [good]: csv(products(1, 6)),
    [wrong]: csv(products(4, 9, { price: '999.00' })),
    [later]: csv(products(6, 6, { price: '6.66' })),
  })
  await workspace.run()
  return workspace
}

const takeBack = (workspace: TestWorkspace, more: Partial<typeof asked> = {}, name: string = wrong) =>
  workspace.with(place => rollback(place, name, { ...asked, ...more }))

async function prices(workspace: TestWorkspace): Promise<Record<string, number>> {
  const rows = await workspace.query('SELECT product_id, list_price FROM product_core.product')
  return Object.fromEntries(rows.map(([id, price]) => [String(id), Number(price)]))
}

const codeOf = (error: unknown) => (error instanceof Failure ? error.code : String(error))

keeps(
  'P6',
  'P5',
  'P2',
)(
  'a rollback waits for a person, resumes with the next run, is one trace, and changes nothing when it is asked for again',
  async () => {
    const workspace = await workspaceWithWrong()
    const before = await prices(workspace)
    expect(Object.keys(before)).toHaveLength(9)
    const { record, outcome } = await takeBack(workspace)
    expect(outcome).toMatchObject({ kind: 'waiting' })
    expect((await takeBack(workspace)).outcome, 'asked again: the same question').toEqual(outcome)
    expect(await prices(workspace)).toEqual(before)
    expect(await workspace.with(({ stores }) => stores.runs.get(record.run.id))).toMatchObject({ state: 'waiting' })

    await answer(workspace, 'rollback')
    const summary = await workspace.run()
    expect(summary.deliveries.find(({ runId }) => runId === record.run.id)).toMatchObject({ state: 'rolled-back' })
    const after = await prices(workspace)
    expect(after).toEqual({
      ...Object.fromEntries(products(1, 5).map(({ sku, price }) => [sku, Number(price)])),
      '01006': 6.66,
    })
    expect(await workspace.query('SELECT count(*) FROM product_raw.acme_items')).toEqual([[13]])
    expect(await workspace.query('SELECT mark, marked_by, note FROM product_raw.delivery_marks')).toEqual([
      ['rolled-back', 'ada', 'wrong prices'],
    ])

    const spans = await spansOf(workspace, record.run.id)
    expect(spans.filter(({ parentSpanId }) => parentSpanId === undefined)).toHaveLength(1)
    expect(stackOf(spans)).toMatchObject({ state: 'done' })
    for (const name of [
      'invoke_workflow rollback',
      'execute_tool lakehouse.stage_rollback',
      'execute_tool lakehouse.publish',
    ])
      expect(namesOf(spans)).toContain(name)

    const snapshots = () => workspace.query('SELECT count(*) FROM product_core.product.snapshots')
    const count = await snapshots()
    expect((await takeBack(workspace)).outcome).toEqual({ kind: 'already' })
    expect(await snapshots()).toEqual(count)
  },
)

test('the same bytes again stay out, a changed rule does not bring them back, and a replay takes them in again in their place', async () => {
  const workspace = await workspaceWithWrong()
  const { record } = await takeBack(workspace, { approve: true })
  await workspace.land('acme/items-2026-01-09.csv', csv(products(4, 9, { price: '999.00' })))
  expect(statesOf(await workspace.run())).toMatchObject({ 'acme/items-2026-01-09.csv': 'duplicate' })
  await workspace.edit('rules/quality.yaml', text => text.replace('list_price >= 0', 'list_price >= 1'))
  await workspace.run()
  expect(Object.values(await prices(workspace))).not.toContain(999)

  const replayed = await workspace.with(place => replay(place, record.run.id))
  expect(statesOf(await workspace.run())).toMatchObject({ [wrong]: 'published' })
  expect(replayed).toMatchObject({ kind: 'run' })
  expect(await prices(workspace)).toMatchObject({ '01004': 999, '01006': 6.66, '01009': 999 })
  expect(await workspace.query('SELECT mark FROM product_raw.delivery_marks ORDER BY marked_at')).toEqual([
    ['rolled-back'],
    ['taken-again'],
  ])
  // And back once more.
  expect((await takeBack(workspace, { approve: true })).outcome).toEqual({
    kind: 'done',
    counts: { removed: 5, restored: 2 },
  })
})

keeps('P7', 'P6')(
  'policy says whether a person is asked; a person may say no, and then nothing has changed',
  async () => {
    const workspace = await workspaceWithWrong()
    const before = await prices(workspace)
    await workspace.edit('policies/autonomy.yaml', setting('rollback', 'refuse'))
    expect(await takeBack(workspace).catch(codeOf)).toBe('ROLLBACK_REFUSED')
    await workspace.edit('policies/autonomy.yaml', setting('rollback', 'ask'))
    const { record } = await takeBack(workspace)
    await answer(workspace, 'rollback', { verdict: 'rejected' })
    expect(await takeBack(workspace).catch(codeOf)).toBe('APPROVAL_REJECTED')
    expect(await workspace.with(({ stores }) => stores.runs.get(record.run.id))).toMatchObject({ state: 'failed' })
    expect(await prices(workspace)).toEqual(before)
    await workspace.edit('policies/autonomy.yaml', setting('rollback', 'accept'))
    expect((await takeBack(workspace)).outcome).toMatchObject({ kind: 'done' })
    expect(Object.values(await prices(workspace))).not.toContain(999)
  },
)

keeps('P2', 'P4')(
  'a rollback that dies after any of its calls is ended by the next process: once, with the same rows',
  async () => {
    const workspace = await workspaceWithWrong()
    await workspace.edit('policies/autonomy.yaml', setting('rollback', 'accept'))
    // Transient: the run is not over, as it is not when its process is gone.
    const died = new Failure('ENGINE_FAILED', 'died')
    for (const point of ['stage', 'publish', 'append'] as const) {
      await workspace.with(async place => {
        const method = place.lakehouse[point] as (...given: unknown[]) => Promise<unknown>
        Object.assign(place.lakehouse, {
          [point]: async (...given: unknown[]) => {
            await method(...given)
            throw died
          },
        })
        expect(await rollback(place, wrong, asked).catch(codeOf)).toBe('ENGINE_FAILED')
      })
    }
    await workspace.with(place => finishRollbacks(place))
    expect(Object.values(await prices(workspace))).not.toContain(999)
    expect(await workspace.query('SELECT mark FROM product_raw.delivery_marks')).toEqual([['rolled-back']])
    const own = `SELECT count(*) FROM product_core.product.snapshots WHERE summary::VARCHAR LIKE '%rolled-back-delivery-id%'`
    expect(await workspace.query(own)).toEqual([[1]])
  },
)

test('where the state is lost the mark in bronze still keeps a delivery out, until a person replays it', async () => {
  const workspace = await workspaceWithWrong()
  await takeBack(workspace, { approve: true })
  await rm(join(workspace.dir, '.aiworkflow'), { recursive: true, force: true })
  const summary = await workspace.run()
  const failed = deliveryOf(summary, wrong)
  expect(failed).toMatchObject({ state: 'failed', failure: { code: 'DELIVERY_ROLLED_BACK' } })
  expect(Object.values(await prices(workspace))).not.toContain(999)
  await workspace.with(place => replay(place, failed.runId))
  expect(statesOf(await workspace.run())).toMatchObject({ [wrong]: 'published' })
  expect(await prices(workspace)).toMatchObject({ '01009': 999 })
})

test('what is still on its way, or was never loaded, is not taken back', async () => {
  const workspace = await workspaceWith({ [good]: csv(products(1, 3)), [wrong]: '' })
  await workspace.run()
  expect(await takeBack(workspace).catch(codeOf)).toBe('USAGE')
  expect(await takeBack(workspace, {}, 'acme/none.csv').catch(codeOf)).toBe('RUN_UNKNOWN')
})
