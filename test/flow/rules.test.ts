/** The catalog rules: people change YAML and the tables follow, with no word of it in the code. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { parse } from 'yaml'
import { replay } from '../../src/cli/replay.ts'
import { keeps } from '../promises.ts'
import {
  csv,
  deliveryOf,
  type Product,
  product,
  products,
  rowsOf,
  setting,
  statesOf,
  withCheck,
  workspaceWith,
} from './support.ts'
import { type TestWorkspace, unbalanced } from './workspace.ts'

const file = 'acme/products-2026-01-10.csv'
const feed = { vendor: 'acme', table: 'products' }

keeps('P1', 'P7')(
  'a check added to the YAML rejects rows on the next run, without a new delivery; taken out again, they are back',
  async () => {
    const workspace = await workspaceWith({ [file]: csv(products(1, 30)) })
    await workspace.run()
    const rule =
      '{id: not-cheap, column: list_price, expression: list_price >= 10, severity: reject, message: Too cheap., owner: ada}'
    await workspace.edit('rules/quality.yaml', withCheck(rule))
    const stricter = await workspace.run()
    expect(deliveryOf(stricter, file)).toMatchObject({ state: 'published', rowsPublished: 21, rowsRejectedInCore: 9 })
    expect(unbalanced(stricter)).toEqual([])
    expect(await workspace.query('SELECT count(*), min(list_price) FROM product_core.product')).toEqual([
      [21, '10.5000'],
    ])
    expect(
      await workspace.query(
        `SELECT DISTINCT rule_id, error_message, owner FROM product_raw.ingest_errors WHERE stage = 'core'`,
      ),
    ).toEqual([['not-cheap', 'Too cheap.', 'ada']])

    await workspace.edit('rules/quality.yaml', text => text.replace(`  - ${rule}\n`, ''))
    const back = await workspace.run()
    expect(deliveryOf(back, file)).toMatchObject({ state: 'published', rowsPublished: 30, rowsRejectedInCore: 0 })
    expect(rowsOf(back, 'product_core.product')).toBe(30)
    expect(rowsOf(back, 'product_raw.acme_products')).toBe(30)
    expect(statesOf(await workspace.run())).toEqual({ [file]: 'duplicate' })
  },
)

keeps('P7')('a normalization rule changed in the YAML changes the values in core on the next run', async () => {
  const workspace = await workspaceWith({ [file]: csv(products(1, 30)) })
  await workspace.run()
  await workspace.edit('rules/normalization.yaml', text =>
    text.replace(/(column: product_name\b[\s\S]*?expression: )trim\(value\)/, '$1upper(trim(value))'),
  )
  await workspace.run()
  expect(
    await workspace.query('SELECT count(*) FROM product_core.product WHERE product_name = upper(product_name)'),
  ).toEqual([[30]])
})

keeps('P6', 'P7')(
  'a threshold of the autonomy policy decides who is asked: surer than sure, and a person is',
  async () => {
    const workspace = await workspaceWith({ [file]: csv(products(1, 30)) })
    await workspace.edit('policies/autonomy.yaml', setting('acceptConfidence', 1))
    const summary = await workspace.run()
    expect(deliveryOf(summary, file).state).toBe('waiting')
    expect(summary.approvals.filter(({ blocking }) => blocking).length).toBeGreaterThan(0)
  },
)

/** What each column of the standard is made of, in the standard's order. */
const mappingOf = (workspace: TestWorkspace) =>
  workspace.with(async ({ catalog }) => {
    const mapping = await catalog.mapping(feed)
    return mapping?.columns.map(({ sourceColumns, status, step }) => [sourceColumns, status, step])
  })

const records = products(1, 30, { color: 'red', barcode: '4006381333931', weight: '2.5' })

