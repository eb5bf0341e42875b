import type { Value } from './values.ts'

/** What a file holds: rows, or positions of rows that are gone. Equality deletes are neither written nor read here. */
export type FileContent = 'data' | 'position-deletes'

/** A Parquet file as a manifest describes it. Maps are by field id. */
export interface DataFile {
  readonly content: FileContent
  /** The location, exactly as deletes refer to it. */
  readonly location: string
  readonly partition: readonly Value[]
  readonly rows: number
  readonly sizeBytes: number
  readonly metrics: Metrics
}

export interface Metrics {
  readonly columnSizes: ReadonlyMap<number, number>
  readonly valueCounts: ReadonlyMap<number, number>
  readonly nullCounts: ReadonlyMap<number, number>
  readonly lowerBounds: ReadonlyMap<number, Buffer>
  readonly upperBounds: ReadonlyMap<number, Buffer>
}

/** A file of a snapshot, with what decides which deletes apply to it. */
export interface LiveFile {
  readonly content: FileContent
  readonly location: string
  readonly specId: number
  readonly partition: readonly Value[]
  readonly rows: number
  readonly sizeBytes: number
  /** Deletes apply to data of the same or a lower sequence number. */
  readonly sequence: bigint
  /** Bounds of columns by field id, as the manifest has them: text may be cut. Empty where it has none. */
  readonly lowerBounds: ReadonlyMap<number, Buffer>
  readonly upperBounds: ReadonlyMap<number, Buffer>
  /** Bounds of `file_path` in a delete file, where the manifest has them. */
  readonly pathBounds?: { readonly lower: string; readonly upper: string }
}

/** The reserved field ids of position delete files. */
export const deletePathId = 2147483546
export const deletePositionId = 2147483545
