/**
 * Files of a table that nothing names: left by processes that died before their commit, or after a commit that let files go. Never one
 * that is younger than policy says: what is being written is named by nobody yet.
 */
import { readdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expiredWritesProperty } from '../expired-writes.ts'
import { pathOf } from '../iceberg/storage.ts'
import type { TableName } from '../identifiers.ts'
import { indexFolder } from '../key-index.ts'
import type { Workshop } from '../write.ts'
import { named } from './expire.ts'

export interface Orphans {
  readonly files: number
  readonly bytes: number
}

export async function removeOrphans(shop: Workshop, table: TableName, ageMs: number, nowMs: number): Promise<Orphans> {
  const root = pathOf((await shop.tables.load(table)).metadata.location)
  // Listed first: whatever is committed from here on names files that are not on the list, or that were named before.
  const listed = await filesBelow(root)
  const { metadata, location } = await shop.tables.load(table)
  const locations = await named(shop.reader, metadata.snapshots)
  for (const { 'metadata-file': old } of metadata['metadata-log']) locations.add(old)
  const kept = metadata.properties[expiredWritesProperty]
  if (kept !== undefined) locations.add(kept)
  for (const statistics of statisticsOf(metadata)) locations.add(statistics)
  locations.add(location)
  const paths = new Set([...locations].map(pathOf))
  const names = new Set([...paths].map(path => basename(path)))
  let [files, bytes] = [0, 0]
  for (const path of listed) {
    if (paths.has(path) || isIndexOf(path, root, names)) continue
    const found = await stat(path).catch(() => undefined)
    if (found === undefined || found.mtimeMs > nowMs - ageMs) continue
    await rm(path, { force: true })
    files += 1
    bytes += found.size
  }
  return { files, bytes }
}

/** An index belongs to its data file. */
function isIndexOf(path: string, root: string, names: ReadonlySet<string>): boolean {
  if (!path.startsWith(join(root, indexFolder))) return false
  const [data] = /^.*\.parquet(?=\.[\d-]+\.k\d+$)/.exec(basename(path)) ?? []
  return data !== undefined && names.has(data)
}

function statisticsOf(metadata: Record<string, unknown>): string[] {
  return ['statistics', 'partition-statistics'].flatMap(name => {
    const items = metadata[name]
    return Array.isArray(items) ? items.map(item => String(item['statistics-path'])) : []
  })
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])
  return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
}
