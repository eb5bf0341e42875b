import iconv from 'iconv-lite'
import type { DelimitedFormat, DiscoveredSpec, FeedFormat } from '../../contracts/data/feed-contract.ts'
import { discover } from '../../src/discovery/discover.ts'
import type { Sample } from '../../src/discovery/sample.ts'
import { discoveryPolicy } from '../fixtures/discovery-policy.ts'

export const sampleOf = (content: string | Uint8Array, over: Partial<Sample> = {}): Sample => {
  const head = typeof content === 'string' ? Buffer.from(content) : content
  return { head, complete: true, sizeBytes: head.length, compression: 'none', path: 'feed', ...over }
}

export const specOf = (content: string | Uint8Array, over: Partial<Sample> = {}, format?: FeedFormat): DiscoveredSpec =>
  discover(sampleOf(content, over), discoveryPolicy, format === undefined ? {} : { format }).spec

export function dialectOf(content: string | Uint8Array): DelimitedFormat {
  const { format } = specOf(content)
  if (format.kind !== 'delimited') throw new Error(`expected delimited text, found ${format.kind}`)
  return format
}

export const namesOf = (spec: DiscoveredSpec): string[] => spec.columns.map(({ sourceName }) => sourceName)
export const typesOf = (spec: DiscoveredSpec): Record<string, string> =>
  Object.fromEntries(spec.columns.map(({ name, type }) => [name, type]))
export const codesOf = (spec: DiscoveredSpec): string[] => [...new Set(spec.quality.map(({ code }) => code))].sort()
export const encoded = (text: string, encoding: string, addBOM = false): Buffer =>
  iconv.encode(text, encoding, { addBOM })

/** A column of values under a header, beside a column of names. */
export const columnOf = (header: string, values: readonly string[]) => {
  const spec = specOf(
    `name;${header}\n${values.map((value, i) => `thing ${'abcdefghijklmnop'[i % 16]};${value}`).join('\n')}\n`,
  )
  const column = spec.columns[1]
  if (column === undefined || spec.format.kind !== 'delimited' || spec.format.headerRows !== 1)
    throw new Error(`read as ${JSON.stringify(spec.format)}`)
  return { ...column, codes: spec.quality.filter(signal => signal.column === column.name).map(({ code }) => code) }
}
