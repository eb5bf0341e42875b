import { describe, expect, test } from 'vitest'
import { globToRegExp } from '../../src/intake/glob.ts'
import { identify, inFeedOrder, isIgnored, suggestFeed } from '../../src/intake/identity.ts'

const none = { patterns: [] }
const keyOf = (path: string, register = none as Parameters<typeof identify>[1]) => {
  const identity = identify(path, register)
  return identity.kind === 'feed' ? `${identity.feed.vendor}/${identity.feed.table}` : identity.kind
}

describe('a path names its feed', () => {
  test.each([
    ['acme/products.csv', 'acme/products'],
    ['acme/products_2026-11-24_001.csv.gz', 'acme/products'],
    ['acme/products-20261124.csv', 'acme/products'],
    ['acme/20261124_products.csv', 'acme/products'],
    ['acme/products_24.11.2026.txt', 'acme/products'],
    ['acme/products20261124103000.json', 'acme/products'],
    ['acme/products_2026-11-24T10-30-00Z.ndjson', 'acme/products'],
    ['acme/products_1764000000.csv', 'acme/products'],
    ['acme/products (2).csv', 'acme/products'],
    ['acme/products_v2.csv', 'acme/products'],
    ['acme/products_part-00001.csv', 'acme/products'],
    ['acme/products_2026-W48.csv', 'acme/products'],
    ['acme/2026/11/products.csv', 'acme/products'],
    ['Müller & Söhne/Preisliste März.csv', 'mueller_soehne/preisliste_maerz'],
    ['3M/Items.CSV', 'landing-check'],
    ['acme/ProductFeed.JSON', 'acme/product_feed'],
    ['acme/top100.csv', 'acme/top100'],
    ['products.csv', 'landing/products'],
    ['acme/20261124.csv', 'problem'],
    ['2026/products.csv', 'problem'],
    ['acme/商品.csv', 'problem'],
    ['ingest/errors.csv', 'problem'],
    ['acme/.hidden.csv', 'ignored'],
    ['acme/products.csv.part', 'ignored'],
    ['.git/products.csv', 'ignored'],
  ])('%s is %s', (path, key) => {
    expect(keyOf(path)).toBe(key === 'landing-check' ? 'n3m/items' : key)
  })
  test('what is no name is a failure that says so', () => {
    expect(identify('acme/20261124.csv', none)).toMatchObject({
      kind: 'problem',
      failure: { code: 'FEED_KEY_INVALID' },
    })
  })
  test('a pattern of the register comes first, the first that fits', () => {
    const register = {
      patterns: [
        { glob: 'inbox/acme_*.csv', vendor: 'acme', table: 'products' },
        { glob: '**/prices/*.{csv,txt}', vendor: 'acme', table: 'prices' },
        { glob: 'broken/*', vendor: 'No Name', table: 'x' },
      ],
    }
    expect(keyOf('inbox/acme_2026.csv', register)).toBe('acme/products')
    expect(keyOf('a/b/prices/x.txt', register)).toBe('acme/prices')
    expect(keyOf('prices/x.csv', register)).toBe('acme/prices')
    expect(keyOf('inbox/other.csv', register)).toBe('inbox/other')
    expect(keyOf('broken/x.csv', register)).toBe('problem')
  })
  test('signs that mean something elsewhere stand for themselves in a pattern', () => {
    expect(globToRegExp('a+b(1).c?v').test('a+b(1).csv')).toBe(true)
    expect(globToRegExp('a.csv').test('axcsv')).toBe(false)
    expect(globToRegExp('*.csv').test('x/y.csv')).toBe(false)
  })
})

test('files nobody means as a delivery are ignored', () => {
  for (const path of ['a/.x', 'a/x.tmp', 'a/~$x.csv', 'a/x.csv~', 'a/Thumbs.db', '__MACOSX/x.csv', 'a/x.filepart'])
    expect(isIgnored(path)).toBe(true)
  for (const path of ['a/x.csv', 'a/part.csv', 'a/temp.csv', 'a/x_part.csv.gz']) expect(isIgnored(path)).toBe(false)
})

test('a file name suggests vendor and table', () => {
  expect(suggestFeed('/x/acme_products_2026-01-01.csv')).toEqual({ vendor: 'acme', table: 'products' })
  expect(suggestFeed('products.csv')).toEqual({ table: 'products' })
  expect(suggestFeed('2026.csv')).toEqual({})
})

describe('deliveries come in order', () => {
  const order = (...given: [string, number][]) =>
    inFeedOrder(
      given.map(([path, modifiedAtMs]) => ({
        path,
        modifiedAtMs,
        feed: { vendor: path.split('/')[0] as string, table: 't' },
      })),
    ).map(({ path }) => path)
  test('by date in the name, then by counter, whatever the time of change', () => {
    expect(order(['a/t_2026-01-10.csv', 1], ['a/t_2026-01-02_10.csv', 2], ['a/t_2026-01-02_9.csv', 3])).toEqual([
      'a/t_2026-01-02_9.csv',
      'a/t_2026-01-02_10.csv',
      'a/t_2026-01-10.csv',
    ])
    expect(order(['a/t_02.01.2026.csv', 1], ['a/t_31.12.2025.csv', 2])).toEqual([
      'a/t_31.12.2025.csv',
      'a/t_02.01.2026.csv',
    ])
  })
  test('without a date by counter, then by time of change, then by name', () => {
    expect(order(['a/t_10.csv', 1], ['a/t_9.csv', 2])).toEqual(['a/t_9.csv', 'a/t_10.csv'])
    expect(order(['a/b.csv', 2], ['a/c.csv', 1])).toEqual(['a/c.csv', 'a/b.csv'])
    expect(order(['a/c.csv', 1], ['a/b.csv', 1])).toEqual(['a/b.csv', 'a/c.csv'])
  })
  test('feed by feed', () => {
    expect(order(['b/t_1.csv', 1], ['a/t_2.csv', 3], ['a/t_1.csv', 4])).toEqual(['a/t_1.csv', 'a/t_2.csv', 'b/t_1.csv'])
  })
})
