import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import { compare } from '../../src/discovery/drift.ts'
import { inspectFile } from '../../src/discovery/shell.ts'
import { readRecords } from '../../src/records/records.ts'
import { discoveryPolicy } from '../fixtures/discovery-policy.ts'

interface Expected {
  readonly file: string
  readonly format: string
  readonly encoding?: string
  readonly delimiter?: string
  readonly quote?: string
  readonly escape?: string
  readonly line_terminator?: string
  readonly preamble_rows?: number
  readonly trailer_rows?: number
  readonly header_rows?: number
  readonly n_records: number
  readonly ragged_rows?: number
  readonly columns?: readonly string[]
  readonly natural_key?: readonly string[]
}

const folder = join(import.meta.dirname, '../fixtures/feeds')
const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Expected[]

describe('a real feed is what a careful person found it to be', () => {
  test.each(expected)('$file', async wanted => {
    const path = join(folder, wanted.file)
    const spec = await inspectFile(path, discoveryPolicy)
    expect(spec.format.kind).toBe(wanted.format)
    expect(spec.format.encoding).toBe(wanted.encoding ?? 'utf-8')
    if (spec.format.kind === 'delimited') {
      const { kind: _, encoding: __, compression: ___, ...layout } = spec.format
      expect(layout).toEqual({
        delimiter: wanted.delimiter,
        quote: wanted.quote,
        escape: wanted.escape ?? wanted.quote,
        lineTerminator: wanted.line_terminator ?? 'lf',
        preambleLines: wanted.preamble_rows ?? 0,
        trailerLines: wanted.trailer_rows ?? 0,
        headerRows: wanted.header_rows,
      })
    }
    if (wanted.columns !== undefined) expect(spec.columns.map(({ sourceName }) => sourceName)).toEqual(wanted.columns)
    expect(new Set(spec.columns.map(({ name }) => name)).size).toBe(spec.columns.length)
    expect(spec.rowCount).toBe(wanted.n_records)

    const sourceNames = new Map(spec.columns.map(({ name, sourceName }) => [name, sourceName]))
    const keys = spec.keys.map(key => key.columns.map(column => sourceNames.get(column)))
    if (wanted.natural_key !== undefined) expect(keys).toContainEqual(wanted.natural_key)

    let ragged = 0
    let records = 0
    for await (const batch of readRecords(path, spec.format, spec.columns, discoveryPolicy)) {
      records += batch.length
      ragged += batch.filter(({ kind }) => kind === 'malformed').length
    }
    expect([records, ragged]).toEqual([wanted.n_records, wanted.ragged_rows ?? 0])
  })
})

test('a feed fits the contract that was made of it', async () => {
  for (const { file } of expected) {
    const path = join(folder, file)
    const spec = await inspectFile(path, discoveryPolicy)
    const contract: FeedContract = {
      ...spec,
      vendor: 'v',
      table: 't',
      version: 1,
      status: 'active',
      owner: 'o',
      deliveryMode: 'full',
      checks: [],
      createdAt: '2026-01-01T00:00:00Z',
    }
    expect(compare(contract, await inspectFile(path, discoveryPolicy, spec.format))).toEqual({
      fits: true,
      changes: [],
    })
  }
})
