import { describe, expect, test } from 'vitest'
import { codesOf, dialectOf, namesOf, specOf } from './support.ts'

describe('preamble', () => {
  test.each([
    ['a title', 'Price list 2024\nsku;name;price\nA1;x;1,00\nB2;y;2,00\n', 1],
    [
      'a title with the delimiter inside',
      'Acme, Inc. product list\nsku,name,price,brand\nA1,x,1.00,n\nB2,y,2.00,m\n',
      1,
    ],
    ['a title, padded with delimiters', 'Price list;;;\nsku;name;price;brand\nA1;x;1,00;n\nB2;y;2,00;m\n', 1],
    ['title and blank line', 'Price list\n\nsku;name;price\nA1;x;1,00\nB2;y;2,00\n', 2],
    ['comments', '# exported 2024-01-01\n# by system\nsku,name,price\nA1,x,1.00\nB2,y,2.00\n', 2],
    ['a block of facts', 'Export date;2024-01-01\nVendor;Acme\n\nsku;name;price;brand\nA1;x;1,00;n\nB2;y;2,00;m\n', 3],
    ['an unclosed quote', '"Acme price list\nsku,name,price\nA1,x,1.00\nB2,y,2.00\n', 1],
    ['a blank line', '\nsku,name,price\nA1,x,1.00\n', 1],
  ])('%s', (_, text, preambleLines) => {
    const spec = specOf(text)
    expect(spec.format).toMatchObject({ preambleLines, headerRows: 1, trailerLines: 0 })
    expect(namesOf(spec)[0]).toBe('sku')
    expect(spec.rowCount).toBe(text.split('\n').length - 2 - preambleLines)
    expect(codesOf(spec)).toContain('PREAMBLE')
  })
  test('a header that begins with a number sign is no comment', () => {
    expect(dialectOf('#sku,name,price\nA1,x,1.00\nB2,y,2.00\n')).toMatchObject({ preambleLines: 0, headerRows: 1 })
  })
  test('labels for people above names for machines', () => {
    const spec = specOf(
      'TemplateType=fptcustom,Version=2019\nSeller SKU,Product Name,Standard Price\nitem_sku,item_name,standard_price\nA1,Mug,1.00\nB2,Cup,2.00\nC3,Pan,3.00\n',
    )
    expect(namesOf(spec)).toEqual(['item_sku', 'item_name', 'standard_price'])
    expect(spec.rowCount).toBe(3)
  })
})

test('a line behind a list with a frame is a trailer, though it stands in the column that is empty', () => {
  const rows = Array.from({ length: 9 }, (_, i) => `|${1000 + i}|drill ${i}|${i},50|`)
  const spec = specOf(`|number|name|price|\n${rows.join('\n')}\n${'-'.repeat(24)}\n`)
  expect(spec.format).toMatchObject({ delimiter: '|', trailerLines: 1 })
  expect(spec.rowCount).toBe(9)
})

