import { describe, expect, test } from 'vitest'
import { type Lakehouse, replacesWithinProperty, type Stage } from '../../src/lakehouse/lakehouse.ts'
import { expectFailure, itemRows, items, lakeWithItems, openedLake, stocks } from './harness.ts'

const stageItems = (lake: Lakehouse, writeKey: string, rows: Record<string, number>, more: Partial<Stage> = {}) =>
  lake.stage(items, { branch: `staged-${writeKey}`, rows: itemRows(rows), keyColumns: ['sku'], writeKey, ...more })

const publishItems = (lake: Lakehouse, writeKey: string) =>
  lake.publish(items, { branch: `staged-${writeKey}`, writeKey })

async function lakeWithRows(rows: Record<string, number>) {
  const { lake, warehouseDir } = await lakeWithItems()
  await lake.append(items, { select: itemRows(rows), writeKey: 'w0' })
  return { lake, warehouseDir }
}

describe('stage', () => {
  test('the branch shows the rows replaced, main does not move', async () => {
    const { lake } = await lakeWithRows({ a: 1, b: 2, c: 3 })
    const { snapshotId: base } = await lake.loadTable(items)
    const staged = await stageItems(lake, 'w1', { b: 20, d: 4 })
    expect(staged).toMatchObject({ baseSnapshotId: base, addedRows: 2, deletedRows: 1, alreadyDone: false })
    expect(await stocks(lake)).toEqual({ a: 1, b: 2, c: 3 })
    expect(await stocks(lake, 'staged-w1')).toEqual({ a: 1, b: 20, c: 3, d: 4 })
    expect((await lake.loadTable(items)).branches).toEqual({ main: base, 'staged-w1': staged.snapshotId })
    const [snapshot] = await lake.history(items, { branch: 'staged-w1' })
    expect(snapshot).toMatchObject({
      operation: 'overwrite',
      summary: { 'added-position-deletes': '1', 'total-position-deletes': '1', 'total-records': '5' },
    })
  })

  test('scope protects rows outside of it; alsoDelete takes rows without a new one, in scope only', async () => {
    const { lake } = await lakeWithRows({ a: 1, b: 2, c: 3, d: 4 })
    const staged = await stageItems(lake, 'w1', { a: 10, b: 20 }, { scope: 'stock >= 2', alsoDelete: 'stock <= 3' })
    expect(staged.deletedRows).toBe(2)
    const relation = await lake.relation(items, { branch: 'staged-w1' })
    const rows = await lake.withConnection(async connection =>
      (await connection.runAndReadAll(`SELECT sku, stock::INT FROM ${relation} ORDER BY ALL`)).getRows(),
    )
    expect(rows).toEqual([
      ['a', 1],
      ['a', 10],
      ['b', 20],
      ['d', 4],
    ])
  })

  test('rows of several partitions and files go, each delete file within its partition', async () => {
    const { lake } = await lakeWithRows({ a: 1, b: 2 })
    await lake.append(items, { select: itemRows({ c: 3 }, 'bolt'), writeKey: 'w1' })
    await lake.append(items, { select: itemRows({ d: 4 }), writeKey: 'w2' })
    const staged = await stageItems(lake, 'w3', {}, { alsoDelete: `sku <> 'b'` })
    expect(staged).toMatchObject({ addedRows: 0, deletedRows: 3 })
    const [snapshot] = await lake.history(items, { branch: 'staged-w3' })
    expect(snapshot).toMatchObject({ operation: 'delete', summary: { 'added-delete-files': '2' } })
    expect(await stocks(lake, 'staged-w3')).toEqual({ b: 2 })
  })

  test('the same key of several columns has to be equal in all of them, null included', async () => {
    const { lake } = openedLake()
    const columns = ['a', 'b', 'value'].map(name => ({ name, type: 'string', required: false }))
    await lake.createTable(items, { columns })
    const select = (value: string, ...keys: string[]) =>
      `SELECT *, '${value}' AS value FROM (VALUES ${keys.join(', ')}) AS t(a, b)`
    await lake.append(items, { select: select('old', `('x', 'y')`, `('x', NULL)`, `('x', 'z')`), writeKey: 'w1' })
    const rows = select('new', `('x', 'y')`, `('x', NULL)`)
    await lake.stage(items, { branch: 's', rows, keyColumns: ['a', 'b'], writeKey: 'w2' })
    await lake.publish(items, { branch: 's', writeKey: 'w2' })
    expect((await lake.query('SELECT b, value FROM acme_items ORDER BY ALL')).rows).toEqual([
      ['y', 'new'],
      ['z', 'old'],
      [null, 'new'],
    ])
  })

  test('the same write key again answers with what is staged, also after it is published', async () => {
    const { lake } = await lakeWithRows({ a: 1 })
    const first = await stageItems(lake, 'w1', { a: 2, b: 3 })
    expect(await stageItems(lake, 'w1', { a: 9 })).toEqual({ ...first, alreadyDone: true })
    await publishItems(lake, 'w1')
    expect(await stageItems(lake, 'w1', { a: 9 })).toEqual({ ...first, alreadyDone: true })
    expect(await stocks(lake)).toEqual({ a: 2, b: 3 })
    expect((await lake.loadTable(items)).branches).toEqual({ main: first.snapshotId })
  })

  test('another write key resets the branch to main, and the abandoned snapshot is forgotten', async () => {
    const { lake } = await lakeWithRows({ a: 1 })
    const abandoned = await stageItems(lake, 'w1', { a: 2 })
    await stageItems(lake, 'w2', { b: 3 }, { branch: 'staged-w1' })
    expect(await stocks(lake, 'staged-w1')).toEqual({ a: 1, b: 3 })
    await expectFailure(lake.publish(items, { branch: 'staged-w1', writeKey: 'w1' }), 'BRANCH_MISSING')
    await expectFailure(lake.relation(items, { snapshotId: abandoned.snapshotId }), 'TABLE_MISSING')
  })

  test('a dropped branch is gone with its snapshots, and dropping it again is no error', async () => {
    const { lake } = await lakeWithRows({ a: 1 })
    await stageItems(lake, 'w1', { a: 2 })
    expect(await lake.dropBranch(items, 'staged-w1')).toBe(true)
    expect(await lake.dropBranch(items, 'staged-w1')).toBe(false)
    await expectFailure(lake.relation(items, { branch: 'staged-w1' }), 'BRANCH_MISSING')
    await expectFailure(publishItems(lake, 'w1'), 'BRANCH_MISSING')
    expect(await stocks(lake)).toEqual({ a: 1 })
  })

  test('main itself is never staged on nor dropped', async () => {
    const { lake } = await lakeWithRows({ a: 1 })
    await expectFailure(stageItems(lake, 'w1', { a: 2 }, { branch: 'main' }), 'TABLE_INCOMPATIBLE')
    await expectFailure(lake.dropBranch(items, 'main'), 'TABLE_INCOMPATIBLE')
  })
})

