import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codesOf, dialectOf, namesOf, specOf } from './support.ts'

const products = [
  ['sku', 'title', 'brand', 'price', 'url', 'updated'],
  ['A-100', 'Steel bottle, 0.5 l', 'Nordic', '19.90', 'https://shop.example/p/100?a=1;b=2', '2024-05-01 10:20:30'],
  ['A-101', 'Mug "Sunrise"; large', 'Nordic', '7.50', 'https://shop.example/p/101', '2024-05-02 11:00:00'],
  ['A-102', 'Tea | green ~ 100g', 'Verde', '4.25', 'https://shop.example/p/102', '2024-05-03 09:10:11'],
  ['B-007', 'Plate: flat\tset of 6', 'Casa', '32.00', 'https://shop.example/p/7', '2024-05-04 23:59:59'],
] as const

const rendered = (delimiter: string, quoteAll = false, lineEnd = '\n') =>
  products
    .map(row =>
      row
        .map(cell =>
          quoteAll || cell.includes(delimiter) || cell.includes('"') ? `"${cell.replaceAll('"', '""')}"` : cell,
        )
        .join(delimiter),
    )
    .join(lineEnd) + lineEnd

describe('delimiters', () => {
  test.each([',', ';', '\t', '|', '^', '~', '\x01', '\x1f', '§', '¦', '||'])(
    '%j, with the others inside of values',
    delimiter => {
      for (const quoteAll of [false, true]) {
        expect(dialectOf(rendered(delimiter, quoteAll))).toMatchObject({
          delimiter,
          quote: '"',
          escape: '"',
          headerRows: 1,
          preambleLines: 0,
          trailerLines: 0,
        })
        expect(specOf(rendered(delimiter, quoteAll)).rowCount).toBe(4)
      }
    },
  )
  test('a semicolon between decimal commas', () => {
    expect(dialectOf('Artikel;Preis;Gewicht\nSchraube;1,20;0,5\nMutter;0,80;0,3\nScheibe;0,10;0,1\n').delimiter).toBe(
      ';',
    )
    expect(dialectOf('1,20;0,5\n0,80;0,3\n0,10;0,1\n')).toMatchObject({ delimiter: ';', headerRows: 0 })
  })
  test('Excel says which one it is', () => {
    expect(dialectOf('sep=|\nname|note\na,b|c,d\ne,f|g,h\n')).toMatchObject({
      delimiter: '|',
      preambleLines: 1,
      headerRows: 1,
    })
    expect(dialectOf('sep=;\r\nname;note\r\na,b;c,d\r\n')).toMatchObject({
      delimiter: ';',
      preambleLines: 1,
      lineTerminator: 'crlf',
    })
  })
  test('times and addresses do not make a colon one', () => {
    expect(dialectOf('at,link\n10:20:30,http://a.example/x\n11:20:30,http://a.example/y\n')).toMatchObject({
      delimiter: ',',
    })
  })
  test('a single column', () => {
    const spec = specOf('sku\nA-1\nA-2\nA-3\n')
    expect(namesOf(spec)).toEqual(['sku'])
    expect(spec.rowCount).toBe(3)
    expect(specOf('url\nhttp://a.example/x\nhttp://a.example/y\nhttp://b.example/z\n').columns.length).toBe(1)
  })
  test('a header and one record', () => {
    expect(dialectOf('id,name\n1,x\n')).toMatchObject({ delimiter: ',', headerRows: 1 })
  })
  test('a delimiter at the end of each row makes no column', () => {
    const spec = specOf('id;name;\n1;x;\n2;y;\n3;z;\n')
    expect(namesOf(spec)).toEqual(['id', 'name'])
    expect(spec.rowCount).toBe(3)
    expect(namesOf(specOf('id;name\n1;x;\n2;y;\n3;z;\n'))).toEqual(['id', 'name'])
    expect(namesOf(specOf('id;name;\n1;x\n2;y\n3;z\n'))).toEqual(['id', 'name'])
  })
})

