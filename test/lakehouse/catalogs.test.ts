/** Both catalogs by one suite: the embedded one of a warehouse, and a real REST catalog. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRestCatalog } from '../../src/lakehouse/catalog/rest.ts'
import { openSqliteCatalog } from '../../src/lakehouse/catalog/sqlite.ts'
import { type LakehouseOptions, openLakehouse } from '../../src/lakehouse/lakehouse.ts'
import { type CatalogWorld, catalogConformance } from '../conformance/iceberg-catalog.ts'
import { type RigRestCatalog, startRestCatalog } from '../rig/iceberg-rest.ts'

const closers: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

type Parts = Pick<LakehouseOptions, 'rest'> & Pick<CatalogWorld, 'catalog' | 'place'>

async function worldOf(more: (folder: string) => Parts): Promise<CatalogWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-catalogs-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  const { rest, catalog, place } = more(folder)
  closers.push(() => catalog.close())
  const open = () => {
    const lake = openLakehouse({ warehouseDir: join(folder, 'warehouse'), memoryLimit: '256MB', rest })
    closers.push(() => lake.close())
    return lake
  }
  return { catalog, open, place }
}

describe('the catalog of a warehouse', () => {
  let world: CatalogWorld
  beforeAll(async () => {
    world = await worldOf(folder => ({
      catalog: openSqliteCatalog(join(folder, 'warehouse', 'catalog.sqlite'), 'aiworkflow'),
      rest: undefined,
      place: join(folder, 'warehouse'),
    }))
  })
  catalogConformance(() => world)
})

describe('an Iceberg REST catalog', () => {
  let server: RigRestCatalog
  let world: CatalogWorld
  beforeAll(async () => {
    server = await startRestCatalog()
    closers.push(() => server.stop())
    const { url } = server
    world = await worldOf(() => ({ catalog: openRestCatalog({ url }), rest: { url }, place: url }))
  }, 120_000)
  catalogConformance(() => world)

  test('that is away is waited for, and says so', async () => {
    const catalog = openRestCatalog({ url: 'http://127.0.0.1:1/' })
    await expect(catalog.load({ namespace: 'product_raw', name: 'items' })).rejects.toMatchObject({
      code: 'LAKE_CATALOG_UNREACHABLE',
      message: expect.stringContaining('cannot be reached'),
    })
  })
})
