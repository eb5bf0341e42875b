import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { Lakehouse } from '../../lakehouse/lakehouse.ts'

/** Lends the path of a file that may be written on the warehouse's disk; it is gone afterwards, whatever happens. */
export async function withScratchFile<T>(
  lakehouse: Lakehouse,
  extension: string,
  work: (file: string) => Promise<T>,
): Promise<T> {
  const file = path.join(await lakehouse.scratchDir(), `${randomUUID()}.${extension}`)
  try {
    return await work(file)
  } finally {
    await rm(file, { force: true })
  }
}