describe('quotes', () => {
  test('backslashes escape quotes', () => {
    expect(dialectOf('id;title;price\n1;"a \\"big\\" one";3,00\n2;"b; and c";4,00\n3;"";5,00\n')).toMatchObject({
      delimiter: ';',
      quote: '"',
      escape: '\\',
    })
  })
  test('a backslash in front of a closing quote that ends a value is no escape', () => {
    expect(dialectOf('id,path,n\n1,"C:\\dir\\",1\n2,"D:\\x, y\\",2\n3,"say ""hi""",3\n')).toMatchObject({
      quote: '"',
      escape: '"',
    })
  })
  test('inches do not make quotes', () => {
    const spec = specOf(
      'id\ttitle\tsize\n1\tTV 48" black\t48"\n2\t"Best" screen\t24"\n3\tMonitor\t19"\n4\tTablet 10"\t10"\n',
    )
    expect(spec.format).toMatchObject({ delimiter: '\t', quote: null })
    expect(spec.rowCount).toBe(4)
    expect(specOf('id|title\n1|TV 48" black\n2|TV 50" white\n').format).toMatchObject({ quote: '"' })
  })
  test('single quotes', () => {
    expect(dialectOf("'id','name'\n'1','a, b'\n'2','it''s'\n'3','c'\n")).toMatchObject({
      delimiter: ',',
      quote: "'",
      escape: "'",
    })
    expect(dialectOf("id,name\n1,don't\n2,can't\n")).toMatchObject({ quote: '"' })
  })
  test('a backslash escapes the delimiter where nothing is quoted', () => {
    const spec = specOf('id|name|n\n1|a\\|b|x\n2|c|y\n3|d\\|e|z\n')
    expect(spec.format).toMatchObject({ delimiter: '|', quote: null, escape: '\\' })
    expect(spec.rowCount).toBe(3)
  })
  test('values over several lines', () => {
    const spec = specOf('id,text\n1,"one\ntwo, three\n\nfour"\n2,"five\nsix"\n3,seven\n')
    expect(spec.format).toMatchObject({ delimiter: ',', quote: '"' })
    expect(spec.rowCount).toBe(3)
  })
  test('one broken record costs its record only', () => {
    const rows = Array.from({ length: 30 }, (_, i) => `${i},"name, ${i}",${i}.50`)
    rows[20] = '20,"name 20,20.50'
    const spec = specOf(`id,name,price\n${rows.join('\n')}\n`)
    expect(spec.format).toMatchObject({ delimiter: ',', quote: '"' })
    expect(spec.rowCount).toBe(30)
    expect(codesOf(spec)).toContain('UNTERMINATED_QUOTE')
  })
})

describe('line ends', () => {
  test('LF, CR LF, CR, and a mixture', () => {
    expect(dialectOf(rendered(',', false, '\n')).lineTerminator).toBe('lf')
    expect(dialectOf(rendered(',', false, '\r\n')).lineTerminator).toBe('crlf')
    expect(dialectOf(rendered(',', false, '\r'))).toMatchObject({ lineTerminator: 'cr', delimiter: ',' })
    expect(specOf(rendered(',', false, '\r')).rowCount).toBe(4)
    expect(specOf('a,b\r\n1,x\n2,y\r\n3,z\r\n').rowCount).toBe(3)
  })
  test('LF inside of quotes between CR LF', () => {
    expect(dialectOf('a,b\r\n"1\n2\n3",x\r\n"4\n5\n6",y\r\n').lineTerminator).toBe('crlf')
  })
})

test('a ragged file keeps its width, and its ragged records are told', () => {
  const spec = specOf('a,b,c\n1,2,3\n4,5\n6,7,8\n9,10,11,12\n13,14,15\n16,17,18\n')
  expect(namesOf(spec)).toEqual(['a', 'b', 'c'])
  expect(spec.rowCount).toBe(6)
  expect(codesOf(spec)).toEqual(expect.arrayContaining(['TOO_FEW_FIELDS', 'TOO_MANY_FIELDS']))
})

