/** What one file is: its format, columns, keys and quality, from a sample and the discovery policy. Pure: same sample, same answer. */
import type { Doubt, Reading } from '../../contracts/data/doubt.ts'
import type { DiscoveredSpec, FeedFormat } from '../../contracts/data/feed-contract.ts'
import type { DiscoveryPolicy } from '../../contracts/data/policy.ts'
import { Failure } from '../../contracts/failures.ts'
import { TextPieces } from '../records/decode.ts'
import { findDelimited, readDelimited } from './delimited-sample.ts'
import { describeTable } from './describe-table.ts'
import { findEncoding } from './encoding.ts'
import { refuseBinary, refuseForeignBytes, refuseForeignText } from './foreign.ts'
import { findJson } from './json-format.ts'
import { jsonTable } from './json-sample.ts'
import type { Sample, SampleTable } from './sample.ts'

export interface Discovered {
  /** `rowCount` is null: only the sample was looked at, unless it is the whole file. */
  readonly spec: DiscoveredSpec
  readonly doubts: readonly Doubt[]
  /** Readings that the sample does not bear out. */
  readonly refused: readonly Reading[]
}

export interface Known {
  /** Read in this format instead of finding one. */
  readonly format?: FeedFormat
  /** Decode from this encoding instead of finding one. */
  readonly encoding?: string
  /** How doubts were settled. */
  readonly readings?: readonly Reading[]
}

/** @throws Failure FILE_EMPTY, FILE_HEADER_ONLY, FILE_BINARY, FILE_FORMAT_UNKNOWN, FILE_RECORD_TOO_LONG, FILE_ENCODING_BROKEN */
export function discover(sample: Sample, policy: DiscoveryPolicy, known: Known = {}): Discovered {
  const { head, path, complete } = sample
  if (head.length === 0) throw empty(path)
  refuseForeignBytes(head, path)
  const declared = known.format?.encoding ?? known.encoding
  const { encoding, signals } =
    declared === undefined ? findEncoding(head, complete) : { encoding: declared, signals: [] }
  const text = decode(head, encoding, complete)
  if (complete && text.replaceAll('\0', '').replaceAll('\x1a', '').trim() === '') throw empty(path)
  refuseBinary(text, path)
  const { format, table } =
    known.format === undefined
      ? readUnknown(text, encoding, sample, policy)
      : readKnown(text, known.format, sample, policy)
  if (table.columns.length === 0) throw table.malformed > 0 ? unknown(path, 'it holds no JSON objects') : empty(path)
  const { said, doubts, refused } = describeTable(table, policy, complete, known.readings)
  const spec: DiscoveredSpec = {
    format,
    ...said,
    rowCount: complete ? table.rows.length + table.malformed : null,
    sizeBytes: sample.sizeBytes,
    quality: [...signals, ...said.quality],
    confidence: Math.round(Math.max(0, Math.min(1, table.confidence)) * 100) / 100,
  }
  return { spec, doubts, refused }
}

function readUnknown(
  text: string,
  encoding: string,
  sample: Sample,
  policy: DiscoveryPolicy,
): { format: FeedFormat; table: SampleTable } {
  const { path, complete, compression } = sample
  const shape = findJson(text, complete, path)
  if (shape !== undefined) {
    const format: FeedFormat = { ...shape, encoding, compression }
    return { format, table: jsonTable(text, format, policy, complete) }
  }
  refuseForeignText(text, path)
  const { format, table } = findDelimited(text, { path, complete, limits: policy })
  return { format: { ...format, encoding, compression }, table }
}

function readKnown(
  text: string,
  format: FeedFormat,
  sample: Sample,
  policy: DiscoveryPolicy,
): { format: FeedFormat; table: SampleTable } {
  const { path, complete, compression } = sample
  if (format.kind !== 'delimited')
    return { format: { ...format, compression }, table: jsonTable(text, format, policy, complete) }
  const { table } = readDelimited(text, format, { path, complete, limits: policy })
  if (table.rows.length === 0 && table.malformed === 0)
    throw new Failure('FILE_HEADER_ONLY', `${path} has no record when it is read as its contract says.`)
  return { format: { ...format, compression }, table }
}

function decode(bytes: Uint8Array, encoding: string, complete: boolean): string {
  const pieces = new TextPieces({ encoding, compression: 'none' })
  const text = pieces.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))?.text ?? ''
  return complete ? text + (pieces.end()?.text ?? '') : text
}

const empty = (path: string): Failure => new Failure('FILE_EMPTY', `${path} holds nothing.`)
const unknown = (path: string, why: string): Failure =>
  new Failure('FILE_FORMAT_UNKNOWN', `${path} cannot be read: ${why}.`)