keeps('P7')(
  'columns of the standard renamed in the YAML only: the same mapping, the table under the new names',
  async () => {
    const [shipped, renamed] = [
      await workspaceWith({ [file]: csv(records) }),
      await workspaceWith({ [file]: csv(records) }),
    ]
    const names = ['product_id', 'product_name', 'list_price', 'color_name', 'shipping_weight']
    const rename = (text: string) =>
      names.reduce((all, name) => all.replace(new RegExp(`\\b${name}\\b`, 'g'), `zz_${name}`), text)
    for (const path of ['standards/product.yaml', 'rules/normalization.yaml', 'rules/quality.yaml'])
      await renamed.edit(path, rename)
    expect(deliveryOf(await shipped.run(), file).state).toBe('published')
    expect(deliveryOf(await renamed.run(), file).state).toBe('published')
    expect(await mappingOf(renamed)).toEqual(await mappingOf(shipped))
    const columns = names.join(', ')
    const select = (list: string) => `SELECT ${list} FROM product_core.product ORDER BY 1`
    expect(await renamed.query(select(rename(columns)))).toEqual(await shipped.query(select(columns)))
  },
)

keeps('P7')(
  'synonyms in a language nobody speaks, in the YAML only: a feed in that language is mapped the same',
  async () => {
    const words: Product = {
      sku: 'kvorbik',
      title: 'mellunost',
      price: 'dropsewert',
      color: 'tintlaf',
      barcode: 'strelkun',
      weight: 'hevvimor',
    }
    const spoken = records.map(record =>
      Object.fromEntries(Object.entries(record).map(([key, value]) => [words[key] ?? key, value])),
    )
    const [shipped, foreign] = [
      await workspaceWith({ [file]: csv(records) }),
      await workspaceWith({ [file]: csv(spoken) }),
    ]
    const targets: Product = {
      product_id: 'sku',
      product_name: 'title',
      list_price: 'price',
      color_name: 'color',
      gtin: 'barcode',
      shipping_weight: 'weight',
    }
    await foreign.edit('standards/product.yaml', text =>
      Object.entries(targets).reduce(
        (all, [column, word]) =>
          all.replace(
            new RegExp(`(- name: ${column}\\n(.|\\n)*?synonyms:\\n)`),
            `$1      x-invented: [${words[word]}]\n`,
          ),
        text,
      ),
    )
    await shipped.run()
    expect(deliveryOf(await foreign.run(), file).state).toBe('published')
    const inEnglish = (await mappingOf(foreign))?.map(([sources, ...rest]) => [
      (sources as string[]).map(source => Object.keys(words).find(word => words[word] === source)),
      ...rest,
    ])
    expect(inEnglish).toEqual(await mappingOf(shipped))
  },
)

keeps('P1', 'P7')(
  'a broken YAML: the run says file and line, nothing is lost, and once mended everything is published',
  async () => {
    const workspace = await workspaceWith({ [file]: csv(products(1, 30)) })
    const rule = '{id: broken, expression: list_price > 0, severity: fatal, message: No., owner: ada}'
    await workspace.edit('rules/quality.yaml', withCheck(rule))
    const summary = await workspace.run()
    const { state, failure, rowsLoaded, runId } = deliveryOf(summary, file)
    expect({ state, rowsLoaded }).toEqual({ state: 'failed', rowsLoaded: 30 })
    expect(failure).toMatchObject({
      code: 'DOCUMENT_INVALID',
      message: expect.stringMatching(/rules\/quality\.yaml:\d+/),
    })
    expect(failure?.owner).not.toBe('')

    await workspace.edit('rules/quality.yaml', text => text.replace(`  - ${rule}\n`, ''))
    await workspace.with(place => replay(place, runId))
    const mended = await workspace.run()
    expect(deliveryOf(mended, file)).toMatchObject({ state: 'published', rowsRead: 30, rowsPublished: 30 })
    expect(rowsOf(mended, 'product_raw.acme_products')).toBe(30)
  },
)

