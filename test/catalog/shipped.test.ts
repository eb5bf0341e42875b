import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, describe, expect, test } from 'vitest'
import { checkCatalog } from '../../src/catalog/checks.ts'
import { FileCatalog } from '../../src/catalog/files.ts'
import { renderExpression } from '../../src/compiler/duckdb/expression.ts'
import { parseExpression } from '../../src/compiler/expressions.ts'
import { shippedCatalog } from './documents.ts'

const catalog = new FileCatalog(shippedCatalog)
const [standard, rules, vendors, policies] = await Promise.all([
  catalog.standard(),
  catalog.rules(),
  catalog.vendors(),
  catalog.policies(),
])
/** What a normalization rule may speak of. */
const facts = new Map(['value', 'vendor', 'region', 'currency'].map(name => [name, 'string']))
const columns = new Map(standard.columns.map(column => [column.name, column.type]))

const instance = await DuckDBInstance.create()
const engine = await instance.connect()
afterAll(() => {
  engine.closeSync()
  instance.closeSync()
})

describe('the standard', () => {
  test('is the product standard, keyed by the vendor’s article number', () => {
    expect(standard).toMatchObject({ name: 'product', version: '3.2.1', key: ['product_id'] })
    expect(standard.columns.length).toBeGreaterThanOrEqual(30)
    expect(standard.columns.filter(column => column.required).map(column => column.name)).toEqual([
      'product_id',
      'product_name',
    ])
  })

  test.each([
    ...[
      'sku',
      'vendor_product_id',
      'parent_id',
      'gtin',
      'mpn',
      'title',
      'description',
      'short_description',
      'brand',
      'category',
    ],
    ...[
      'product_type',
      'price',
      'sale_price',
      'cost',
      'currency',
      'quantity',
      'availability',
      'status',
      'condition',
      'image_url',
    ],
    ...[
      'additional_image_url',
      'product_url',
      'weight',
      'length',
      'width',
      'height',
      'dimensions',
      'uom',
      'color',
      'size',
      'material',
    ],
    ...[
      'gender',
      'age_group',
      'language',
      'country_of_origin',
      'tax_class',
      'tags',
      'handle',
      'option_name',
      'option_value',
      'hs_code',
    ],
    ...['updated_at', 'created_at', 'weight_unit', 'variant_title'],
  ])('has exactly one column that knows the name %s', name => {
    const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '')
    const knowing = standard.columns.filter(column =>
      [column.name, ...Object.values(column.synonyms).flat()].some(other => plain(other) === plain(name)),
    )
    expect(knowing).toHaveLength(1)
  })

  test('names every column in the six languages of the feeds', () => {
    for (const { synonyms, name } of standard.columns) {
      expect([name, ...Object.keys(synonyms)]).toEqual(
        expect.arrayContaining([name, 'en', 'de', 'fr', 'es', 'it', 'nl']),
      )
    }
  })
})

describe('the documents together', () => {
  test('fit each other; the one name that two columns share is known', () => {
    const problems = checkCatalog({ standards: [standard], rules, vendors, policies })
    expect(problems.map(({ severity, message }) => `${severity}: ${message}`)).toEqual([
      'warning: "product id" is a synonym of product_id and of parent_product_id',
    ])
  })

  test('every expression compiles', () => {
    for (const rule of rules.normalization)
      parseExpression(rule.expression, { columns: facts, scope: 'row', of: rule.id })
    for (const { fallback, name } of standard.columns) {
      if (fallback !== undefined) parseExpression(fallback, { columns: facts, scope: 'row', of: name })
    }
    for (const check of [...standard.checks, ...rules.checks]) {
      parseExpression(check.expression, { columns, scope: check.scope, of: check.id, result: 'truth' })
    }
  })

  test('at least three regions have rules of their own', () => {
    expect([...new Set(rules.normalization.map(rule => rule.region))].sort()).toEqual(['*', 'EU', 'UK', 'US'])
  })
})

/** What the first rule that fits makes of a text, as text. */
async function normalized(column: string, region: string, value: string, vendor = 'acme'): Promise<string | null> {
  const rule = rules.normalization.find(rule => rule.column === column && [region, '*'].includes(rule.region))!
  const { tree } = parseExpression(rule.expression, { columns: facts, scope: 'row', of: rule.id })
  const sql = `select cast(${renderExpression(tree)} as varchar) from (select $1 as value, $2 as vendor, $3 as region, 'SEK' as currency)`
  return String((await engine.runAndReadAll(sql, [value, vendor, region])).getRows()[0]![0])
}

test.each([
  ['list_price', 'US', '$1,698.00', '1698.00'],
  ['list_price', 'US', '$-61.14', '-61.14'],
  ['list_price', 'US', '58.45', '58.45'],
  ['list_price', 'US', '12.50 USD', '12.50'],
  ['list_price', 'US', 'on request', 'ON REQUEST'],
  ['sale_price', 'UK', '£1,250', '1250'],
  ['list_price', 'EU', '1.698,50 €', '1698.50'],
  ['list_price', 'EU', '3000,00', '3000.00'],
  ['list_price', 'EU', '3000.00', '3000.00'],
  ['list_price', 'EU', '1 250 EUR', '1250'],
  ['currency_code', '*', 'eur', 'EUR'],
  ['currency_code', '*', '12 €', 'EUR'],
  ['currency_code', '*', '?', 'SEK'],
  ['gtin', '*', '012345678905', '00012345678905'],
  ['gtin', '*', '4-006381 333931', '04006381333931'],
  ['gtin', '*', 'none', 'none'],
  ['availability_status', '*', 'In stock', 'in_stock'],
  ['availability_status', '*', 'nicht lieferbar', 'out_of_stock'],
  ['lifecycle_status', '*', '1', 'active'],
  ['lifecycle_status', '*', 'proposed', 'draft'],
  ['is_gift_card', '*', 'Ja', 'true'],
  ['is_gift_card', '*', 'maybe', 'null'],
  ['stock_quantity', '*', 'default=100', '100'],
  ['stock_quantity', '*', 'default=100,annex=20', 'null'],
  ['stock_quantity', '*', '7.0', '7'],
  ['shipping_weight', 'US', '5.25 pounds', '5.2500'],
  ['shipping_weight', 'US', '.5', '0.5000'],
  ['shipping_weight', 'EU', '1,5 kg', '1.5000'],
  ['weight_unit', '*', 'Pounds', 'lb'],
  ['content_language', '*', 'de_DE', 'de-de'],
  ['primary_image_url', '*', '6.webp,7.webp', '6.webp'],
])('normalization of %s in %s: %s becomes %s', async (column, region, value, expected) => {
  expect(await normalized(column, region, value)).toBe(expected)
})

test('the titles of listing sites lose their slogan, those of others stand', async () => {
  const title = 'Nec E464 46inch | Compare Prices'
  expect(await normalized('product_name', '*', title, 'getprice')).toBe('Nec E464 46inch')
  expect(await normalized('product_name', '*', title)).toBe(title)
})

test.each([
  ['04006381333931', 'true'],
  ['04006381333932', 'false'],
  ['none', 'null'],
])('the check digit of GTIN %s: %s', async (gtin, expected) => {
  const check = rules.checks.find(rule => rule.id === 'gtin-check-digit')!
  const { tree } = parseExpression(check.expression, { columns, scope: 'row', of: check.id })
  const result = await engine.runAndReadAll(`select ${renderExpression(tree)} from (select $1 as gtin)`, [gtin])
  expect(String(result.getRows()[0]![0])).toBe(expected)
})
