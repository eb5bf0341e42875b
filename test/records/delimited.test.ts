import { describe, expect, test } from 'vitest'
import { countRecords, readHeader } from '../../src/records/records.ts'
import { all, columnsNamed, delimited, fileOf, gist, limits, tempFolder } from './support.ts'

const folder = tempFolder()
const two = columnsNamed('a', 'b')
const read = (text: string | Uint8Array, format = delimited(), columns = two, maxRecordBytes?: number) =>
  all(fileOf(folder, text), format, columns, maxRecordBytes)
const gistOf = async (...given: Parameters<typeof read>) => gist(await read(...given))

describe('quotes', () => {
  test('a quoted field holds delimiters, line ends and doubled quotes', async () => {
    expect(await gistOf('"a,""b""\nc",1\n')).toEqual([['a,"b"\nc', '1']])
  })
  test('a quote inside of a field without quotes is text', async () => {
    expect(await gistOf('48" TV,1\nit""s,2\n')).toEqual([
      ['48" TV', '1'],
      ['it""s', '2'],
    ])
  })
  test('spaces around a quoted field are not part of it', async () => {
    expect(await gistOf('1, "x, y" \n')).toEqual([['1', 'x, y']])
  })
  test('a backslash escapes quotes and itself, and leaves other characters alone', async () => {
    const format = delimited({ escape: '\\' })
    expect(await gistOf('"say \\"x, y\\"","c:\\\\d\\n"\n"","a ""b"""\n', format)).toEqual([
      ['say "x, y"', 'c:\\d\\n'],
      ['', 'a "b"'],
    ])
  })
  test('without quotes a backslash escapes delimiters and line ends', async () => {
    expect(await gistOf('x\\|y|1\nz\\\nw|2\n', delimited({ delimiter: '|', quote: null, escape: '\\' }))).toEqual([
      ['x|y', '1'],
      ['z\nw', '2'],
    ])
  })
  test('without quotes a quote is text', async () => {
    expect(await gistOf('"x|1"\n', delimited({ delimiter: '|', quote: null, escape: null }))).toEqual([['"x', '1"']])
    const unescaped = delimited({ escape: null })
    expect(await gistOf('"48" wide","a, ""b""" \r\n"c"d","e\nf"\n"",1"\n', unescaped)).toEqual([
      ['48" wide', 'a, "b"'],
      ['c"d', 'e\nf'],
      ['', '1"'],
    ])
    expect(await gistOf('a,"open 1\nb,"whole"\n', unescaped)).toEqual(['UNTERMINATED_QUOTE', ['b', 'whole']])
  })
  test('text after a closing quote makes its record malformed and touches no other', async () => {
    expect(await gistOf('"x" y,1\nz,2\n')).toEqual(['TEXT_AFTER_QUOTE', ['z', '2']])
  })
  test('a quote that never closes ends with its line', async () => {
    expect(await gistOf('a,1\n"b,2\nc,3\nd,4\n')).toEqual([['a', '1'], 'UNTERMINATED_QUOTE', ['c', '3'], ['d', '4']])
  })
  test('a quote that closes lines later in front of more text ends with its line', async () => {
    const found = await read('a,1\n"b,2\nc,3\n"d",4\n')
    expect(gist(found)).toEqual([['a', '1'], 'UNTERMINATED_QUOTE', ['c', '3'], ['d', '4']])
    expect(found.map(({ line }) => line)).toEqual([1, 2, 3, 4])
    expect(found[1]?.raw).toBe('"b,2')
  })
  test('a quote that does not close within the longest record ends with its line', async () => {
    const many = Array.from({ length: 500 }, (_, i) => `v${i},${i}\n`)
    const found = await gistOf(`"open,1\n${many.join('')}`, delimited(), two, 100)
    expect(found.length).toBe(501)
    expect(found.filter(one => one === 'UNTERMINATED_QUOTE').length).toBe(1)
  })
})

describe('lines', () => {
  test('blank lines are no records but count as lines', async () => {
    const found = await read('a,1\n\n  \nb,2\n\x1a')
    expect(found.map(({ number, line }) => [number, line])).toEqual([
      [1, 1],
      [2, 4],
    ])
  })
  test('LF and CR LF mixed both end a record', async () => {
    expect(await gistOf('a,1\r\nb,2\nc,"3"\r\nd,4\r')).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
      ['d', '4'],
    ])
  })
  test('CR ends a record where the format says so', async () => {
    expect(await gistOf('a,1\r"b\rx",2\r\n\rc,3', delimited({ lineTerminator: 'cr' }))).toEqual([
      ['a', '1'],
      ['b\rx', '2'],
      ['c', '3'],
    ])
  })
  test('a record has the line it starts on and its byte offset, BOM and multi-byte characters included', async () => {
    const found = await read('\uFEFFä,1\n"b\nc",2\n€,3\n')
    expect(found.map(({ line, byteOffset }) => [line, byteOffset])).toEqual([
      [1, 3],
      [2, 8],
      [4, 16],
    ])
  })
  test('preamble, header and trailer are no records', async () => {
    const text = 'Price list\n\nn,v\na,1\nb,2\n\nTotal: 2\n\n'
    const format = delimited({ preambleLines: 2, headerRows: 1, trailerLines: 2 })
    const found = await read(text, format)
    expect(gist(found)).toEqual([
      ['a', '1'],
      ['b', '2'],
    ])
    expect(found.map(({ line, byteOffset }) => [line, byteOffset])).toEqual([
      [4, 16],
      [5, 20],
    ])
    expect(await readHeader(fileOf(folder, text), format, limits)).toEqual(['n', 'v'])
  })
  test('a header may break over lines', async () => {
    expect(await readHeader(fileOf(folder, '"a\nb",c\n1,2\n'), delimited({ headerRows: 1 }), limits)).toEqual([
      'a\nb',
      'c',
    ])
  })
})

