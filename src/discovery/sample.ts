import type { QualitySignal } from '../../contracts/data/feed-contract.ts'

/** What discovery looks at: the start of a file, decompressed, and facts about the whole. */
export interface Sample {
  readonly head: Uint8Array
  /** The head is the whole file. */
  readonly complete: boolean
  /** Size of the file as it lies there. */
  readonly sizeBytes: number
  readonly compression: 'none' | 'gzip'
  /** For messages and suggestions; nothing is read. */
  readonly path: string
}

/** A sample as a table of text. */
export interface SampleTable {
  readonly columns: readonly { readonly sourceName: string; readonly sourcePath?: string[] }[]
  /** Well-formed records only; null: nothing there. */
  readonly rows: readonly (readonly (string | null)[])[]
  readonly malformed: number
  /** The decimal mark that the dialect speaks for, where no value does: a comma that delimits hardly marks decimals. */
  readonly decimalHint?: '.' | ','
  readonly signals: readonly QualitySignal[]
  /** Of delimited text: rows taken for a header, and how surely, of -1 (a record) to 1 (a header). */
  readonly headerRows?: 0 | 1
  readonly headerCertainty?: number
  /** How sure the reading of the structure is, 0 to 1. */
  readonly confidence: number
}
