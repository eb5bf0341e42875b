import { readdir } from 'node:fs/promises'
import { Failure } from '../../../contracts/failures.ts'
import type { Inside, Roots } from './roots.ts'

export interface ListedFile {
  readonly path: string
  readonly sizeBytes: number
  readonly modifiedAt: string
}

/**
 * Files below a folder, in the order of their paths; `.` is all roots. Links are followed as long as they stay inside; what leads
 * outside, what cannot be read and what is no regular file is left out. A folder that links make reachable twice is listed once.
 */
export async function listFiles(roots: Roots, folder: string, limit: number) {
  const files: ListedFile[] = []
  const seen = new Set<string>()
  const isFull = () => files.length > limit

  const enter = async (found: Inside): Promise<void> => {
    if (seen.has(found.path)) return
    seen.add(found.path)
    const names = await readdir(found.path).catch((): string[] => [])
    for (const name of names.sort()) {
      if (isFull()) return
      const inner = await roots.resolve(`${found.relative}/${name}`).catch(() => undefined)
      if (inner?.stats.isDirectory()) await enter(inner)
      else if (inner?.stats.isFile()) files.push(describe(inner))
    }
  }

  if (folder === '.') {
    for (const root of roots.folders) {
      const found = await roots.resolve(root).catch(() => undefined)
      if (found) await enter(found)
    }
  } else {
    const found = await roots.resolve(folder)
    if (!found.stats.isDirectory()) throw new Failure('PATH_UNKNOWN', `${folder} is not a folder.`)
    await enter(found)
  }
  return { files: files.slice(0, limit), truncated: isFull() }
}

export const describe = ({ relative, stats }: Inside): ListedFile => ({
  path: relative,
  sizeBytes: stats.size,
  modifiedAt: stats.mtime.toISOString(),
})