keeps('P3', 'P7')(
  'a YAML broken after deliveries were published: they stay as they are, and a new one says what is broken',
  async () => {
    const later = 'acme/products-2026-01-11.csv'
    const workspace = await workspaceWith({ [file]: csv(products(1, 30)) })
    const before = await workspace.run()
    await workspace.edit('standards/product.yaml', text => text.replace('kind: standard', 'kind: [standard'))
    await workspace.land(later, csv([product(99)]))
    const broken = await workspace.run()
    expect(deliveryOf(broken, later).failure).toMatchObject({
      code: 'DOCUMENT_INVALID',
      message: expect.stringMatching(/standards\/product\.yaml:\d+/),
    })
    expect(rowsOf(broken, 'product_core.product')).toBe(rowsOf(before, 'product_core.product'))
  },
)

const repository = fileURLToPath(new URL('../..', import.meta.url))

async function sources(folders: readonly string[]): Promise<[path: string, text: string][]> {
  const found = await Promise.all(
    folders.map(async folder => {
      const entries = await readdir(join(repository, folder), { recursive: true, withFileTypes: true })
      return entries
        .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
        .map(entry => join(entry.parentPath, entry.name))
    }),
  )
  return Promise.all(
    found
      .flat()
      .map(async path => [path.slice(repository.length), withoutComments(await readFile(path, 'utf8'))] as const),
  ) as Promise<[string, string][]>
}

/** Examples in comments help readers and rule nothing. */
const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')

const catalogText = (path: string) => readFile(join(repository, 'examples/product/catalog', path), 'utf8')

/** Words of the standard that every program has for its own things. */
const ordinary =
  /^(available|condition|created|category|currency|description|details|identifier|inventory|language|material|materials|published|record id|summary)$/i

keeps('P7')('no synonym of the standard stands in the code, in quotes or as a key', async () => {
  const standard = parse(await catalogText('standards/product.yaml')) as {
    columns: { name: string; synonyms?: Record<string, string[]> }[]
  }
  // Six letters and fewer are words that code uses for other things too: name, price, weight.
  const words = standard.columns
    .flatMap(({ name, synonyms = {} }) => [name, ...Object.values(synonyms).flat()])
    .filter(word => word.length > 6 && !ordinary.test(word))
  expect(words.length).toBeGreaterThan(300)
  const known = new Set(words.map(word => word.toLowerCase()))
  const found = (await sources(['src', 'agents', 'contracts', 'bus'])).flatMap(([path, text]) =>
    [...text.matchAll(/(['"`])([^'"`\n]{7,60})\1|(?<=[{,]\s*)([\w-]{7,60}):/g)].flatMap(([, , literal, key]) =>
      known.has((literal ?? key ?? '').toLowerCase()) ? [`${path}: ${literal ?? key}`] : [],
    ),
  )
  expect(found).toEqual([])
})

keeps('P7')('no threshold of the policies on asking, accepting, spending and sizing stands in the code', async () => {
  const policies = await Promise.all(
    ['autonomy', 'spending', 'compute'].map(name => catalogText(`policies/${name}.yaml`)),
  )
  // A short number may mean anything; one with a fraction and a sign, or two digits of it, or six digits does not stand somewhere by chance.
  const numbers = policies.flatMap(text => numbersOf(parse(text))).map(String)
  const telling = new Set(numbers.filter(text => /^-\d*\.\d|^\d*\.\d\d|^\d{6,}$/.test(text)))
  expect(telling.size).toBeGreaterThan(5)
  const found = (
    await sources(['src/matching', 'src/compiler', 'src/runtime', 'src/tools', 'src/intake', 'agents', 'bus'])
  ).flatMap(([path, text]) =>
    [...text.replaceAll('_', '').matchAll(/(?<![\w.])-?\d+(\.\d+)?(?![\w.])/g)].flatMap(([number]) =>
      telling.has(number) ? [`${path}: ${number}`] : [],
    ),
  )
  expect(found).toEqual([])
})

function numbersOf(value: unknown): number[] {
  if (typeof value === 'number') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersOf) : []
}
