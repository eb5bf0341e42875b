/** Both catalogs by one suite, the embedded one of a warehouse and a real REST catalog, over both kinds of storage. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRestCatalog } from '../../src/lakehouse/catalog/rest.ts'
import { openSqliteCatalog } from '../../src/lakehouse/catalog/sqlite.ts'
import { type LakehouseOptions, openLakehouse } from '../../src/lakehouse/lakehouse.ts'
import { folderStorage } from '../../src/lakehouse/storage/folder.ts'
import { type CatalogWorld, catalogConformance } from '../conformance/iceberg-catalog.ts'
import { type RigRestCatalog, startRestCatalog } from '../rig/iceberg-rest.ts'
import { startS3 } from '../rig/s3.ts'
import { bucketOf, storageOf } from './store.ts'

const closers: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

async function worldOf({ rest, store }: Pick<LakehouseOptions, 'rest' | 'store'>): Promise<CatalogWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-catalogs-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  const warehouseDir = join(folder, 'warehouse')
  const open = () => {
    const lake = openLakehouse({ warehouseDir, memoryLimit: '256MB', rest, store })
    closers.push(() => lake.close())
    return lake
  }
  const storage = store === undefined ? folderStorage(warehouseDir) : storageOf(store, join(folder, 'copies'))
  const catalog =
    rest === undefined
      ? openSqliteCatalog(join(warehouseDir, 'catalog.sqlite'), 'aiworkflow', storage)
      : openRestCatalog(rest)
  closers.push(() => catalog.close())
  return { catalog, storage, open, place: { catalog: rest?.url ?? warehouseDir, store } }
}

describe('the catalog of a warehouse', () => {
  let world: CatalogWorld
  beforeAll(async () => {
    world = await worldOf({})
  })
  catalogConformance(() => world)
})

describe('the catalog of a warehouse whose files are in an S3-compatible store', () => {
  let world: CatalogWorld
  beforeAll(async () => {
    const s3 = await startS3()
    closers.push(() => s3.stop())
    world = await worldOf({ store: await bucketOf(s3, 'lake') })
  }, 120_000)
  catalogConformance(() => world)
})

describe('an Iceberg REST catalog whose files are in an S3-compatible store', () => {
  let world: CatalogWorld
  beforeAll(async () => {
    const s3 = await startS3()
    closers.push(() => s3.stop())
    const store = await bucketOf(s3, 'lake')
    const server = await startRestCatalog(store)
    closers.push(() => server.stop())
    world = await worldOf({ rest: { url: server.url }, store })
  }, 120_000)
  catalogConformance(() => world)
})

describe('an Iceberg REST catalog', () => {
  let server: RigRestCatalog
  let world: CatalogWorld
  beforeAll(async () => {
    server = await startRestCatalog()
    closers.push(() => server.stop())
    world = await worldOf({ rest: { url: server.url } })
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
