/** Records of JSON as a table: one column per key, nested objects taken apart, arrays kept as JSON text. Pure. */
import type { FeedFormat } from '../../contracts/data/feed-contract.ts'
import type { JsonRecord } from '../records/json-record.ts'
import { isObject, type JsonObject, textOf, valueAt } from '../records/json-value.ts'
import type { ReadLimits } from '../records/record.ts'
import { jsonSplitter } from '../records/records.ts'
import type { SampleTable } from './sample.ts'

const deepest = 4
/** An object with more keys than this is no structure but a map: its keys are data. */
const mostKeys = 64

interface Node {
  objects: number
  others: number
  readonly children: Map<string, Node>
}

/** The keys of records seen so far. */
export class KeyTree {
  readonly #root: Node = { objects: 0, others: 0, children: new Map() }

  add(record: JsonObject): void {
    grow(this.#root, record, 0)
  }

  /** Paths from a record to its values, in the order in which they were first seen. */
  paths(): string[][] {
    return leaves(this.#root, [])
  }
}

function grow(node: Node, record: JsonObject, depth: number): void {
  node.objects++
  for (const [key, value] of Object.entries(record)) {
    let child = node.children.get(key)
    if (child === undefined) {
      if (depth > 0 && node.children.size > mostKeys) continue
      child = { objects: 0, others: 0, children: new Map() }
      node.children.set(key, child)
    }
    if (isObject(value) && depth < deepest) grow(child, value, depth + 1)
    else if (value !== null) child.others++
  }
}

function leaves(node: Node, path: readonly string[]): string[][] {
  return [...node.children].flatMap(([key, child]) => {
    const nested = child.objects > 0 && child.others === 0 && child.children.size > 0 && child.children.size <= mostKeys
    return nested ? leaves(child, [...path, key]) : [[...path, key]]
  })
}

export const columnOf = (path: readonly string[]) => ({ sourceName: path.join('.'), sourcePath: [...path] })

export function jsonTable(
  text: string,
  format: Exclude<FeedFormat, { kind: 'delimited' }>,
  limits: ReadLimits,
  complete: boolean,
): SampleTable {
  const splitter = jsonSplitter({ ...format, compression: 'none' }, limits)
  const found: JsonRecord[] = [...splitter.push({ text, anchors: [], broken: false })]
  if (complete) found.push(...splitter.end())
  const tree = new KeyTree()
  const values = found.flatMap(record => (record.code === undefined ? [record.value] : []))
  for (const value of values) tree.add(value)
  const paths = tree.paths()
  const malformed = found.length - values.length
  const varying = values.length > 1 && values.some(value => paths.some(path => valueAt(value, path) === undefined))
  return {
    columns: paths.map(columnOf),
    rows: values.map(value => paths.map(path => textOf(valueAt(value, path)))),
    malformed,
    signals: varying ? [{ code: 'VARYING_KEYS', message: 'not every record has all of the keys' }] : [],
    confidence: found.length === 0 ? 0 : values.length / found.length,
  }
}
