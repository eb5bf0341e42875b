/**
 * Where a table's current metadata is written down. One row per table, and one operation that matters: `commit` moves
 * the row only if nobody else has. Everything else in this room follows from that.
 */
import type { TableName } from '../identifiers.ts'

export interface IcebergCatalog {
  /** The location of a table's current metadata; undefined when there is no such table. */
  load(table: TableName): Promise<string | undefined>
  /** Adds a table, and its namespace where it is new. False when the table is there already. */
  create(table: TableName, metadataLocation: string): Promise<boolean>
  /** Compare and swap: false, and nothing changed, when the row no longer says `expected`. */
  commit(table: TableName, expected: string, metadataLocation: string): Promise<boolean>
  /** All tables, by namespace and name. */
  list(): Promise<readonly TableName[]>
  /** Forgets a table; its files stay. False when there was none. */
  drop(table: TableName): Promise<boolean>
  close(): Promise<void>
}
