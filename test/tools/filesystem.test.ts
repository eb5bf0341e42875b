import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DiscoveryPolicy } from '../../contracts/data/policy.ts'
import type { ToolOutput } from '../../contracts/tools/index.ts'
import { connectInMemory, type ToolClient } from '../../src/tools/client.ts'
import { lineLimitCharacters } from '../../src/tools/filesystem/looking.ts'
import { createRoots } from '../../src/tools/filesystem/roots.ts'
import { filesystemServer } from '../../src/tools/filesystem/server.ts'
import { csv } from './lake.ts'

const policy: DiscoveryPolicy = {
  kind: 'policy.discovery',
  owner: 'stewards',
  sampleBytes: 65_536,
  maxRecordBytes: 1_000_000,
  typeFit: 0.98,
  nullTokens: [],
  booleans: [],
  datePatterns: [],
  timestampPatterns: [],
  identifierWords: ['sku'],
  semantics: [],
  settleMs: 0,
}
const workspace = mkdtempSync(path.join(tmpdir(), 'files-'))
const acme = path.join(workspace, 'landing/acme')
let client: ToolClient

beforeAll(async () => {
  mkdirSync(acme, { recursive: true })
  const write = (name: string, bytes: string | Uint8Array) => writeFileSync(path.join(acme, name), bytes)
  write('products.csv', 'sku,title,price\nA1,Anvil,1.50\nB2,"Bolt, long",2\n')
  write('products.csv.gz', gzipSync('sku;title\r\nA1;M\u00fcller\r\n'))
  write('latin.csv', Buffer.from('sku;title\nA1;M\xfcller\n', 'latin1'))
  write('lines.ndjson', '{"sku":"A1","size":{"w":1}}\n{"sku":\n{"sku":"B2"}\n')
  write('long.csv', `sku,title\nA,${'x'.repeat(100_000)}\n`)
  write('empty.csv', '')
  write('secret.csv', 'sku\n')
  chmodSync(path.join(acme, 'secret.csv'), 0)
  symlinkSync('/etc/hostname', path.join(acme, 'hostname.csv'))
  const roots = createRoots(workspace, ['landing'])
  client = await connectInMemory(filesystemServer({ roots, policy: async () => policy }))
})
afterAll(() => rmSync(workspace, { recursive: true }))

const call = <T = unknown>(tool: string, input: Record<string, unknown>) =>
  client.call(tool, input, { trace: {}, timeoutMs: 10_000 }) as Promise<T>
const at = (name: string, more: Record<string, unknown> = {}) => ({ path: `landing/acme/${name}`, ...more })

describe('filesystem tools', () => {
  test('stat and list say path, size and time, and leave out what leads outside', async () => {
    const stat = await call('stat_file', at('products.csv'))
    expect(stat).toMatchObject({ path: 'landing/acme/products.csv', sizeBytes: 48 })
    const { files } = await call<ToolOutput<'filesystem.list_files'>>('list_files', {})
    expect(files).toContainEqual(stat)
    expect(files.map(file => path.basename(file.path))).not.toContain('hostname.csv')
  })

  test.each([
    ['products.csv', ['sku,title,price', 'A1,Anvil,1.50', 'B2,"Bolt, long",2']],
    ['products.csv.gz', ['sku;title', 'A1;Müller']],
    ['latin.csv', ['sku;title', 'A1;Müller']],
  ])('head of %s: decompressed and decoded', async (name, lines) => {
    expect(await call('head_file', at(name))).toEqual({ lines, truncated: false })
  })

  test('head cuts after so many lines, and cuts a long line', async () => {
    expect(await call('head_file', at('products.csv', { lines: 1 }))).toEqual({
      lines: ['sku,title,price'],
      truncated: true,
    })
    const { lines, truncated } = await call<ToolOutput<'filesystem.head_file'>>('head_file', at('long.csv'))
    expect([lines[1]?.length, truncated]).toEqual([lineLimitCharacters, true])
  })

  test('a sample has records in the format found, and in the one given', async () => {
    expect(await call('sample_file', at('products.csv', { records: 1 }))).toEqual({
      columns: ['sku', 'title', 'price'],
      records: [['A1', 'Anvil', '1.50']],
    })
    const { records } = await call<ToolOutput<'filesystem.sample_file'>>(
      'sample_file',
      at('products.csv', { format: { ...csv, delimiter: ';' } }),
    )
    expect(records[0]).toEqual(['A1,Anvil,1.50'])
    expect(await call('sample_file', at('lines.ndjson'))).toMatchObject({ records: { length: 2 } })
  })

  test('counting reads the whole file, well-formed and malformed', async () => {
    const counting = { columns: 3, maxRecordBytes: 1000 }
    expect(await call('count_records', at('products.csv', { format: csv, ...counting }))).toEqual({
      records: 2,
      malformed: 0,
    })
    expect(await call('count_records', at('products.csv', { format: csv, ...counting, columns: 2 }))).toEqual({
      records: 2,
      malformed: 2,
    })
    const ndjson = { kind: 'ndjson', encoding: 'utf-8', compression: 'none' }
    expect(await call('count_records', at('lines.ndjson', { format: ndjson, ...counting }))).toEqual({
      records: 3,
      malformed: 1,
    })
  })

  test('inspecting proposes format and columns', async () => {
    const { spec } = await call<ToolOutput<'filesystem.inspect_file'>>('inspect_file', at('products.csv'))
    expect(spec).toMatchObject({ format: { kind: 'delimited', delimiter: ',' }, rowCount: 2 })
    expect(spec.columns.map(({ name }) => name)).toEqual(['sku', 'title', 'price'])
  })

  test.each(['stat_file', 'head_file', 'sample_file', 'inspect_file'])('%s refuses every way out', async tool => {
    for (const way of ['../x.csv', '/etc/hostname', 'landing/acme/hostname.csv', 'aiworkflow.yaml', 'landing/\0'])
      await expect(call(tool, { path: way })).rejects.toMatchObject({ code: 'PATH_OUTSIDE_ROOT' })
    await expect(call(tool, at('nothing.csv'))).rejects.toMatchObject({ code: 'PATH_UNKNOWN' })
  })

  test('an empty file is FILE_EMPTY, in the words of the caller', async () => {
    await expect(call('inspect_file', at('empty.csv'))).rejects.toMatchObject({
      code: 'FILE_EMPTY',
      message: expect.stringContaining('landing/acme/empty.csv'),
    })
  })

  test('a file that may not be read is FILE_UNREADABLE', async () => {
    await asNobody(() => expect(call('head_file', at('secret.csv'))).rejects.toMatchObject({ code: 'FILE_UNREADABLE' }))
  })
})

/** Root may read everything: for the length of `work` it is the user who may read nothing. */
async function asNobody(work: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return work()
  process.seteuid?.(65534)
  try {
    await work()
  } finally {
    process.seteuid?.(0)
  }
}
