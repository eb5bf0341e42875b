import type { Source } from './source.ts'

export interface HouseFile {
  /** Below the repository's root, with `/`. */
  readonly path: string
  readonly source: Source
}

export interface Finding {
  readonly path: string
  /** Characters from the start of the file; the line is counted when it is printed. */
  readonly offset: number
  /** What is wrong, and what to do instead. */
  readonly message: string
}
