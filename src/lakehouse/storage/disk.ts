/** Files of this machine, on disk when a call returns. */
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Failure } from '../../../contracts/failures.ts'

/** Writes a new file; fails when one of that name exists. */
export async function writeFileNew(path: string, bytes: string | Buffer): Promise<void> {
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

/** Moves a finished file; whoever finds it under its new name finds it whole. */
export async function moveFile(fromPath: string, path: string): Promise<void> {
  await withDisk(async () => {
    await syncPath(fromPath)
    await makeDirectory(dirname(path))
    await rename(fromPath, path)
    await syncPath(dirname(path))
  })
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
