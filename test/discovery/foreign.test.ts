import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { specOf } from './support.ts'

const binary = Buffer.from(Array.from({ length: 4000 }, (_, i) => (i * 73 + (i >> 3)) % 256))

test.each([
  ['nothing', '', 'FILE_EMPTY', 'nothing'],
  ['blanks', ' \n\n \r\n', 'FILE_EMPTY', 'nothing'],
  ['a mark alone', '\uFEFF', 'FILE_EMPTY', 'nothing'],
  ['an empty array', '[]', 'FILE_EMPTY', 'nothing'],
  ['a header alone', 'sku,title,price\n', 'FILE_HEADER_ONLY', '3 columns'],
  ['a header without a line end', 'sku;title;price', 'FILE_HEADER_ONLY', '3 columns'],
  ['a preamble and a header', 'Price list\nsku;title;price\n', 'FILE_HEADER_ONLY', '3 columns'],
  ['noise', binary, 'FILE_BINARY', 'no text'],
  ['four small numbers', Buffer.from([1, 0, 2, 0, 7, 0, 5, 0]), 'FILE_BINARY', 'no text'],
  ['a picture', Buffer.from([0x89, 0x50, 0x4e, 0x47, 1, 2, 3]), 'FILE_BINARY', 'PNG'],
  ['a workbook', Buffer.from('PK\x03\x04xxxx'), 'FILE_FORMAT_UNKNOWN', 'xlsx'],
  ['an old workbook', Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, 0]), 'FILE_FORMAT_UNKNOWN', 'xls'],
  ['Parquet', Buffer.from('PAR1xxxx'), 'FILE_FORMAT_UNKNOWN', 'Parquet'],
  ['XML', '<?xml version="1.0"?>\n<a><b/></a>', 'FILE_FORMAT_UNKNOWN', 'XML'],
  ['XML without a declaration', '<products>\n<product sku="1"/>\n</products>\n', 'FILE_FORMAT_UNKNOWN', 'XML'],
  ['a web page', '<!DOCTYPE html>\n<html><body>Login</body></html>', 'FILE_FORMAT_UNKNOWN', 'HTML'],
  ['EDIFACT', "UNA:+.? 'UNB+UNOC:3+x+y'", 'FILE_FORMAT_UNKNOWN', 'EDIFACT'],
  [
    'fixed width',
    `${'id   name            price   \n'}${['1', '2', '3', '4'].map(n => `${n}    thing ${n}          1.00    \n`).join('')}`,
    'FILE_FORMAT_UNKNOWN',
    'fixed width',
  ],
  [
    'columns aligned by spaces',
    'id   name     price\n1    a thing    1.00\n22   another  12.50\n333  x       1\n',
    'FILE_FORMAT_UNKNOWN',
    'aligned',
  ],
  [
    'running text',
    'This is the price list of our company for you.\nPlease read all of it with care, friend.\nWe hope that you like what you see.\n',
    'FILE_FORMAT_UNKNOWN',
    'running text',
  ],
  ['values that are no objects', '[1,2,3]', 'FILE_FORMAT_UNKNOWN', 'no JSON objects'],
])('%s', (_, content, code, words) => {
  expect(() => specOf(content)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(words) }))
})

test('a compressed file inside of a compressed file is binary', () => {
  expect(() => specOf(gzipSync(binary))).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/FILE_(BINARY|FORMAT_UNKNOWN)/) }),
  )
})

test('a line longer than the sample', () => {
  expect(() => specOf('x'.repeat(300_000), { complete: false })).toThrow(
    expect.objectContaining({ code: 'FILE_RECORD_TOO_LONG' }),
  )
  expect(() => specOf(`${'x,'.repeat(150_000)}`, { complete: false })).toThrow(
    expect.objectContaining({ code: 'FILE_RECORD_TOO_LONG' }),
  )
})
