import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { inspectFile } from '../../src/discovery/shell.ts'
import { countRecords } from '../../src/records/records.ts'
import { discoveryPolicy } from '../fixtures/discovery-policy.ts'
import { codesOf, encoded } from './support.ts'

const folder = mkdtempSync(join(tmpdir(), 'aiworkflow-discovery-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
function fileOf(content: string | Uint8Array): string {
  const path = join(folder, `feed-${++files}.csv`)
  writeFileSync(path, content)
  return path
}
const small = { ...discoveryPolicy, sampleBytes: 4096 }
const rows = (count: number) => Array.from({ length: count }, (_, i) => `A-${i};thing ${i};${i}.50\n`).join('')

test('a file larger than the sample is counted to its end, its trailer found there', async () => {
  const path = fileOf(`sku;name;price\n${rows(5000)}\nTotal: 5000 records\n`)
  const spec = await inspectFile(path, small)
  expect(spec.rowCount).toBe(5000)
  expect(spec.format).toMatchObject({ trailerLines: 2 })
  expect(await countRecords(path, spec.format, { maxRecordBytes: 1e6, fields: 3 })).toMatchObject({
    records: 5000,
    malformed: 0,
  })
})

test('gzip is recognised by its bytes', async () => {
  const spec = await inspectFile(fileOf(gzipSync(`sku;name;price\n${rows(5000)}`)), small)
  expect(spec.format.compression).toBe('gzip')
  expect(spec.rowCount).toBe(5000)
})

test('a first letter beyond ASCII behind the sample tells the encoding', async () => {
  const text = `sku;name;price\n${rows(5000)}A-x;Größe weiß;1.50\nA-y;Küche schön;2.50\n`
  const spec = await inspectFile(fileOf(encoded(text, 'windows-1252')), small)
  expect(spec.format.encoding).toBe('windows-1252')
  expect(codesOf(spec)).not.toContain('INVALID_ENCODING')
  expect((await inspectFile(fileOf(text), small)).format.encoding).toBe('utf-8')
})

test('keys that only later records have become columns', async () => {
  const lines = Array.from({ length: 2000 }, (_, i) =>
    JSON.stringify({ id: `a${i}`, n: i, ...(i === 1900 ? { late: { x: 1 } } : {}) }),
  )
  const spec = await inspectFile(fileOf(`${lines.join('\n')}\n`), small)
  expect(spec.columns.map(({ name, type }) => `${name} ${type}`)).toEqual(['id string', 'n long', 'late_x string'])
  expect(spec.rowCount).toBe(2000)
})

test('ragged and broken records anywhere in the file are told', async () => {
  const spec = await inspectFile(fileOf(`sku;name;price\n${rows(3000)}A-x;broken\n${rows(3000)}`), small)
  expect(spec.rowCount).toBe(6001)
  expect(spec.quality).toContainEqual({ code: 'TOO_FEW_FIELDS', message: '1 of 6001 records' })
})

test('a truncated archive, an empty one, a file that vanished and a huge line are failures', async () => {
  const whole = gzipSync(Buffer.from(Array.from({ length: 3000 }, (_, i) => `${i};${Math.sin(i)}\n`).join('')))
  await expect(inspectFile(fileOf(whole.subarray(0, whole.length - 50)), small)).rejects.toMatchObject({
    code: 'FILE_COMPRESSION_BROKEN',
  })
  await expect(inspectFile(fileOf(gzipSync('')), small)).rejects.toMatchObject({ code: 'FILE_EMPTY' })
  await expect(inspectFile(fileOf(''), small)).rejects.toMatchObject({ code: 'FILE_EMPTY' })
  await expect(inspectFile(join(folder, 'gone.csv'), small)).rejects.toMatchObject({ code: 'FILE_VANISHED' })
  await expect(inspectFile(fileOf('x'.repeat(100_000)), small)).rejects.toMatchObject({ code: 'FILE_RECORD_TOO_LONG' })
})
