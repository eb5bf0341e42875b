import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { all, columnsNamed, delimited, fileOf, gist, tempFolder } from './support.ts'

const folder = tempFolder()
const columns = columnsNamed('a', 'b')
const format = delimited({ compression: 'gzip' })

test('gzip is read, offsets are unknown', async () => {
  const found = await all(fileOf(folder, gzipSync('ä,1\nb,2\n')), format, columns)
  expect(gist(found)).toEqual([
    ['ä', '1'],
    ['b', '2'],
  ])
  expect(found.map(({ line, byteOffset }) => [line, byteOffset])).toEqual([
    [1, null],
    [2, null],
  ])
})

test('gzip of several members is read to its end', async () => {
  const found = await all(fileOf(folder, Buffer.concat([gzipSync('a,1\nb'), gzipSync(',2\n')])), format, columns)
  expect(gist(found)).toEqual([
    ['a', '1'],
    ['b', '2'],
  ])
})

test('gzip that is cut off is a failure', async () => {
  const whole = gzipSync(Buffer.from(Array.from({ length: 5000 }, (_, i) => `${i},${Math.sin(i)}\n`).join('')))
  await expect(all(fileOf(folder, whole.subarray(0, whole.length - 20)), format, columns)).rejects.toMatchObject({
    code: 'FILE_COMPRESSION_BROKEN',
  })
})

test('a file that vanished and one that may not be read are failures', async () => {
  await expect(all(join(folder, 'gone'), delimited(), columns)).rejects.toMatchObject({ code: 'FILE_VANISHED' })
  await expect(all(join(folder, 'gone'), format, columns)).rejects.toMatchObject({ code: 'FILE_VANISHED' })
  await expect(all(folder, delimited(), columns)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
  const locked = fileOf(folder, 'a,1\n')
  chmodSync(locked, 0)
  if (process.getuid?.() !== 0)
    await expect(all(locked, delimited(), columns)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
})
