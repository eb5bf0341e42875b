/**
 * The commit: read the table, decide, write new metadata, swap the catalog row, or begin again.
 *
 * Owns: nothing but the order of those steps. Invariants:
 *  1. A change is decided on the very metadata whose replacement it asks for; when the swap fails it is decided anew.
 *     So a check made inside a change (does the history hold this write key?) holds at the moment of the commit.
 *  2. Every file a metadata file names is on disk before the row moves, and the row moves last. A crash before it
 *     leaves orphans; there is no state in between that a reader could see.
 *  3. Writers of one process queue per table; writers of different processes meet at the swap and retry.
 * It fails with TABLE_MISSING, with TABLE_CONFLICT when others kept winning, and with what a change throws.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from '../../contracts/failures.ts'
import type { IcebergCatalog } from './catalog/catalog.ts'
import { formatMetadataJson } from './iceberg/json.ts'
import { parseMetadata, type TableMetadata } from './iceberg/metadata.ts'
import { discard, readLocation, writeNew } from './iceberg/storage.ts'
import { type TableName, tableText } from './identifiers.ts'

export interface TableState {
  readonly metadata: TableMetadata
  readonly location: string
}

/** What a change decided: nothing to write, or metadata to swap in; `files` are new ones to remove should the swap fail. */
export type Change<T> =
  | { readonly kind: 'none'; readonly result: T }
  | { readonly kind: 'write'; readonly metadata: TableMetadata; readonly files: readonly string[]; readonly result: T }

export interface Tables {
  find(table: TableName): Promise<TableState | undefined>
  /** Throws TABLE_MISSING. */
  load(table: TableName): Promise<TableState>
  create(table: TableName, metadata: TableMetadata): Promise<boolean>
  change<T>(table: TableName, decide: (current: TableState) => Promise<Change<T>>): Promise<T>
}

const attempts = 100
const longestPauseMs = 200

export function tablesOf(catalog: IcebergCatalog): Tables {
  const queues = new Map<string, Promise<unknown>>()

  const find = async (table: TableName): Promise<TableState | undefined> => {
    for (let location = await catalog.load(table); location !== undefined; ) {
      try {
        return { metadata: parseMetadata((await readLocation(location)).toString('utf8'), location), location }
      } catch (error) {
        // Old metadata is removed after some commits: a reader that was slow looks again, unless nothing has moved.
        const now = await catalog.load(table)
        if (now === location) throw error
        location = now
      }
    }
    return undefined
  }

  const load = async (table: TableName) => {
    const found = await find(table)
    if (found !== undefined) return found
    throw new Failure('TABLE_MISSING', `There is no table ${tableText(table)}.`)
  }

  const tryOnce = async <T>(
    table: TableName,
    decide: (current: TableState) => Promise<Change<T>>,
  ): Promise<{ result: T } | undefined> => {
    const current = await load(table)
    const change = await decide(current)
    if (change.kind === 'none') return change
    const next = withLog(change.metadata, current)
    const location = `${next.metadata.location}/metadata/${versionAfter(current.location)}-${randomUUID()}.metadata.json`
    await writeNew(location, formatMetadataJson(next.metadata))
    // Should the swap throw, nobody knows whether the row moved: then everything stays where it is.
    if (await catalog.commit(table, current.location, location)) {
      await discard(next.expired)
      return change
    }
    await discard([location, ...change.files])
    return undefined
  }

  const change: Tables['change'] = async (table, decide) => {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const done = await tryOnce(table, decide)
      if (done !== undefined) return done.result
      await sleep(Math.random() * Math.min(longestPauseMs, 5 * attempt))
    }
    throw new Failure('TABLE_CONFLICT', `${tableText(table)} was moved by others ${attempts} times in a row.`)
  }

  return {
    find,
    load,
    create: async (table, metadata) => {
      const location = `${metadata.location}/metadata/00000-${randomUUID()}.metadata.json`
      await writeNew(location, formatMetadataJson(metadata))
      const created = await catalog.create(table, location)
      if (!created) await discard([location])
      return created
    },
    change: (table, decide) => {
      const key = tableText(table)
      const before = queues.get(key) ?? Promise.resolve()
      const mine = before.then(() => change(table, decide))
      const settled = mine.catch(() => undefined).then(() => void (queues.get(key) === settled && queues.delete(key)))
      queues.set(key, settled)
      return mine
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
