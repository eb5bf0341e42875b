/** A warehouse in a folder of this machine: a location is `file://` and the absolute path as it is. */
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '../../../contracts/failures.ts'
import { moveFile, writeFileNew } from './disk.ts'
import type { Storage, StoredFile } from './storage.ts'

export function folderStorage(folder: string): Storage {
  return {
    folder,
    tableLocation: table => locationOf(`${folder}/${table.namespace}/${table.name}`),
    pathOf,
    pathSql: location => `regexp_replace(${location}, '^file:(//)?', '')`,
    read: location => readFile(pathOf(location)),
    bring: async () => {},
    writeNew: (location, bytes) => writeFileNew(pathOf(location), bytes),
    publishFile: (fromPath, location) => moveFile(fromPath, pathOf(location)),
    discard: async locations => {
      await Promise.all(locations.map(location => rm(pathOf(location), { force: true }).catch(() => undefined)))
    },
    list: location => filesBelow(pathOf(location)),
    dropUnfinished: async () => {},
  }
}

function locationOf(path: string): string {
  return `file://${path}`
}

/** Of any of the spellings engines use: `file:///a`, `file:/a`, `/a`. */
function pathOf(location: string): string {
  const path = location.replace(/^file:(?:\/\/)?/, '')
  if (path.startsWith('/')) return path
  throw new Failure('TABLE_INCOMPATIBLE', `${location} is not a local file: this warehouse reads file:// only.`)
}

async function filesBelow(folder: string): Promise<StoredFile[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])
  const found: StoredFile[] = []
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const seen = await stat(path).catch(() => undefined)
    if (seen !== undefined) found.push({ location: locationOf(path), sizeBytes: seen.size, modifiedMs: seen.mtimeMs })
  }
  return found
}
