import { mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { FileCatalog } from '../../src/catalog/files.ts'
import { catalogConformance, type OwnedDocuments } from '../conformance/catalog.ts'
import { contract, failureCode, folderWith, mapping, rules, shippedCatalog, standard, vendors } from './documents.ts'

const feed = { vendor: 'acme', table: 'things' }
const policies = await new FileCatalog(shippedCatalog).policies()
const owned: OwnedDocuments = { standards: [standard], rules: [rules], vendors, policies }

function filesOf({ standards, rules, vendors, policies }: OwnedDocuments): Record<string, string> {
  return Object.fromEntries([
    ...standards.map(document => [`standards/${document.name}.yaml`, stringify(document)]),
    ...rules.map((document, at) => [`rules/${at}.yaml`, stringify(document)]),
    ['vendors.yaml', stringify(vendors)],
    ...Object.entries(policies).map(([name, document]) => [`policies/${name}.yaml`, stringify(document)]),
  ])
}

async function write(root: string, files: Record<string, string>): Promise<void> {
  for (const folder of ['standards', 'rules']) await rm(join(root, folder), { recursive: true, force: true })
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(root, path, '..'), { recursive: true })
    await writeFile(join(root, path), text)
  }
}

catalogConformance('of files', {
  owned,
  contract,
  mapping,
  make: async documents => {
    const root = await folderWith(filesOf(documents))
    return {
      catalog: new FileCatalog(root),
      open: async () => new FileCatalog(root),
      replace: documents => write(root, filesOf(documents)),
    }
  },
})

const catalogWith = async (files: Record<string, string> = {}) => {
  const root = await folderWith({ ...filesOf(owned), ...files })
  return { root, catalog: new FileCatalog(root) }
}

describe('an invalid document says where it is wrong and whose it is', () => {
  test('an unknown key: file, line, path, the nearest known key, and the owner', async () => {
    const text = stringify({
      ...rules,
      checks: [{ ...rules.checks[0], toleratedFraction: undefined, severty: 'warn' }],
    })
    const line = text.split('\n').findIndex(text => text.includes('severty')) + 1
    const { catalog } = await catalogWith({ 'rules/0.yaml': text })
    await expect(catalog.rules()).rejects.toMatchObject({
      code: 'DOCUMENT_INVALID',
      owner: 'pricing',
      message: expect.stringMatching(
        new RegExp(
          `^catalog/rules/0\\.yaml:${line}:\\d+ checks\\[0\\]\\.severty: unknown key; did you mean severity\\?`,
        ),
      ),
    })
  })

  test('an unknown key that resembles none: the known keys', async () => {
    const { catalog } = await catalogWith({ 'vendors.yaml': stringify({ ...vendors, zzzzzzzz: 1 }) })
    await expect(catalog.vendors()).rejects.toThrow(
      'zzzzzzzz: unknown key; known keys: kind, default, vendors, patterns',
    )
  })

  test('a key behind a record and a default is known too', async () => {
    const { catalog } = await catalogWith({
      'vendors.yaml': stringify({ ...vendors, vendors: { acme: { curency: 'EUR' } } }),
    })
    await expect(catalog.vendors()).rejects.toThrow('vendors.acme.curency: unknown key; did you mean currency?')
  })

  test('a missing key: the line of the thing that lacks it, and what was expected', async () => {
    const { catalog } = await catalogWith({
      'vendors.yaml': 'kind: vendors\ndefault:\n  region: EU\n  owner: x\n  deliveryMode: full\nvendors: {}\n',
    })
    await expect(catalog.vendors()).rejects.toThrow(/^catalog\/vendors\.yaml:2:1 default\.currency: .*expected string/)
  })

  test('text that is no YAML: the line', async () => {
    const { catalog } = await catalogWith({ 'vendors.yaml': 'kind: vendors\n  default: [\n' })
    await expect(catalog.vendors()).rejects.toThrow(/^catalog\/vendors\.yaml:[123]:\d+ /)
  })

  test('a key that is there twice', async () => {
    const { catalog } = await catalogWith({ 'vendors.yaml': `${stringify(vendors)}kind: vendors\n` })
    expect(await failureCode(catalog.vendors())).toBe('DOCUMENT_INVALID')
  })

  test('many faults: the first three, and how many more', async () => {
    const { catalog } = await catalogWith({
      'vendors.yaml': stringify({ ...vendors, a1: 1, b1: 1, c1: 1, d1: 1, e1: 1 }),
    })
    await expect(catalog.vendors()).rejects.toThrow(/; and 2 more$/)
  })

  test('a missing document and a missing catalog: CATALOG_MISSING', async () => {
    expect(await failureCode(new FileCatalog(await folderWith()).vendors())).toBe('CATALOG_MISSING')
    expect(await failureCode(new FileCatalog('nowhere').putMapping(mapping))).toBe('CATALOG_MISSING')
  })
})

