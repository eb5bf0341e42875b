/**
 * Takes a file in: copies it while hashing it, so that what every agent reads later is exactly what was identified. The
 * copy lies under its hash and never changes.
 *
 * How it fails: a file that vanishes, cannot be read or changes under the copy is a Failure and leaves nothing behind but a
 * partial copy that the next take of the same name overwrites.
 */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Failure } from '../../contracts/failures.ts'

export interface Taken {
  readonly sha256: string
  readonly sizeBytes: number
  /** Where the copy lies, below `storeDir`. */
  readonly stored: string
}

const chunkBytes = 1 << 20

/**
 * @param source absolute path, checked to be inside landing
 * @param storeDir absolute path of the delivery store
 * Errors: FILE_VANISHED, FILE_UNREADABLE, FILE_CHANGING, DISK_FULL.
 */
export async function takeFile(source: string, storeDir: string): Promise<Taken> {
  await mkdir(storeDir, { recursive: true })
  const partial = join(storeDir, `.part-${process.pid}-${Math.random().toString(36).slice(2)}`)
  try {
    const { sha256, sizeBytes } = await copyHashed(source, partial)
    const folder = join(storeDir, sha256.slice(0, 2), sha256)
    await mkdir(folder, { recursive: true })
    const name = basename(source)
    await rename(partial, join(folder, name))
    return { sha256, sizeBytes, stored: join(sha256.slice(0, 2), sha256, name) }
  } catch (error) {
    await rm(partial, { force: true })
    throw fileFailure(error, source)
  }
}

async function copyHashed(source: string, target: string): Promise<{ sha256: string; sizeBytes: number }> {
  const from = await open(source, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const before = await from.stat()
    if (!before.isFile()) throw new Failure('FILE_UNREADABLE', `${basename(source)} is no regular file.`)
    const to = await open(target, 'w')
    const hash = createHash('sha256')
    let sizeBytes = 0
    try {
      const chunk = Buffer.allocUnsafe(chunkBytes)
      while (true) {
        const { bytesRead } = await from.read(chunk, 0, chunkBytes)
        if (bytesRead === 0) break
        const part = chunk.subarray(0, bytesRead)
        hash.update(part)
        await to.writeFile(part)
        sizeBytes += bytesRead
      }
      await to.sync()
    } finally {
      await to.close()
    }
    const after = await stat(source)
    if (after.size !== sizeBytes || after.mtimeMs !== before.mtimeMs) {
      throw new Failure('FILE_CHANGING', `${basename(source)} changed while it was copied: it is still being written.`)
    }
    return { sha256: hash.digest('hex'), sizeBytes }
  } finally {
    await from.close()
  }
}

/** What the operating system says of a file, as a Failure. */
export function fileFailure(error: unknown, path: string): Failure {
  if (error instanceof Failure) return error
  const name = basename(path)
  const cause = { cause: error }
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new Failure('FILE_VANISHED', `${name} was there and is gone.`, cause)
    case 'EACCES':
    case 'EPERM':
      return new Failure('FILE_UNREADABLE', `${name} cannot be read: permission denied.`, cause)
    case 'ELOOP':
      return new Failure('PATH_OUTSIDE_ROOT', `${name} is a link that leads to itself.`, cause)
    case 'ENOSPC':
      return new Failure('DISK_FULL', `No space is left to take ${name} in.`, cause)
    default:
      return new Failure('FILE_UNREADABLE', `${name} cannot be read: ${(error as Error).message}.`, cause)
  }
}
