/** The first lines and a few records of a file, for whoever wants to see what is in it. Contents are data, whatever they say. */
import type { FeedFormat } from '../../../contracts/data/feed-contract.ts'
import type { DiscoveryPolicy } from '../../../contracts/data/policy.ts'
import type { ToolOutput } from '../../../contracts/tools/index.ts'
import { findEncoding } from '../../discovery/encoding.ts'
import { inspectFile } from '../../discovery/shell.ts'
import { readBytes, TextPieces } from '../../records/decode.ts'
import { readRecords, sourceColumns } from '../../records/records.ts'

/** A longer line is cut: nobody reads more of one line, and a file may be a single one. */
export const lineLimitCharacters = 2_000

/** At most `wanted` lines out of as many bytes as the policy says a sample has. */
export async function headOf(
  path: string,
  wanted: number,
  { sampleBytes }: DiscoveryPolicy,
): Promise<ToolOutput<'filesystem.head_file'>> {
  const { bytes, complete } = await firstBytes(path, sampleBytes)
  const { encoding } = findEncoding(bytes, complete)
  const pieces = new TextPieces({ encoding, compression: 'none' })
  const text = [pieces.write(bytes), complete ? pieces.end() : undefined].map(piece => piece?.text ?? '').join('')
  const lines = text.toWellFormed().split(/\r\n|[\n\r]/)
  // What follows the last line end is a line only if it says something.
  if (lines.at(-1) === '') lines.pop()
  return {
    lines: lines.slice(0, wanted).map(line => line.slice(0, lineLimitCharacters)),
    truncated: !complete || lines.length > wanted || lines.some(line => line.length > lineLimitCharacters),
  }
}

/** Records that can be taken apart, in the format given or in the one discovered. */
export async function sampleOf(
  path: string,
  wanted: number,
  format: FeedFormat | undefined,
  policy: DiscoveryPolicy,
): Promise<ToolOutput<'filesystem.sample_file'>> {
  const spec = await inspectFile(path, policy, format)
  const records: (string | null)[][] = []
  for await (const batch of readRecords(path, spec.format, spec.columns, policy)) {
    for (const record of batch) if (record.kind === 'fields') records.push([...record.fields])
    if (records.length >= wanted) break
  }
  return { columns: sourceColumns(spec.columns).map(({ name }) => name), records: records.slice(0, wanted) }
}

async function firstBytes(path: string, limitBytes: number): Promise<{ bytes: Buffer; complete: boolean }> {
  const stored = await take(path, 'none', 3)
  const compression = stored.bytes.subarray(0, 3).equals(gzipMagic) ? 'gzip' : 'none'
  return take(path, compression, limitBytes)
}

const gzipMagic = Buffer.from([0x1f, 0x8b, 8])

async function take(path: string, compression: 'none' | 'gzip', limitBytes: number) {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of readBytes(path, compression)) {
    chunks.push(chunk)
    size += chunk.length
    if (size > limitBytes) return { bytes: Buffer.concat(chunks).subarray(0, limitBytes), complete: false }
  }
  return { bytes: Buffer.concat(chunks), complete: true }
}
