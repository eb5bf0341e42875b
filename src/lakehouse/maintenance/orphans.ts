/**
 * Files of a table that nothing names: left by processes that died before their commit, or after a commit that let files go. Never one
 * that is younger than policy says: what is being written is named by nobody yet.
 */
import { basename } from 'node:path'
import { expiredWritesProperty } from '../expired-writes.ts'
import type { TableName } from '../identifiers.ts'
import { indexFolder } from '../key-index.ts'
import type { Workshop } from '../write.ts'
import { named } from './expire.ts'

export interface Orphans {
  readonly files: number
  readonly bytes: number
}

export async function removeOrphans(shop: Workshop, table: TableName, ageMs: number, nowMs: number): Promise<Orphans> {
  const { storage } = shop
  const root = (await shop.tables.load(table)).metadata.location
  // Listed first: whatever is committed from here on names files that are not on the list, or that were named before.
  const listed = await storage.list(root)
  const { metadata, location } = await shop.tables.load(table)
  const locations = await named(shop.reader, metadata.snapshots)
  for (const { 'metadata-file': old } of metadata['metadata-log']) locations.add(old)
  const kept = metadata.properties[expiredWritesProperty]
  if (kept !== undefined) locations.add(kept)
  for (const statistics of statisticsOf(metadata)) locations.add(statistics)
  locations.add(location)
  // By path: one file may be spelled in several ways.
  const paths = new Set([...locations].map(storage.pathOf))
  const names = new Set([...paths].map(path => basename(path)))
  const indexes = `${storage.pathOf(root)}/${indexFolder}/`
  const orphans = listed.filter(file => {
    const path = storage.pathOf(file.location)
    return !paths.has(path) && !isIndexOf(path, indexes, names) && file.modifiedMs <= nowMs - ageMs
  })
  await storage.discard(orphans.map(file => file.location))
  await storage.dropUnfinished(root, nowMs - ageMs)
  return { files: orphans.length, bytes: orphans.reduce((sum, file) => sum + file.sizeBytes, 0) }
}

/** An index belongs to its data file. */
function isIndexOf(path: string, indexes: string, names: ReadonlySet<string>): boolean {
  if (!path.startsWith(indexes)) return false
  const [data] = /^.*\.parquet(?=\.[\d-]+\.k\d+$)/.exec(basename(path)) ?? []
  return data !== undefined && names.has(data)
}

function statisticsOf(metadata: Record<string, unknown>): string[] {
  return ['statistics', 'partition-statistics'].flatMap(name => {
    const items = metadata[name]
    return Array.isArray(items) ? items.map(item => String(item['statistics-path'])) : []
  })
}