describe('publish', () => {
  test('what is published can be shown again on a branch, which publishing it once more takes away', async () => {
    const { lake } = await lakeWithRows({ a: 1 })
    await stageItems(lake, 'w1', { a: 10 })
    const { snapshotId } = await publishItems(lake, 'w1')
    await lake.append(items, { select: itemRows({ b: 2 }), writeKey: 'w2' })
    expect(await lake.openBranch(items, 'staged-w1', snapshotId)).toBe(true)
    expect(await lake.openBranch(items, 'staged-w1', snapshotId)).toBe(false)
    expect(await stocks(lake, 'staged-w1')).toEqual({ a: 10 })
    expect(await publishItems(lake, 'w1')).toEqual({ outcome: 'already', snapshotId })
    expect(Object.keys((await lake.loadTable(items)).branches)).toEqual(['main'])
    expect(await stocks(lake)).toEqual({ a: 10, b: 2 })
    await expectFailure(lake.openBranch(items, 'staged-w1', '1'), 'TABLE_MISSING')
  })

  test('main has not moved: it becomes the staged snapshot, and the branch is gone', async () => {
    const { lake } = await lakeWithRows({ a: 1, b: 2 })
    const staged = await stageItems(lake, 'w1', { b: 20 })
    expect(await publishItems(lake, 'w1')).toEqual({ outcome: 'published', snapshotId: staged.snapshotId })
    expect(await publishItems(lake, 'w1')).toEqual({ outcome: 'already', snapshotId: staged.snapshotId })
    expect(await stocks(lake)).toEqual({ a: 1, b: 20 })
  })

  test('main took rows of the same scope meanwhile: stage again, and then the key is there once', async () => {
    const { lake } = await lakeWithRows({ a: 1 })
    const within = { summary: { [replacesWithinProperty]: 'acme' } }
    await stageItems(lake, 'w1', { b: 2 }, within)
    await stageItems(lake, 'w2', { b: 3 }, within)
    await stageItems(lake, 'w3', { d: 4 }, { summary: { [replacesWithinProperty]: 'other' } })
    expect(await publishItems(lake, 'w1')).toMatchObject({ outcome: 'published' })
    expect(await publishItems(lake, 'w2')).toMatchObject({ outcome: 'stage-again' })
    expect(await publishItems(lake, 'w3')).toMatchObject({ outcome: 'published' })
    await stageItems(lake, 'w2', { b: 3 }, within)
    expect(await publishItems(lake, 'w2')).toMatchObject({ outcome: 'published' })
    expect(await stocks(lake)).toEqual({ a: 1, b: 3, d: 4 })
  })

  test('an empty table: the first publish makes main', async () => {
    const { lake } = await lakeWithItems()
    const staged = await stageItems(lake, 'w1', { a: 1 })
    expect(staged.baseSnapshotId).toBeUndefined()
    expect(await stocks(lake)).toEqual({})
    expect(await publishItems(lake, 'w1')).toMatchObject({ outcome: 'published' })
    expect(await stocks(lake)).toEqual({ a: 1 })
  })

  test('main has moved: rows and deletes are applied again on top, once', async () => {
    const { lake } = await lakeWithRows({ a: 1, b: 2 })
    const staged = await stageItems(lake, 'w1', { b: 20 })
    await lake.append(items, { select: itemRows({ c: 3 }), writeKey: 'w2' })
    const published = await publishItems(lake, 'w1')
    expect(published.outcome).toBe('published')
    expect(published.snapshotId).not.toBe(staged.snapshotId)
    expect(await publishItems(lake, 'w1')).toEqual({ ...published, outcome: 'already' })
    expect(await stocks(lake)).toEqual({ a: 1, b: 20, c: 3 })
    const history = await lake.history(items)
    expect(history.map(snapshot => snapshot.summary['aiworkflow.write-key'])).toEqual(['w1', 'w2', 'w0'])
    expect(history[0]?.summary).toMatchObject({
      'total-records': '4',
      'total-position-deletes': '1',
      'added-records': '1',
    })
  })

  test('two branches staged on one main are both published, in either order', async () => {
    const { lake } = await lakeWithRows({ a: 1, b: 2 })
    await stageItems(lake, 'w1', { a: 10 })
    await stageItems(lake, 'w2', { b: 20 })
    expect(await publishItems(lake, 'w2')).toMatchObject({ outcome: 'published' })
    expect(await publishItems(lake, 'w1')).toMatchObject({ outcome: 'published' })
    expect(await stocks(lake)).toEqual({ a: 10, b: 20 })
    await stageItems(lake, 'w3', { a: 11, b: 21, c: 31 })
    await publishItems(lake, 'w3')
    expect(await stocks(lake)).toEqual({ a: 11, b: 21, c: 31 })
  })

  test('a column added after staging is null in the staged rows', async () => {
    const { lake } = await lakeWithRows({ a: 1 })
    await stageItems(lake, 'w1', { a: 2 })
    await lake.addColumns(items, [{ name: 'colour', type: 'string', required: false }])
    await lake.append(items, { select: `SELECT 'b' AS sku, 'acme' AS vendor, 'red' AS colour`, writeKey: 'w2' })
    await publishItems(lake, 'w1')
    expect((await lake.query('SELECT sku, stock, colour FROM acme_items ORDER BY 1')).rows).toEqual([
      ['a', 2, null],
      ['b', null, 'red'],
    ])
  })

  test('a snapshot read by id stays what it was', async () => {
    const { lake } = await lakeWithRows({ a: 1 })
    const { snapshotId } = await lake.loadTable(items)
    await stageItems(lake, 'w1', { a: 2 })
    await publishItems(lake, 'w1')
    const relation = await lake.relation(items, { snapshotId: snapshotId ?? '' })
    const rows = await lake.withConnection(async connection =>
      (await connection.runAndReadAll(`SELECT stock::INT FROM ${relation}`)).getRows(),
    )
    expect(rows).toEqual([[1]])
  })
})
