import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { document, temporaryFolder, typed } from './process.ts'

const Key = z.strictObject({ columns: z.array(z.string()).min(1), evidence: z.string(), confidence: z.number() })
const DiscoverDocument = z.strictObject({
  files: z.array(
    z.strictObject({
      path: z.string(),
      vendor_name: z.string(),
      table_name: z.string(),
      format: z.enum(['delimited', 'ndjson', 'json']),
      columns: z.array(
        z.looseObject({ name: z.string(), source_name: z.string(), type: z.string(), nullable: z.boolean() }),
      ),
      primary_keys: z.array(Key),
      natural_keys: z.array(Key),
      partition_candidates: z.array(z.strictObject({ column: z.string(), transform: z.string(), reason: z.string() })),
      row_count: z.int().nullable(),
      size_bytes: z.int(),
      dialect: z.looseObject({ encoding: z.string(), compression: z.string() }),
      null_tokens: z.array(z.string()),
      quality: z.array(z.strictObject({ code: z.string(), column: z.string().optional(), message: z.string() })),
      confidence: z.number(),
    }),
  ),
  errors: z.array(
    z.strictObject({ path: z.string(), code: z.string(), message: z.string(), owner: z.string(), way_out: z.string() }),
  ),
})

const products = (delimiter: string) =>
  [['gtin', 'Artikel', 'Preis'], ...[1, 2, 3, 4, 5, 6].map(id => [`0400638133393${id}`, `Lampe ${id}`, `${id},50`])]
    .map(row => row.join(delimiter))
    .join('\n')

test('a folder is walked; each file is described or listed with why it cannot be, and nothing needs a workspace', async () => {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'acme'))
  await writeFile(join(folder, 'acme/products_2026-01-01.csv'), products(';'))
  await writeFile(join(folder, 'acme/lamps.ndjson.gz'), gzipSync('{"id":"1","name":"a"}\n{"id":"2","name":"b"}\n'))
  await writeFile(join(folder, 'acme/.hidden'), 'no delivery')
  await writeFile(join(folder, 'empty.csv'), '')
  await symlink('nowhere', join(folder, 'dangling.csv'))
  const {
    code,
    stderr,
    document: found,
  } = await document(DiscoverDocument, ['discover', folder, join(folder, 'gone.csv')])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(found.files.map(file => [file.vendor_name, file.table_name, file.format, file.row_count])).toEqual([
    ['acme', 'lamps', 'ndjson', 2],
    ['acme', 'products', 'delimited', 6],
  ])
  expect(found.files[1]?.dialect).toMatchObject({ delimiter: ';', header_rows: 1, encoding: 'utf-8' })
  expect(found.files[1]?.columns.map(({ name, source_name, type }) => [name, source_name, type])).toEqual([
    ['gtin', 'gtin', 'string'],
    ['artikel', 'Artikel', 'string'],
    ['preis', 'Preis', expect.stringMatching(/^decimal/)],
  ])
  expect(found.errors.map(({ path, code }) => [path, code])).toEqual([
    [join(folder, 'empty.csv'), 'FILE_EMPTY'],
    [join(folder, 'gone.csv'), 'PATH_UNKNOWN'],
  ])
})

test('a file that lies in no folder of a vendor is named by its own name', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'acme_products.csv'), products(','))
  const { document: found } = await document(DiscoverDocument, ['discover', join(folder, 'acme_products.csv')])
  expect(found.files.map(file => [file.vendor_name, file.table_name])).toEqual([['acme', 'products']])
})

test('when nothing can be described the command has failed', async () => {
  const { code, stdout } = await typed(['discover', join(await temporaryFolder(), 'gone.csv')])
  expect(code).toBe(1)
  expect(stdout).toContain('PATH_UNKNOWN')
  expect(stdout).toContain('0 files described, 1 file not')
})
