/**
 * A catalog in one SQLite file, laid out as Iceberg's JdbcCatalog (schema version V1) and PyIceberg's SqlCatalog lay
 * theirs out, so that both open it as it is. They must use the same catalog name: it is part of each row's key.
 *
 * Two processes that write at once are kept apart by SQLite's own lock: a statement that changes something waits for
 * the lock, `commit` is a single such statement, and a row it did not find unchanged it does not touch.
 */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Failure } from '../../../contracts/failures.ts'
import type { Storage } from '../storage/storage.ts'
import type { IcebergCatalog } from './catalog.ts'
import { type MetadataRows, onMetadataFiles } from './metadata-files.ts'

const lockWaitMs = 30_000

/** The tables in the spelling of org.apache.iceberg.jdbc.JdbcUtil. */
const layout = `
  CREATE TABLE IF NOT EXISTS iceberg_tables (
    catalog_name VARCHAR(255) NOT NULL,
    table_namespace VARCHAR(255) NOT NULL,
    table_name VARCHAR(255) NOT NULL,
    metadata_location VARCHAR(1000),
    previous_metadata_location VARCHAR(1000),
    iceberg_type VARCHAR(5),
    PRIMARY KEY (catalog_name, table_namespace, table_name)
  );
  CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (
    catalog_name VARCHAR(255) NOT NULL,
    namespace VARCHAR(255) NOT NULL,
    property_key VARCHAR(255),
    property_value VARCHAR(1000),
    PRIMARY KEY (catalog_name, namespace, property_key)
  );`

/** Rows of views, which others may keep in the same table, are none of ours. */
const isTable = `(iceberg_type = 'TABLE' OR iceberg_type IS NULL)`
const isRow = `catalog_name = ? AND table_namespace = ? AND table_name = ? AND ${isTable}`

export function openSqliteCatalog(file: string, catalogName: string, storage: Storage): IcebergCatalog {
  mkdirSync(dirname(file), { recursive: true })
  const database = guarded(() => {
    const opened = new DatabaseSync(file, { timeout: lockWaitMs })
    opened.exec(`PRAGMA synchronous = FULL; BEGIN IMMEDIATE; ${layout} COMMIT;`)
    return opened
  })
  const statement = (sql: string) => database.prepare(sql)
  const changed = (sql: string, ...values: string[]) => guarded(() => statement(sql).run(...values).changes === 1)

  const rows: MetadataRows = {
    load: async table =>
      guarded(() => {
        const row = statement(`SELECT metadata_location FROM iceberg_tables WHERE ${isRow}`)
        const found = row.get(catalogName, table.namespace, table.name)?.metadata_location
        return typeof found === 'string' ? found : undefined
      }),
    create: async (table, metadataLocation) => {
      changed(
        `INSERT OR IGNORE INTO iceberg_namespace_properties VALUES (?, ?, 'exists', 'true')`,
        catalogName,
        table.namespace,
      )
      return changed(
        `INSERT OR IGNORE INTO iceberg_tables VALUES (?, ?, ?, ?, NULL, 'TABLE')`,
        catalogName,
        table.namespace,
        table.name,
        metadataLocation,
      )
    },
    commit: async (table, expected, metadataLocation) =>
      changed(
        `UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ? WHERE ${isRow} AND metadata_location = ?`,
        metadataLocation,
        expected,
        catalogName,
        table.namespace,
        table.name,
        expected,
      ),
    list: async () =>
      guarded(() =>
        statement(
          `SELECT table_namespace, table_name FROM iceberg_tables WHERE catalog_name = ? AND ${isTable} ORDER BY 1, 2`,
        )
          .all(catalogName)
          .map(row => ({ namespace: String(row.table_namespace), name: String(row.table_name) })),
      ),
    drop: async table => changed(`DELETE FROM iceberg_tables WHERE ${isRow}`, catalogName, table.namespace, table.name),
    close: async () => database.close(),
  }
  return onMetadataFiles(rows, storage)
}

/** SQLite's result codes (sqlite.org/rescode.html) as failures. */
function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Error) || !('errcode' in error)) throw error
    const primary = Number(error.errcode) & 0xff
    if (primary === 5 || primary === 6) {
      throw new Failure('TABLE_CONFLICT', `The catalog stayed locked for ${lockWaitMs / 1000} s: ${error.message}`, {
        cause: error,
      })
    }
    throw new Failure(primary === 13 ? 'DISK_FULL' : 'ENGINE_FAILED', `The catalog gave an error: ${error.message}`, {
      cause: error,
    })
  }
}
