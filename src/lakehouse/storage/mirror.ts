/**
 * Copies of a store's files on this machine, for engines that read files of this machine only.
 *
 * Owns `<folder>/<bucket>/<key>` and, for what is not whole yet, `<folder>/.incoming`. Invariants:
 *  1. A file under its own name is whole: it was renamed there. Files in the store never change, so a copy is never stale.
 *  2. Path and location say the same, `s3://` or the folder before it: nobody keeps a list.
 *  3. Beyond `mostBytes` what was not asked for the longest goes, but nothing that anybody asked for within the hour: a statement
 *     may be about to read it. Should it go all the same, the statement fails for now and brings it again.
 * Any number of processes may share one.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '../../../contracts/failures.ts'
import { moveFile, withDisk } from './disk.ts'
import { eachOf } from './each.ts'
import type { Brought } from './storage.ts'

export interface Mirror {
  /** Makes copies of what is not there. Throws DISK_FULL for more than there is room for. */
  bring(files: readonly Brought[]): Promise<void>
  read(location: string): Promise<Buffer>
  /** Keeps a finished file as the copy of a location, away from where it was. */
  keepFile(fromPath: string, location: string): Promise<void>
  /** Keeps a copy of what was sent, if it can: it is there to be fetched otherwise. */
  keepBytes(location: string, bytes: Buffer): Promise<void>
  forget(locations: readonly string[]): Promise<void>
}

export interface MirrorOptions {
  readonly folder: string
  readonly mostBytes: number
  /** Writes what a location holds to a new file. */
  readonly download: (location: string, path: string) => Promise<void>
  /** How long a copy that was asked for surely stays. */
  readonly keptMs?: number
}

const hourMs = 3_600_000
/** A use is noted again after this part of the time that copies are kept. */
const notedPart = 6
const downloadsAtOnce = 8

const scheme = /^s3[an]?:\/\//

/** The path of a location's copy. */
export function mirrorPath(folder: string, location: string): string {
  const rest = location.replace(scheme, '')
  if (rest === location)
    throw new Failure('TABLE_INCOMPATIBLE', `${location} is not in an S3 store: this warehouse reads s3:// only.`)
  if (rest.split('/').some(part => part === '' || part === '.' || part === '..') || rest.includes('\0'))
    throw new Failure('TABLE_INCOMPATIBLE', `${location} has an empty part, . or .., and no path of its own here.`)
  return `${folder}/${rest}`
}

export function openMirror({ folder, mostBytes, download, keptMs = hourMs }: MirrorOptions): Mirror {
  const incoming = join(folder, '.incoming')
  const coming = new Map<string, Promise<void>>()
  // The first copy of a process makes it look how much there is.
  let addedBytes = Number.POSITIVE_INFINITY
  let sweeping: Promise<void> | undefined

  const temporary = async () => {
    await mkdir(incoming, { recursive: true })
    return join(incoming, randomUUID())
  }
  const added = async (bytes: number) => {
    addedBytes += bytes
    if (addedBytes < mostBytes / 8 || sweeping !== undefined) return
    addedBytes = 0
    sweeping = sweep().finally(() => {
      sweeping = undefined
    })
    await sweeping
  }
  const sweep = async () => {
    const nowMs = Date.now()
    const files = await copiesBelow(folder)
    let total = files.reduce((sum, file) => sum + file.bytes, 0)
    for (const file of files.toSorted((a, b) => a.usedMs - b.usedMs)) {
      if (file.usedMs > nowMs - keptMs) return
      if (total <= mostBytes && !file.path.startsWith(`${incoming}/`)) continue
      await rm(file.path, { force: true }).catch(() => undefined)
      total -= file.bytes
    }
  }
  /** Whether the copy is there; that it was asked for is noted. */
  const isThere = async (path: string) => {
    const seen = await stat(path).catch(() => undefined)
    if (seen === undefined) return false
    const now = new Date()
    if (seen.mtimeMs > now.getTime() - keptMs / notedPart) return true
    return utimes(path, now, now).then(
      () => true,
      () => false,
    )
  }
  const fetch = async (location: string, path: string) => {
    const unfinished = await temporary()
    try {
      await withDisk(() => download(location, unfinished))
      const { size } = await stat(unfinished)
      await moveFile(unfinished, path)
      await added(size)
    } finally {
      await rm(unfinished, { force: true })
    }
  }
  const bringOne = async (location: string) => {
    const path = mirrorPath(folder, location)
    const found = coming.get(path) ?? fetch(location, path).finally(() => coming.delete(path))
    coming.set(path, found)
    await found
  }
  const bring = async (files: readonly Brought[]) => {
    const missing: Brought[] = []
    await eachOf(files, downloadsAtOnce, async file => {
      if (!(await isThere(mirrorPath(folder, file.location)))) missing.push(file)
    })
    const bytes = missing.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    if (bytes > mostBytes) {
      throw new Failure(
        'DISK_FULL',
        `${missing.length} files of ${megabytes(bytes)} MB have to be copied to be read, and copies may take ${megabytes(mostBytes)} MB.`,
        { wayOut: 'Read less at once, or raise lakehouse.s3CopiesMegabytes where the disk has room.' },
      )
    }
    await eachOf(missing, downloadsAtOnce, ({ location }) => bringOne(location))
  }
  const bringSmall = (location: string) => bring([{ location, sizeBytes: 0 }])

  return {
    bring,
    read: async location => {
      const path = mirrorPath(folder, location)
      await bringSmall(location)
      return readFile(path).catch(async error => {
        // Another process may have taken it away at this very moment.
        if (error.code !== 'ENOENT') throw error
        await bringSmall(location)
        return readFile(path)
      })
    },
    keepFile: async (fromPath, location) => {
      const { size } = await stat(fromPath)
      await moveFile(fromPath, mirrorPath(folder, location))
      await added(size)
    },
    keepBytes: async (location, bytes) => {
      const path = mirrorPath(folder, location)
      const unfinished = await temporary()
      try {
        await writeFile(unfinished, bytes)
        await moveFile(unfinished, path)
      } catch {
        await rm(unfinished, { force: true })
      }
      await added(bytes.length)
    },
    forget: async locations => {
      for (const location of locations) await rm(mirrorPath(folder, location), { force: true }).catch(() => undefined)
    },
  }
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e6 ? 3 : 0)

async function copiesBelow(folder: string): Promise<{ path: string; bytes: number; usedMs: number }[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])
  const found: { path: string; bytes: number; usedMs: number }[] = []
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const seen = await stat(path).catch(() => undefined)
    // An index beside a copy is read without being asked for here; the file system notes that, if roughly.
    if (seen !== undefined) found.push({ path, bytes: seen.size, usedMs: Math.max(seen.mtimeMs, seen.atimeMs) })
  }
  return found
}