describe('header', () => {
  test('none, where the first row is a record', () => {
    const spec = specOf('1001,Widget,9.99,2024-01-01\n1002,Gadget,19.99,2024-01-02\n1003,Thing,4.50,2024-01-03\n')
    expect(spec.format).toMatchObject({ headerRows: 0 })
    expect(namesOf(spec)).toEqual(['column_1', 'column_2', 'column_3', 'column_4'])
    expect(spec.rowCount).toBe(3)
    expect(specOf('A-1;red;small\nA-2;red;large\nA-3;blue;small\nA-4;red;small\n').format).toMatchObject({
      headerRows: 0,
    })
  })
  test('one, though all columns are text', () => {
    expect(dialectOf('name,colour,material\nMug,red,clay\nCup,blue,glass\nPan,black,steel\n')).toMatchObject({
      headerRows: 1,
    })
  })
  test('one that is repeated where files were put together', () => {
    const part = (from: number) =>
      `sku,name,price\n${Array.from({ length: 9 }, (_, i) => `G${from + i},drill,${i}.50`).join('\n')}\n`
    const spec = specOf(`${part(0)}\ufeff${part(10)}${part(20)}`)
    expect(spec.format).toMatchObject({ headerRows: 1, preambleLines: 0 })
    expect(namesOf(spec)).toEqual(['sku', 'name', 'price'])
    expect(spec.rowCount).toBe(29)
  })
  test('one with years as names', () => {
    expect(dialectOf('product,2022,2023,2024\nMug,10.5,11.5,12.5\nCup,1.5,2.5,3.5\nPan,1.0,2.0,3.1\n')).toMatchObject({
      headerRows: 1,
    })
  })
  test('names that repeat, are blank, or are nothing but signs are made safe and unique', () => {
    const spec = specOf('Name,Name,,Größe (cm),%,1st,vendor_name,Name\na,b,c,1,2,3,x,d\ne,f,g,4,5,6,y,h\n')
    expect(spec.columns.map(({ name }) => name)).toEqual([
      'name',
      'name_2',
      'column_3',
      'grosse_cm',
      'percent',
      '_1st',
      'source_vendor_name',
      'name_3',
    ])
    expect(namesOf(spec)).toEqual(['Name', 'Name', '', 'Größe (cm)', '%', '1st', 'vendor_name', 'Name'])
    expect(codesOf(spec)).toEqual(expect.arrayContaining(['DUPLICATE_COLUMN_NAMES', 'BLANK_COLUMN_NAMES']))
  })
  test('camel case and letters of other scripts', () => {
    const spec = specOf('ProductName,EANCode,Цена,product-id\na,b,1,x1\nc,d,2,x2\n')
    expect(spec.columns.map(({ name }) => name)).toEqual(['product_name', 'ean_code', 'tsena', 'product_id'])
  })
  test('longer than the records: the last names are left out, and that is told', () => {
    const spec = specOf('a,b,c,note\n1,x,2.5\n2,y,3.5\n3,z,4.5\n4,w,5.5\n')
    expect(namesOf(spec)).toEqual(['a', 'b', 'c'])
    expect(codesOf(spec)).toContain('HEADER_TOO_LONG')
  })
  test('shorter than the records: the last columns have no name', () => {
    const spec = specOf('a,b\n1,x,2.5\n2,y,3.5\n3,z,4.5\n')
    expect(namesOf(spec)).toEqual(['a', 'b', ''])
    expect(codesOf(spec)).toContain('HEADER_TOO_SHORT')
  })
  test('a header over two lines', () => {
    const spec = specOf('"Price\n(EUR)",Name\n1.50,a\n2.50,b\n')
    expect(namesOf(spec)).toEqual(['Price\n(EUR)', 'Name'])
    expect(spec.columns[0]?.name).toBe('price_eur')
  })
})

describe('trailer', () => {
  const body = 'sku;name;price\nA-1;x;1,00\nA-2;y;2,00\nA-3;z;3,00\nA-4;w;4,00\n'
  test.each([
    ['a total', 'Total: 4 records\n', 1],
    ['an end mark', 'EOF\n', 1],
    ['a blank line and a total', '\nTotal;10,00\n', 2],
    ['a total as wide as a record', 'Summe;;10,00\n', 1],
    ['two lines', '---\n4 rows\n', 2],
  ])('%s', (_, trailer, trailerLines) => {
    const spec = specOf(body + trailer)
    expect(spec.format).toMatchObject({ trailerLines })
    expect(spec.rowCount).toBe(4)
  })
  test('a record that was cut off is no trailer', () => {
    const spec = specOf(`${body}A-5;v`)
    expect(spec.format).toMatchObject({ trailerLines: 0 })
    expect(spec.rowCount).toBe(5)
    expect(codesOf(spec)).toContain('TOO_FEW_FIELDS')
  })
  test('a sparse record is no trailer', () => {
    expect(specOf('a;b;c\n1;x;2\n2;y;3\n3;z;4\n;;5\n').format).toMatchObject({ trailerLines: 0 })
    expect(
      specOf(
        'year;make;model;price\n1997;Ford;E350;3,00\n1999;Chevy;Venture X;4,00\n1996;Jeep;Cherokee L;4,00\n;;Venture X;9,00\n',
      ).format,
    ).toMatchObject({ trailerLines: 0 })
  })
  test('an end-of-file mark of old systems is nothing', () => {
    const spec = specOf(`${body}\x1a`)
    expect(spec.format).toMatchObject({ trailerLines: 0 })
    expect(spec.rowCount).toBe(4)
  })
})
