/**
 * A catalog that keeps no more than the place of each table's metadata: the files are written from here.
 *
 * Owns `<table>/metadata/NNNNN-<uuid>.metadata.json`. Invariants:
 *  1. A metadata file is on disk before the row names it, and is never changed.
 *  2. One that no row came to name is removed, unless it is unknown whether a row did.
 */
import { randomUUID } from 'node:crypto'
import { formatMetadataJson } from '../iceberg/json.ts'
import type { TableMetadata } from '../iceberg/metadata.ts'
import type { TableName } from '../identifiers.ts'
import type { Storage } from '../storage/storage.ts'
import type { IcebergCatalog, TableState } from './catalog.ts'

/** One row per table, with the place of its metadata. */
export interface MetadataRows extends Omit<IcebergCatalog, 'create' | 'commit'> {
  create(table: TableName, metadataLocation: string): Promise<boolean>
  /** False, and nothing changed, when the row no longer says `expected`. */
  commit(table: TableName, expected: string, metadataLocation: string): Promise<boolean>
}

export function onMetadataFiles(rows: MetadataRows, storage: Storage): IcebergCatalog {
  return {
    ...rows,
    create: async (table, metadata) => {
      const location = `${metadata.location}/metadata/00000-${randomUUID()}.metadata.json`
      await storage.writeNew(location, formatMetadataJson(metadata))
      const created = await rows.create(table, location)
      if (!created) await storage.discard([location])
      return created
    },
    commit: async (table, current, next) => {
      const logged = withLog(next, current)
      const name = `${versionAfter(current.location)}-${randomUUID()}.metadata.json`
      const location = `${next.location}/metadata/${name}`
      await storage.writeNew(location, formatMetadataJson(logged.metadata))
      const committed = await rows.commit(table, current.location, location)
      await storage.discard(committed ? logged.expired : [location])
      return committed
    },
  }
}

/** Notes the metadata that is replaced, and says which old ones the table's own properties want removed. */
function withLog(metadata: TableMetadata, previous: TableState): { metadata: TableMetadata; expired: string[] } {
  const entry = { 'metadata-file': previous.location, 'timestamp-ms': previous.metadata['last-updated-ms'] }
  const log = [...metadata['metadata-log'], entry]
  const kept = Math.max(1, Number(metadata.properties['write.metadata.previous-versions-max'] ?? 100))
  const dropped = log.slice(0, Math.max(0, log.length - kept)).map(item => item['metadata-file'])
  const remove = metadata.properties['write.metadata.delete-after-commit.enabled'] === 'true'
  return { metadata: { ...metadata, 'metadata-log': log.slice(-kept) }, expired: remove ? dropped : [] }
}

/** `00003` after `…/00002-<uuid>.metadata.json`, as other writers count. */
function versionAfter(location: string): string {
  const version = /\/(\d+)-[^/]*$/.exec(location)?.[1]
  return String(Number(version ?? 0) + 1).padStart(5, '0')
}