describe('numbers of fields', () => {
  test('too few and too many fields are malformed', async () => {
    expect(await gistOf('a\nb,1\nc,1,2\n')).toEqual(['TOO_FEW_FIELDS', ['b', '1'], 'TOO_MANY_FIELDS'])
  })
  test('a delimiter at the end of each row says nothing', async () => {
    expect(await gistOf('a;1;\nb;2;;\n', delimited({ delimiter: ';' }))).toEqual([
      ['a', '1'],
      ['b', '2'],
    ])
  })
  test('a row of delimiters alone is a record', async () => {
    expect(await gistOf(',\n')).toEqual([['', '']])
  })
  test('a delimiter may have two characters', async () => {
    expect(await gistOf('a|b||"c||d"\n', delimited({ delimiter: '||' }))).toEqual([['a|b', 'c||d']])
  })
  test('a retired column is not looked for in the source', async () => {
    expect(await gistOf('a,1\n', delimited(), [...two, { name: 'c', sourceName: 'c', retired: true }])).toEqual([
      ['a', '1'],
    ])
  })
})

describe('bytes', () => {
  test('a line with bytes that are no UTF-8 is malformed, its neighbours are not, and offsets stay exact', async () => {
    const text = Buffer.concat([
      Buffer.from('\uFFFD,1\n'),
      Buffer.from([0xe4, 0x2c, 0x32, 0x0a]),
      Buffer.from('ä,3\nb,4\n'),
    ])
    const found = await read(text)
    expect(gist(found)).toEqual([['\uFFFD', '1'], 'INVALID_ENCODING', ['ä', '3'], ['b', '4']])
    expect(found.map(({ byteOffset }) => byteOffset)).toEqual([0, 6, 10, 15])
    expect(found[1]?.raw).toBe('\uFFFD,2')
  })
  test('a NUL byte makes its record malformed', async () => {
    expect(await gistOf('a,1\nb\0,2\nc,3\n')).toEqual([['a', '1'], 'INVALID_ENCODING', ['c', '3']])
  })
  test.each([
    ['windows-1252', [0xe4, 0x2c, 0x80, 0x0a], ['ä', '€']],
    ['cp850', [0x84, 0x2c, 0x9b, 0x0a], ['ä', 'ø']],
    ['windows-1250', [0xe8, 0x2c, 0x9c, 0x0a], ['č', 'ś']],
    ['windows-1251', [0xc6, 0x2c, 0xff, 0x0a], ['Ж', 'я']],
    ['iso-8859-15', [0xa4, 0x2c, 0x61, 0x0a], ['€', 'a']],
  ])('%s is decoded and keeps byte offsets', async (encoding, bytes, fields) => {
    const found = await read(Uint8Array.from([...bytes, ...bytes]), delimited({ encoding }))
    expect(gist(found)).toEqual([fields, fields])
    expect(found.map(({ byteOffset }) => byteOffset)).toEqual([0, 4])
  })
  test.each(['utf-16le', 'utf-16be'])('%s is decoded, with its BOM or without', async encoding => {
    const body = Buffer.from('ä,1\n€,2\n', 'utf16le')
    const bom = Buffer.from('\uFEFF', 'utf16le')
    for (const [content, first] of [
      [body, 0],
      [Buffer.concat([bom, body]), 2],
    ] as const) {
      const found = await read(
        encoding === 'utf-16le' ? content : Buffer.from(content).swap16(),
        delimited({ encoding }),
      )
      expect(gist(found)).toEqual([
        ['ä', '1'],
        ['€', '2'],
      ])
      expect(found.map(({ byteOffset }) => byteOffset)).toEqual([first, first + 8])
    }
  })
  test('an encoding that nobody knows is a failure', async () => {
    await expect(read('a,1\n', delimited({ encoding: 'klingon' }))).rejects.toMatchObject({
      code: 'FILE_ENCODING_BROKEN',
    })
  })
  test('a line longer than the limit is cut, and the next one is read', async () => {
    const found = await read(`a,1\n${'x'.repeat(3_000_000)}\nb,2\n`)
    expect(gist(found)).toEqual([['a', '1'], 'RECORD_TOO_LONG', ['b', '2']])
    expect(found[1]?.raw.length).toBe(64 * 1024)
    expect(found[2]).toMatchObject({ line: 3, byteOffset: 3_000_005 })
  })
  test('records across pieces of reading are the same as in one piece', async () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => `"row ${i}\nsecond ""line""",${'é'.repeat(i % 9)}${i}`)
    const file = fileOf(folder, `${rows.join('\r\n')}\r\n`)
    const found = await all(file, delimited(), two)
    expect(found.length).toBe(60_000)
    expect(
      found.every(
        (record, i) =>
          record.kind === 'fields' && record.fields[1] === 'é'.repeat(i % 9) + i && record.line === 2 * i + 1,
      ),
    ).toBe(true)
    expect(await countRecords(file, delimited(), limits)).toEqual({
      records: 60_000,
      malformed: 0,
      physicalLines: 120_000,
    })
  })
})
