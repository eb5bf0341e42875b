/** Both kinds of storage by one suite; and what a store alone can do wrong. */
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { eachOf } from '../../src/lakehouse/storage/each.ts'
import { folderStorage } from '../../src/lakehouse/storage/folder.ts'
import { mirrorPath, openMirror } from '../../src/lakehouse/storage/mirror.ts'
import { openS3 } from '../../src/lakehouse/storage/s3.ts'
import { type StorageWorld, storageConformance } from '../conformance/storage.ts'
import { startProxy } from '../rig/proxy.ts'
import { type RigS3, startS3 } from '../rig/s3.ts'
import { expectFailure, temporaryDir } from './harness.ts'
import { bucketOf, type Store, storageOf, storeAt } from './store.ts'

const closers: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

async function folderOf(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `aiworkflow-${name}-`))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  return folder
}

let s3: RigS3
let store: Store
beforeAll(async () => {
  s3 = await startS3()
  closers.push(() => s3.stop())
  store = await bucketOf(s3, 'lake')
}, 120_000)

describe('a folder', () => {
  let world: StorageWorld
  beforeAll(async () => {
    const folder = await folderOf('storage')
    world = {
      storage: folderStorage(folder),
      elsewhere: () => folderStorage(folder),
      scratchDir: join(folder, 'scratch'),
      spellings: location => [location.replace('file://', 'file:'), location.replace('file://', '')],
    }
  })
  storageConformance(() => world)
})

describe('an S3-compatible store', () => {
  let world: StorageWorld
  let elsewhere = 0
  beforeAll(async () => {
    const folder = await folderOf('storage')
    world = {
      storage: storageOf(store, join(folder, 'copies')),
      elsewhere: () => storageOf(store, join(folder, `copies-${elsewhere++}`)),
      scratchDir: join(folder, 'scratch'),
      spellings: location => [location.replace('s3:', 's3a:'), location.replace('s3:', 's3n:')],
    }
  })
  storageConformance(() => world)

  test('tables of one name made by two catalogs share no folder', () => {
    const table = { namespace: 'product_raw', name: 'items' }
    const [one, other] = [world.storage.tableLocation(table), world.storage.tableLocation(table)]
    expect(one.startsWith('s3://lake/shop/tables/product_raw/items-')).toBe(true)
    expect(one).not.toBe(other)
  })

  test('what was written here is not fetched again', async () => {
    const [here, location] = [temporaryDir(), world.storage.tableLocation({ namespace: 'a', name: 'b' })]
    const storage = storageOf(store, here)
    await storage.writeNew(`${location}/one`, 'one')
    await openS3(store).remove([`${location}/one`])
    expect(String(await storage.read(`${location}/one`))).toBe('one')
    await expectFailure(storageOf(store, temporaryDir()).read(`${location}/one`), 'LAKE_FILE_MISSING', /has no s3:/)
  })
})

describe('a store that fails', () => {
  const location = 's3://lake/shop/file'

  const throughProxy = async () => {
    const proxy = await startProxy(s3.port)
    const calls = openS3({ ...store, endpoint: `http://127.0.0.1:${proxy.port}` })
    onTestFinished(async () => {
      calls.close()
      await proxy.close()
    })
    return { proxy, calls }
  }

  test('is tried again where the answer was lost, and what it did is not done twice', async () => {
    const { proxy, calls } = await throughProxy()
    proxy.cutAnswers(1)
    expect(await calls.create(`${location}-lost`, Buffer.from('once'))).toBe(true)
    expect(proxy.cuts).toBe(1)
    expect(await calls.create(`${location}-lost`, Buffer.from('twice'))).toBe(false)
    expect(String(await calls.read(`${location}-lost`))).toBe('once')
  })

  test('is tried again where it is busy, not for ever', async () => {
    const { proxy, calls } = await throughProxy()
    const busy = 'HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
    proxy.answerInstead(busy, 2)
    expect(await calls.create(`${location}-busy`, Buffer.from('x'))).toBe(true)
    proxy.answerInstead(busy, 1_000)
    await expectFailure(calls.read(`${location}-busy`), 'LAKE_STORE_UNREACHABLE', /answered 503/)
  })

  test('a file that is cut off on its way is fetched again, whole', async () => {
    const { proxy, calls } = await throughProxy()
    const folder = temporaryDir()
    const content = Buffer.alloc(20 << 20, 'abcdefg')
    await writeFile(join(folder, 'sent'), content)
    await calls.upload(join(folder, 'sent'), `${location}-large`)
    proxy.cutAnswerAfter(10 << 20)
    await calls.download(`${location}-large`, join(folder, 'fetched'))
    expect(proxy.cuts).toBe(1)
    expect((await readFile(join(folder, 'fetched'))).equals(content)).toBe(true)
  })

  test('that is away is waited for; a bucket that is not there is for people', async () => {
    const away = openS3(storeAt('http://127.0.0.1:1', store.url, s3.credentials))
    await expectFailure(away.read(location), 'LAKE_STORE_UNREACHABLE', /127\.0\.0\.1:1 cannot be reached for s3:/)
    await expectFailure(openS3(store).read('s3://nolake/file'), 'LAKE_STORE_REFUSED', /NoSuchBucket/)
  })

  test('keys that it does not know are refused, and no failure tells them', async () => {
    const strict = await startS3()
    closers.push(() => strict.stop())
    await strict.makeBucket('lake')
    await strict.refuseAll()
    const calls = openS3(storeAt(strict.endpoint, store.url, s3.credentials))
    const failure = await calls.create(location, Buffer.from('x')).catch(error => error)
    expect(failure).toMatchObject({ code: 'LAKE_STORE_REFUSED', message: expect.stringContaining('answered 403') })
    expect(failure.wayOut).toContain('AWS_ACCESS_KEY_ID')
    expect(failure.cause).toBeUndefined()
    expect(JSON.stringify(failure) + failure.stack).not.toContain(s3.credentials.secretAccessKey)
  })
})

