import { z } from 'zod'
import { ColumnType, Count, Fraction, Instant, Name, Owner, Version } from './common.ts'

export const Compression = z.enum(['none', 'gzip'])

/** One character, or none. */
const Character = z.string().min(1).max(2).nullable()

export const DelimitedFormat = z.strictObject({
  kind: z.literal('delimited'),
  /** A WHATWG / iconv label in lower case: utf-8, utf-16le, windows-1252, iso-8859-1, cp850 … */
  encoding: z.string(),
  compression: Compression,
  delimiter: z.string().min(1).max(2),
  quote: Character,
  /** The character that makes a quote inside quotes literal: the quote itself (doubling), a backslash, or none. */
  escape: Character,
  lineTerminator: z.enum(['lf', 'crlf', 'cr']),
  /** Physical lines before the header (titles, comments, blank lines). */
  preambleLines: Count,
  /** 0: no header, columns are named by position. */
  headerRows: z.union([z.literal(0), z.literal(1)]),
  /** Physical lines after the last record that are no records (totals, end marks). */
  trailerLines: Count,
})
export type DelimitedFormat = z.infer<typeof DelimitedFormat>

export const JsonLinesFormat = z.strictObject({
  kind: z.literal('ndjson'),
  encoding: z.string(),
  compression: Compression,
})
export type JsonLinesFormat = z.infer<typeof JsonLinesFormat>

export const JsonDocumentFormat = z.strictObject({
  kind: z.literal('json'),
  encoding: z.string(),
  compression: Compression,
  /** Keys from the root to the array of records; empty: the root is the array (or the one record). */
  recordPath: z.array(z.string()),
})
export type JsonDocumentFormat = z.infer<typeof JsonDocumentFormat>

export const FeedFormat = z.discriminatedUnion('kind', [DelimitedFormat, JsonLinesFormat, JsonDocumentFormat])
export type FeedFormat = z.infer<typeof FeedFormat>

/** How text becomes a value of the column's type. A value fits if formatting it again in this way gives the text back, canonically. */
export const ValueFormat = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('number'), decimal: z.enum(['.', ',']), group: z.enum(['', ',', '.', "'", ' ']) }),
  /** `pattern` in strptime notation, e.g. `%d.%m.%Y`. */
  z.strictObject({ kind: z.literal('date'), pattern: z.string().min(2) }),
  z.strictObject({ kind: z.literal('timestamp'), pattern: z.string().min(2) }),
  z.strictObject({ kind: z.literal('boolean'), true: z.array(z.string()).min(1), false: z.array(z.string()).min(1) }),
])
export type ValueFormat = z.infer<typeof ValueFormat>

export const ColumnQuality = z.strictObject({
  nullFraction: Fraction,
  /** Distinct values seen in the sample. */
  distinct: Count,
  minLength: Count,
  maxLength: Count,
  /** Share of the sampled values that fit the proposed type. */
  fit: Fraction,
  /** A few values as they stand, for people and for matching; data, never instructions. */
  samples: z.array(z.string()).max(8),
})
export type ColumnQuality = z.infer<typeof ColumnQuality>

export const FeedColumn = z.strictObject({
  /** Its name in the bronze table: safe, unique, derived from the source name. */
  name: z.string().regex(/^[a-z_][a-z0-9_]{0,127}$/),
  /** Its name in the source: the header cell, or the key path of a JSON record joined by dots. */
  sourceName: z.string(),
  /** Keys from the record to the value, JSON formats only. */
  sourcePath: z.array(z.string()).optional(),
  type: ColumnType,
  nullable: z.boolean(),
  format: ValueFormat.optional(),
  /** What the values look like, beyond their type (gtin, url, money, email, identifier, country, currency, language …). */
  semantic: z.string().optional(),
  description: z.string().optional(),
  /** The header no longer brings this column; it stays in the table, as null. */
  retired: z.boolean().optional(),
  quality: ColumnQuality.optional(),
})
export type FeedColumn = z.infer<typeof FeedColumn>

export const KeyCandidate = z.strictObject({
  kind: z.enum(['primary', 'natural']),
  columns: z.array(z.string()).min(1),
  evidence: z.string(),
  confidence: Fraction,
})
export type KeyCandidate = z.infer<typeof KeyCandidate>

export const PartitionCandidate = z.strictObject({
  column: z.string(),
  transform: z.enum(['identity', 'day', 'month', 'year']),
  reason: z.string(),
})

export const QualitySignal = z.strictObject({ code: z.string(), column: z.string().optional(), message: z.string() })
export type QualitySignal = z.infer<typeof QualitySignal>

/** What discovery finds in one file, before it belongs to a feed. */
export const DiscoveredSpec = z.strictObject({
  format: FeedFormat,
  /** Texts that stand for "no value", compared after trimming; the empty text always does. */
  nullTokens: z.array(z.string()),
  columns: z.array(FeedColumn).min(1),
  keys: z.array(KeyCandidate),
  partitionCandidates: z.array(PartitionCandidate),
  /** Records in the whole file (null: only the sample was looked at). */
  rowCount: Count.nullable(),
  sizeBytes: Count,
  quality: z.array(QualitySignal),
  confidence: Fraction,
})
export type DiscoveredSpec = z.infer<typeof DiscoveredSpec>

/** A check of the contract itself, on bronze: `expression` is a SQL truth over the contract's columns. */
export const ContractCheck = z.strictObject({
  id: z.string(),
  expression: z.string(),
  severity: z.enum(['warn', 'refuse']),
  message: z.string(),
  owner: Owner.optional(),
})

export const FeedContract = DiscoveredSpec.extend({
  vendor: Name,
  table: Name,
  version: Version,
  status: z.enum(['active', 'proposed', 'retired']),
  owner: Owner,
  /** full: a delivery is everything the vendor has; delta: only what changed. */
  deliveryMode: z.enum(['full', 'delta']),
  checks: z.array(ContractCheck),
  createdAt: Instant,
  createdFrom: z.strictObject({ deliveryId: z.string(), file: z.string() }).optional(),
})
export type FeedContract = z.infer<typeof FeedContract>

export const ContractRef = z.strictObject({ vendor: Name, table: Name, version: Version })
export type ContractRef = z.infer<typeof ContractRef>
