/** What every storage does for the lakehouse: the suite runs on a folder and on a real S3-compatible store. */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quoteLiteral } from '../../src/lakehouse/identifiers.ts'
import type { Storage } from '../../src/lakehouse/storage/storage.ts'

export interface StorageWorld {
  readonly storage: Storage
  /** The same files as another machine sees them, which has none of them. */
  elsewhere(): Storage
  /** On the disk of the storage's folder. */
  readonly scratchDir: string
  /** Other spellings of a location that name the same file. */
  spellings(location: string): readonly string[]
}

let places = 0

export function storageConformance(world: () => StorageWorld): void {
  const place = () => world().storage.tableLocation({ namespace: 'product_raw', name: `items_${places++}` })
  const finished = async (content: string | Buffer) => {
    const path = join(world().scratchDir, `finished-${places++}`)
    await mkdir(world().scratchDir, { recursive: true })
    await writeFile(path, content)
    return path
  }

  test('reads what was written, here and elsewhere', async () => {
    const { storage, elsewhere } = world()
    const location = `${place()}/metadata/ä b.json`
    await storage.writeNew(location, '{"ü": 1}')
    expect(String(await storage.read(location))).toBe('{"ü": 1}')
    expect(String(await elsewhere().read(location))).toBe('{"ü": 1}')
  })

  test('never writes over a file', async () => {
    const { storage } = world()
    const location = `${place()}/metadata/one.json`
    await storage.writeNew(location, 'first')
    await expect(storage.writeNew(location, 'second')).rejects.toThrow()
    expect(String(await storage.read(location))).toBe('first')
  })

  test('moves a finished file of any size into its place, where engines find it, here and elsewhere', async () => {
    const { storage, elsewhere } = world()
    for (const size of [0, 1, 20 << 20]) {
      const content = Buffer.alloc(size, 'abc')
      const from = await finished(content)
      const location = `${place()}/data/vendor=acme/${size}.parquet`
      await storage.publishFile(from, location)
      await expect(stat(from)).rejects.toThrow('ENOENT')
      for (const each of [storage, elsewhere()]) {
        await each.bring([{ location, sizeBytes: size }])
        expect((await readFile(each.pathOf(location))).equals(content)).toBe(true)
      }
    }
  })

  test('brings a file once, however many want it at once', async () => {
    const { storage, elsewhere } = world()
    const location = `${place()}/data/one.parquet`
    await storage.publishFile(await finished('rows'), location)
    const other = elsewhere()
    const file = { location, sizeBytes: 4 }
    await Promise.all(Array.from({ length: 20 }, () => other.bring([file, file])))
    expect(await readFile(other.pathOf(location), 'utf8')).toBe('rows')
  })

  test('lists what is below a place with size and time, and discards it', async () => {
    const { storage } = world()
    const [root, beside] = [place(), place()]
    const locations = ['metadata/a.json', 'data/x=1/b.parquet', 'c'].map(name => `${root}/${name}`)
    for (const location of locations) await storage.writeNew(location, 'four')
    await storage.writeNew(`${beside}/other`, 'x')
    await storage.writeNew(`${root}-2/other`, 'x')
    const listed = await storage.list(root)
    expect(listed.map(({ location }) => location).sort()).toEqual(locations.toSorted())
    for (const { sizeBytes, modifiedMs } of listed) {
      expect(sizeBytes).toBe(4)
      expect(Math.abs(Date.now() - modifiedMs)).toBeLessThan(120_000)
    }
    await storage.discard([...locations, `${root}/never`])
    expect(await storage.list(root)).toEqual([])
    await expect(storage.read(locations[0]!)).rejects.toThrow()
    expect(await storage.list(beside)).toHaveLength(1)
  })

  test('what is not there cannot be read or brought', async () => {
    const { storage } = world()
    await expect(storage.read(`${place()}/metadata/none.json`)).rejects.toThrow()
    expect(await storage.list(`${place()}/none`)).toEqual([])
  })

  test('a location has one path below the folder, in every spelling, and in SQL the same', async () => {
    const { storage, spellings } = world()
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    const part = fc.string({ unit: 'grapheme', minLength: 1 }).filter(text => !/[/\0]|^\.\.?$/.test(text))
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 4 }), async parts => {
        const location = `${place()}/${parts.join('/')}`
        const path = storage.pathOf(location)
        expect(path.startsWith(`${storage.folder}/`)).toBe(true)
        expect(path.endsWith(`/${parts.join('/')}`)).toBe(true)
        for (const spelled of [location, ...spellings(location)]) {
          expect(storage.pathOf(spelled)).toBe(path)
          const sql = `SELECT ${storage.pathSql('place')} FROM (SELECT ${quoteLiteral(spelled)} AS place)`
          expect((await connection.runAndReadAll(sql)).getRows()).toEqual([[path]])
        }
      }),
      { numRuns: 50 },
    )
    connection.closeSync()
    instance.closeSync()
  })

  test('a location of another kind is none of its', () => {
    expect(() => world().storage.pathOf('gs://bucket/key')).toThrow('this warehouse reads')
  })
}
