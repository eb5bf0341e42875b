/**
 * Files below the warehouse. Everything a table names is written once, under a fresh name, and on disk before the
 * catalog row that makes it visible moves: `writeNew` and `publishFile` return only after file and directory are synced.
 *
 * A location is `file://` and the absolute path as it is, never percent-encoded: PyIceberg, Spark and DuckDB all take
 * it so, and a position delete's `file_path` must equal the data file's text exactly.
 */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Failure } from '../../../contracts/failures.ts'

export function locationOf(path: string): string {
  return `file://${path}`
}

/** The local path of a location, in any of the spellings engines use: `file:///a`, `file:/a`, `/a`. */
export function pathOf(location: string): string {
  const path = location.replace(/^file:(?:\/\/)?/, '')
  if (path.startsWith('/')) return path
  throw new Failure('TABLE_INCOMPATIBLE', `${location} is not a local file: this warehouse reads file:// only.`)
}

export function readLocation(location: string): Promise<Buffer> {
  return readFile(pathOf(location))
}

/** Writes a new file durably; fails when one of that name exists. */
export async function writeNew(location: string, bytes: string | Buffer): Promise<void> {
  const path = pathOf(location)
  await withDisk(async () => {
    await makeDirectory(dirname(path))
    const file = await open(path, 'wx')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await syncPath(dirname(path))
  })
}

/** Moves a file that an engine finished into its final place, durably. */
export async function publishFile(fromPath: string, location: string): Promise<void> {
  const path = pathOf(location)
  await withDisk(async () => {
    await syncPath(fromPath)
    await makeDirectory(dirname(path))
    await rename(fromPath, path)
    await syncPath(dirname(path))
  })
}

/** Removes files nobody can see. Best effort: what stays behind is an orphan, not an error. */
export async function discard(locations: readonly string[]): Promise<void> {
  await Promise.all(locations.map(location => rm(pathOf(location), { force: true }).catch(() => undefined)))
}

/** Creates a directory and syncs the parents of what it created, or a power cut could lose the way to the file. */
async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true })
  if (first === undefined) return
  for (let parent = dirname(path); parent.length >= dirname(first).length; parent = dirname(parent)) {
    await syncPath(parent)
    if (parent === dirname(parent)) return
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** What a full disk gives, as a Failure. */
export async function withDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')) {
      throw new Failure('DISK_FULL', `The disk of the warehouse is full: ${error.message}`, { cause: error })
    }
    throw error
  }
}
