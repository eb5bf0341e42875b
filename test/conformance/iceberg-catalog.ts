/** What every Iceberg catalog does for the lakehouse: the suite runs on the embedded one and on a real REST catalog. */
import { expect, test } from 'vitest'
import type { IcebergCatalog } from '../../src/lakehouse/catalog/catalog.ts'
import { commitRequest } from '../../src/lakehouse/catalog/updates.ts'
import { parseMetadata, type TableMetadata } from '../../src/lakehouse/iceberg/metadata.ts'
import type { Lakehouse, TableName } from '../../src/lakehouse/lakehouse.ts'
import type { Storage } from '../../src/lakehouse/storage/storage.ts'
import { itemColumns, itemRows } from '../lakehouse/harness.ts'
import { pyiceberg, type ReadByPyIceberg, requirePyIceberg, type TablesPlace } from '../lakehouse/pyiceberg.ts'

export interface CatalogWorld {
  readonly catalog: IcebergCatalog
  readonly storage: Storage
  /** Another lakehouse over the same catalog and warehouse, as another process would open it. */
  open(): Lakehouse
  /** Where others find it. */
  readonly place: TablesPlace
}

const minutes = 60_000
let tables = 0
/** A name of its own per test: the catalog outlives them. */
const fresh = (): TableName => ({ namespace: 'product_raw', name: `items_${tables++}` })
const key = (number: number) => `sha256:${String(number).padStart(64, '0')}`