describe('files that people add and change', () => {
  test('a broken mapping of one feed stops no other', async () => {
    const { catalog } = await catalogWith({ 'feeds/acme/things/mapping.v1.yaml': 'nonsense: [' })
    await catalog.putMapping({ ...mapping, table: 'others' })
    expect(await failureCode(catalog.mapping(feed))).toBe('DOCUMENT_INVALID')
    expect((await catalog.mapping({ ...feed, table: 'others' }))?.version).toBe(1)
  })

  test('a contract is kept as an Open Data Contract, and a column at fault is found by its line', async () => {
    const { root, catalog } = await catalogWith()
    await catalog.putContract(contract)
    const file = join(root, 'feeds/acme/things/contract.v1.odcs.yaml')
    const text = await readFile(file, 'utf8')
    expect(parse(text)).toMatchObject({ apiVersion: 'v3.1.0', kind: 'DataContract', version: '1' })
    await writeFile(file, text.replace('physicalType: decimal(9,2)', 'physicalType: money'))
    const line = text.split('\n').findIndex(row => row.includes('name: preis')) + 1
    await expect(catalog.contract(feed)).rejects.toMatchObject({
      code: 'DOCUMENT_INVALID',
      owner: 'acme-buyers',
      message: expect.stringMatching(
        new RegExp(
          `^catalog/feeds/acme/things/contract\\.v1\\.odcs\\.yaml:${line}:\\d+ schema\\[0\\]\\.properties\\[1\\]: `,
        ),
      ),
    })
  })

  test('a version whose file says that it is another: DOCUMENT_INVALID', async () => {
    const { catalog } = await catalogWith({ 'feeds/acme/things/mapping.v2.yaml': stringify(mapping) })
    await expect(catalog.mapping(feed)).rejects.toThrow('mapping.v2.yaml says that it is acme/things version 1')
  })

  test('files of other names are nobody’s versions', async () => {
    const { catalog } = await catalogWith({
      'feeds/acme/things/mapping.v01.yaml': 'x',
      'feeds/acme/things/mapping.v3.yaml.bak': 'x',
      'feeds/acme/things/.draft': 'x',
      'feeds/Not A Vendor/things/mapping.v1.yaml': 'x',
      'feeds/README.md': 'x',
    })
    expect(await catalog.mapping(feed)).toBeUndefined()
    expect(await catalog.mappings()).toEqual([])
  })

  test('a file that is rewritten with the same size within the same second is read again', async () => {
    const { root, catalog } = await catalogWith()
    const text = stringify(vendors)
    expect((await catalog.vendors()).default.currency).toBe('EUR')
    await writeFile(join(root, 'vendors.yaml'), text.replace('EUR', 'SEK'))
    expect((await catalog.vendors()).default.currency).toBe('SEK')
  })

  test('a put leaves one file and no draft', async () => {
    const { root, catalog } = await catalogWith()
    await catalog.putMapping(mapping)
    await failureCode(catalog.putMapping({ ...mapping, owner: 'another' }))
    const folder = join(root, 'feeds/acme/things')
    expect(await readdir(folder)).toEqual(['mapping.v1.yaml'])
    expect(await readFile(join(folder, 'mapping.v1.yaml'), 'utf8')).toMatch(/^# A version never changes/)
  })

  test('the draft of a killed writer is taken away by a later put, the draft of one at work is not', async () => {
    const { root, catalog } = await catalogWith({
      'feeds/acme/things/.forsaken.draft': 'half a',
      'feeds/acme/things/.at-work.draft': 'half a',
    })
    const folder = join(root, 'feeds/acme/things')
    const twoHoursAgo = new Date(Date.now() - 2 * 3_600_000)
    await utimes(join(folder, '.forsaken.draft'), twoHoursAgo, twoHoursAgo)
    await catalog.putMapping(mapping)
    expect((await readdir(folder)).sort()).toEqual(['.at-work.draft', 'mapping.v1.yaml'])
  })
})

describe('links that lead out of the catalog', () => {
  test('a linked document is not read', async () => {
    const { root, catalog } = await catalogWith()
    const outside = await folderWith({ 'vendors.yaml': stringify(vendors) })
    await rm(join(root, 'vendors.yaml'))
    await symlink(join(outside, 'vendors.yaml'), join(root, 'vendors.yaml'))
    expect(await failureCode(catalog.vendors())).toBe('PATH_OUTSIDE_ROOT')
  })

  test('a linked vendor folder is not written to', async () => {
    const { root, catalog } = await catalogWith()
    const outside = await folderWith()
    await mkdir(join(root, 'feeds'))
    await symlink(outside, join(root, 'feeds/acme'))
    expect(await failureCode(catalog.putMapping(mapping))).toBe('PATH_OUTSIDE_ROOT')
    expect(await readdir(outside)).toEqual([])
  })
})