test('a row of names says the delimiter, though most rows are ragged', () => {
  const spec = specOf('a,b,c\n1,cat\ndog,x\n3,y,z\n')
  expect(namesOf(spec)).toEqual(['a', 'b', 'c'])
  expect(spec.rowCount).toBe(3)
})

test('quotes that nobody escaped do not leave the others in the values', () => {
  const rows = Array.from({ length: 20 }, (_, i) => `"Q${i}","Monitor ${i}" wide "HD" ${i}","9.${i + 10}"`)
  const spec = specOf(`"sku","name","price"\n${rows.join('\n')}\n`)
  expect(spec.format).toMatchObject({ delimiter: ',', quote: '"', escape: null })
  expect(namesOf(spec)).toEqual(['sku', 'name', 'price'])
  expect(spec.columns[1]?.quality?.samples[0]).toBe('Monitor 0" wide "HD" 0')
})

test('one broken quote does not take quoting away from the file', () => {
  const rows = Array.from({ length: 80 }, (_, i) => `Q${i},Monitor ${i},9.${i + 10}`)
  rows[30] = 'Q30,"Monitor 30,9.40'
  expect(dialectOf(`sku,name,price\n${rows.join('\n')}\n`)).toMatchObject({ quote: '"', escape: '"' })
})

test.each(['|', '\t'])('sentences of as many commas in each record do not hide the delimiter %j', delimiter => {
  const rows = Array.from({ length: 30 }, (_, i) =>
    [`L${i}`, 'Garden hose', 'red, green, blue, grey; and: more'].join(delimiter),
  )
  expect(dialectOf(`${['sku', 'name', 'colours'].join(delimiter)}\n${rows.join('\n')}\n`)).toMatchObject({ delimiter })
})

test('tables of random products are read back in every dialect', () => {
  const word = fc.constantFrom('steel', 'bottle', 'Mug', 'green', 'Tea', 'größe', 'x-large', 'v2', 'set of 6', 'kids')
  const title = fc
    .array(fc.oneof(word, fc.constantFrom('a, b', 'c; d', '5" wide', 'e|f', "it's")), { minLength: 1, maxLength: 4 })
    .map(words => words.join(' '))
  const row = fc.tuple(
    title,
    fc.constantFrom('Nordic', 'Casa', 'Verde'),
    fc.integer({ min: 1, max: 99_999 }),
    fc.integer({ min: 0, max: 9_999 }),
    fc.boolean(),
  )
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 4, maxLength: 30 }),
      fc.constantFrom(',', ';', '\t', '|'),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      (rows, delimiter, lineEnd, always) => {
        const table = rows.map(([name, brand, cents, stock, flag], i) => [
          `P${1000 + i}`,
          name,
          brand,
          (cents / 100).toFixed(2),
          String(stock),
          String(flag),
        ])
        const cell = (value: string) =>
          always || value.includes(delimiter) || value.includes('"') ? `"${value.replaceAll('"', '""')}"` : value
        const text = [['product_no', 'title', 'brand', 'price', 'stock', 'active'], ...table]
          .map(line => line.map(cell).join(delimiter))
          .join(lineEnd)
        const spec = specOf(text)
        expect(spec.format).toMatchObject({ delimiter, headerRows: 1, preambleLines: 0, trailerLines: 0 })
        expect(namesOf(spec)).toEqual(['product_no', 'title', 'brand', 'price', 'stock', 'active'])
        expect(spec.rowCount).toBe(rows.length)
        expect(spec.columns.map(({ type }) => type)).toEqual([
          'string',
          'string',
          'string',
          'decimal(18,2)',
          'long',
          'boolean',
        ])
      },
    ),
    { numRuns: 100 },
  )
})