export function catalogConformance(world: () => CatalogWorld): void {
  const made = async () => {
    const table = fresh()
    const lake = world().open()
    await lake.createTable(table, { columns: itemColumns, partition: [{ column: 'vendor', transform: 'identity' }] })
    return { table, lake, catalog: world().catalog }
  }
  const stateOf = async (catalog: IcebergCatalog, table: TableName) => {
    const location = await catalog.load(table)
    if (location === undefined) throw new Error(`there is no ${table.name}`)
    const metadata = parseMetadata((await world().storage.read(location)).toString('utf8'), location)
    return { location, metadata }
  }
  const stocksOf = async (lake: Lakehouse, table: TableName, branch = 'main') => {
    const relation = await lake.relation(table, { branch })
    const rows = await lake.withConnection(async connection =>
      (await connection.runAndReadAll(`SELECT sku, stock FROM ${relation} ORDER BY sku`)).getRows(),
    )
    return rows.map(([sku, stock]) => `${sku} ${stock}`)
  }

  test('knows no table that nobody made, and drops none', async () => {
    const { catalog } = world()
    const table = fresh()
    expect(await catalog.load(table)).toBeUndefined()
    expect(await catalog.drop(table)).toBe(false)
    expect(await catalog.list()).not.toContainEqual(table)
  })

  test('makes a table once, whoever tries', async () => {
    const { table, lake, catalog } = await made()
    const { metadata, location } = await stateOf(catalog, table)
    expect(await catalog.create(table, { ...metadata, 'table-uuid': crypto.randomUUID() })).toBe(false)
    expect(await catalog.load(table)).toBe(location)
    expect(await catalog.list()).toContainEqual(table)
    expect((await lake.loadTable(table)).columns.map(({ name }) => name)).toEqual(itemColumns.map(({ name }) => name))
  })

  test('moves a table only if nobody else has', async () => {
    const { table, catalog } = await made()
    const before = await stateOf(catalog, table)
    const noted = (note: string): TableMetadata => ({
      ...before.metadata,
      properties: { ...before.metadata.properties, note },
    })
    const both = await Promise.all(['a', 'b'].map(note => catalog.commit(table, before, noted(note))))
    expect(both.filter(Boolean).length).toBeGreaterThanOrEqual(1)
    const after = await stateOf(catalog, table)
    expect(['a', 'b']).toContain(after.metadata.properties['note'])
    expect(after.location).not.toBe(before.location)
    expect(after.metadata['table-uuid']).toBe(before.metadata['table-uuid'])
  })

  test('refuses rows that were added to what is no longer the head', async () => {
    const { table, lake, catalog } = await made()
    const stale = await stateOf(catalog, table)
    await lake.append(table, { select: itemRows({ a: 1 }), writeKey: key(1) })
    const head = (await stateOf(catalog, table)).metadata.snapshots[0]!
    const another = { ...head, 'snapshot-id': head['snapshot-id'] - 1n, 'sequence-number': 1 }
    const next: TableMetadata = {
      ...stale.metadata,
      'last-sequence-number': 1,
      snapshots: [another],
      'current-snapshot-id': another['snapshot-id'],
      refs: { main: { 'snapshot-id': another['snapshot-id'], type: 'branch' } },
    }
    expect(await catalog.commit(table, stale, next)).toBe(false)
    expect(await stocksOf(lake, table)).toEqual(['a 1'])
  })

  test('keeps ids of 64 bits as they are', async () => {
    const { table, lake, catalog } = await made()
    const { snapshotId } = await lake.append(table, { select: itemRows({ a: 1 }), writeKey: key(1) })
    expect((await lake.loadTable(table)).snapshotId).toBe(snapshotId)
    expect(String((await stateOf(catalog, table)).metadata['current-snapshot-id'])).toBe(snapshotId)
  })

  test(
    'loses nothing of what many writers add at once, and doubles nothing',
    async () => {
      const { table } = await made()
      const lakes = [world().open(), world().open(), world().open()]
      await Promise.all(
        lakes.flatMap((lake, writer) =>
          Array.from({ length: 6 }, (_, i) =>
            lake.append(table, {
              select: itemRows({ [`s${i}${writer % 2}`]: i }),
              writeKey: key(i * 2 + (writer % 2)),
            }),
          ),
        ),
      )
      expect(await stocksOf(lakes[0]!, table)).toHaveLength(12)
      expect(await lakes[1]!.history(table)).toHaveLength(12)
    },
    3 * minutes,
  )

  test('stages on a branch, publishes it and drops it', async () => {
    const { table, lake } = await made()
    await lake.append(table, { select: itemRows({ a: 1, b: 2 }), writeKey: key(1) })
    const branch = 'delivery_x'
    await lake.stage(table, { branch, rows: itemRows({ b: 3, c: 4 }), keyColumns: ['sku'], writeKey: key(2) })
    expect(await stocksOf(lake, table)).toEqual(['a 1', 'b 2'])
    expect(await stocksOf(lake, table, branch)).toEqual(['a 1', 'b 3', 'c 4'])
    await lake.publish(table, { branch, writeKey: key(2) })
    expect(await stocksOf(lake, table)).toEqual(['a 1', 'b 3', 'c 4'])
    expect(Object.keys((await lake.loadTable(table)).branches)).toEqual(['main'])
  })

  test('takes optional columns, other divisions and dropped branches', async () => {
    const { table, lake } = await made()
    await lake.append(table, { select: itemRows({ a: 1 }), writeKey: key(1) })
    const wider = await lake.addColumns(table, [{ name: 'note', type: 'string', required: false }])
    expect(wider.columns.map(({ name }) => name)).toEqual(['sku', 'stock', 'vendor', 'note'])
    await lake.divide(table, [{ column: 'sku', transform: 'identity' }])
    expect((await lake.loadTable(table)).partition.map(({ column }) => column)).toEqual(['vendor', 'sku'])
    const { snapshotId } = await lake.loadTable(table)
    expect(await lake.openBranch(table, 'old', snapshotId!)).toBe(true)
    expect(await lake.dropBranch(table, 'old')).toBe(true)
    expect(await stocksOf(lake, table)).toEqual(['a 1'])
  })

  test(
    'is shared with PyIceberg: it lists, reads, filters, reads what was, appends, and is read and added to afterwards',
    async () => {
      requirePyIceberg()
      const { table, lake } = await made()
      const first = await lake.append(table, { select: itemRows({ a: 1, b: 2 }), writeKey: key(1) })
      await lake.append(table, { select: itemRows({ c: 3 }, 'bolt'), writeKey: key(2) })
      const name = `${table.namespace}.${table.name}`
      const { place } = world()
      const described = (await pyiceberg<Record<string, ReadByPyIceberg>>(place, 'describe'))[name]
      expect(described?.data).toEqual([
        ['a', '1', 'acme'],
        ['b', '2', 'acme'],
        ['c', '3', 'bolt'],
      ])
      expect(await pyiceberg(place, 'count', name, "vendor = 'acme'", "vendor = 'bolt'")).toEqual([2, 1])
      expect(await pyiceberg(place, 'at', name, first.snapshotId)).toBe(2)
      await pyiceberg(place, 'append', name, JSON.stringify([{ sku: 'd', stock: 4, vendor: 'acme' }]))
      expect(await stocksOf(lake, table)).toEqual(['a 1', 'b 2', 'c 3', 'd 4'])
      await lake.append(table, { select: itemRows({ e: 5 }), writeKey: key(3) })
      await lake.append(table, { select: itemRows({ a: 1, b: 2 }), writeKey: key(1) })
      expect(await pyiceberg(place, 'count', name, 'stock > 0')).toEqual([5])
    },
    2 * minutes,
  )

  test('says of a change what it required and what became of it', async () => {
    const { table, lake, catalog } = await made()
    const before = (await stateOf(catalog, table)).metadata
    await lake.append(table, { select: itemRows({ a: 1 }), writeKey: key(1) })
    const after = (await stateOf(catalog, table)).metadata
    const { requirements, updates } = commitRequest(before, after)
    expect(requirements).toContainEqual({ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': null })
    expect(updates.map(({ action }) => action)).toEqual(['add-snapshot', 'set-snapshot-ref'])
    expect(commitRequest(after, after).updates).toEqual([])
  })
}