describe('a piece of work for every item', () => {
  test('is done for each, so many at once', async () => {
    let [now, most] = [0, 0]
    const done: number[] = []
    await eachOf([1, 2, 3, 4, 5, 6, 7], 3, async item => {
      now += 1
      most = Math.max(most, now)
      await delay(item % 2)
      now -= 1
      done.push(item)
    })
    expect([done.sort(), most]).toEqual([[1, 2, 3, 4, 5, 6, 7], 3])
    await eachOf([], 3, async () => expect.unreachable())
  })

  test('stops at the first that fails, and says so', async () => {
    const begun: number[] = []
    const work = eachOf([1, 2, 3, 4, 5], 2, async item => {
      begun.push(item)
      await delay(1)
      if (item === 2) throw new Error('two')
    })
    await expect(work).rejects.toThrow('two')
    await delay(10)
    expect(begun.length).toBeLessThan(5)
  })
})

describe('copies', () => {
  const copied = async (mostBytes: number) => {
    const folder = temporaryDir()
    const fetched: string[] = []
    const mirror = openMirror({
      folder,
      mostBytes,
      download: async (location, path) => {
        fetched.push(location)
        await writeFile(path, Buffer.alloc(1000))
      },
    })
    const locationOf = (name: string) => `s3://lake/data/${name}`
    const bring = (...names: string[]) =>
      mirror.bring(names.map(name => ({ location: locationOf(name), sizeBytes: 1000 })))
    /** As if it had been asked for so long ago. */
    const age = async (name: string, hours: number) => {
      const at = new Date(Date.now() - hours * 3_600_000)
      await utimes(mirrorPath(folder, locationOf(name)), at, at)
    }
    const there = async () => (await readdir(join(folder, 'lake/data'))).sort().join('')
    return { bring, fetched, age, there }
  }

  test('what was not asked for the longest goes beyond the bound; what was asked for within the hour stays', async () => {
    const { bring, age, there } = await copied(2500)
    for (const name of ['a', 'b', 'c']) await bring(name)
    expect(await there()).toBe('abc')
    await age('a', 3)
    await age('b', 5)
    await bring('a')
    await bring('d')
    expect(await there()).toBe('acd')
    await age('c', 2)
    await bring('e')
    expect(await there()).toBe('ade')
  })

  test('more than there is room for is not begun; what is there already needs none', async () => {
    const { bring, fetched } = await copied(2500)
    await bring('a', 'b')
    await expectFailure(bring('a', 'c', 'd', 'e'), 'DISK_FULL', /3 files of 0\.003 MB have to be copied/)
    expect(fetched).toHaveLength(2)
    await bring('a', 'b', 'c', 'd')
    expect(fetched).toHaveLength(4)
  })

  test('one that fails to come leaves nothing, and comes the next time', async () => {
    const folder = temporaryDir()
    let fails = true
    const mirror = openMirror({
      folder,
      mostBytes: 1e6,
      download: async (_, path) => {
        await writeFile(path, 'half')
        if (fails) throw new Error('cut')
      },
    })
    await expect(mirror.bring([{ location: 's3://lake/a', sizeBytes: 4 }])).rejects.toThrow('cut')
    expect(await readdir(join(folder, '.incoming'))).toEqual([])
    fails = false
    await mirror.bring([{ location: 's3://lake/a', sizeBytes: 4 }])
    expect(await readFile(mirrorPath(folder, 's3://lake/a'), 'utf8')).toBe('half')
  })

  test('path and location say the same', () => {
    const part = fc.string({ minLength: 1 }).filter(text => !/[/\0]|^\.\.?$/.test(text))
    fc.assert(
      fc.property(fc.array(part, { minLength: 1 }), parts => {
        expect(mirrorPath('/copies', `s3://${parts.join('/')}`)).toBe(`/copies/${parts.join('/')}`)
      }),
    )
    for (const bad of ['s3://lake/../etc', 's3://lake//a', 's3://lake/./a', 's3://lake/a/', 'file:///a', '/a'])
      expect(() => mirrorPath('/copies', bad)).toThrow(bad)
  })
})
