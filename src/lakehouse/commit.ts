/**
 * The commit: read the table, decide, let the catalog swap the metadata, or begin again.
 *
 * Owns: nothing but the order of those steps. Invariants:
 *  1. A change is decided on the very metadata whose replacement it asks for; when the swap fails it is decided anew.
 *     So a check made inside a change (does the history hold this write key?) holds at the moment of the commit.
 *  2. Every file that metadata names is there before the catalog moves the table. A crash before it leaves orphans; there is
 *     no state in between that a reader could see.
 *  3. Writers of one process queue per table; writers of different processes meet at the swap and retry.
 * It fails with TABLE_MISSING, with TABLE_CONFLICT when others kept winning, and with what a change throws.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from '../../contracts/failures.ts'
import type { IcebergCatalog, TableState } from './catalog/catalog.ts'
import { parseMetadata, type TableMetadata } from './iceberg/metadata.ts'
import { type TableName, tableText } from './identifiers.ts'
import type { Storage } from './storage/storage.ts'

export type { TableState } from './catalog/catalog.ts'

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

export function tablesOf(catalog: IcebergCatalog, storage: Storage): Tables {
  const queues = new Map<string, Promise<unknown>>()

  const find = async (table: TableName): Promise<TableState | undefined> => {
    for (let location = await catalog.load(table); location !== undefined; ) {
      try {
        return { metadata: parseMetadata((await storage.read(location)).toString('utf8'), location), location }
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
    // Should the swap throw, nobody knows whether the table moved: then everything stays where it is.
    if (await catalog.commit(table, current, change.metadata)) return change
    await storage.discard(change.files)
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
    create: (table, metadata) => catalog.create(table, metadata),
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
