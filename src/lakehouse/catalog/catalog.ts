/**
 * Where a table's current metadata is written down, and one operation that matters: `commit` moves a table only if nobody else has.
 * Everything else in this room follows from that.
 */
import type { TableMetadata } from '../iceberg/metadata.ts'
import type { TableName } from '../identifiers.ts'

export interface TableState {
  readonly metadata: TableMetadata
  readonly location: string
}

export interface IcebergCatalog {
  /** The location of a table's current metadata; undefined when there is no such table. */
  load(table: TableName): Promise<string | undefined>
  /** Adds a table, and its namespace where it is new. False when the table is there already. */
  create(table: TableName, metadata: TableMetadata): Promise<boolean>
  /**
   * Compare and swap: false, and nothing changed, when the table is no longer what `current` says. When it throws, nobody knows whether
   * the table moved.
   */
  commit(table: TableName, current: TableState, next: TableMetadata): Promise<boolean>
  /** All tables, by namespace and name. */
  list(): Promise<readonly TableName[]>
  /** Forgets a table; its files stay. False when there was none. */
  drop(table: TableName): Promise<boolean>
  close(): Promise<void>
}
