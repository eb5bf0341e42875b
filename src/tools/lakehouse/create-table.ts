import type { ToolInput, ToolOutput } from '../../../contracts/tools/index.ts'
import { bronzeMetadata, bronzeTable, errorTable, type TableDefinition } from '../../compiler/tables.ts'
import type { Lakehouse } from '../../lakehouse/lakehouse.ts'

/**
 * Creates the raw table of a contract and the error table, or adds the columns a newer contract brings, by name, and what it is
 * divided by beyond what it is divided by already.
 */
export async function createTables(
  lakehouse: Lakehouse,
  { contract, partition }: ToolInput<'lakehouse.create_table'>,
): Promise<ToolOutput<'lakehouse.create_table'>> {
  await ensureTable(lakehouse, errorTable)
  const bronze = bronzeTable(contract)
  const own = new Set(bronzeMetadata.map(({ name }) => name))
  // The contract says what has to be there, and the load holds each delivery to it. The table cannot: a later version of the
  // contract may do without a column, and then has nothing to put there.
  const columns = bronze.columns.map(column => (own.has(column.name) ? column : { ...column, required: false }))
  const made = await ensureTable(lakehouse, { ...bronze, columns, partition: partition ?? bronze.partition })
  if (partition !== undefined && !made.created) await lakehouse.divide(bronze.table, partition)
  return { table: bronze.table, ...made }
}

/**
 * Makes a table as it is defined. An existing one gets the columns it lacks, as optional ones, since older rows have no value
 * there, and wider types where it needs them.
 * Columns it has and the definition lacks stay. @throws Failure TABLE_INCOMPATIBLE where a column is of another type.
 */
export async function ensureTable(
  lakehouse: Lakehouse,
  { table, columns, partition }: Pick<TableDefinition, 'table' | 'columns' | 'partition'>,
) {
  const created = !(await lakehouse.tableExists(table))
  const found = await lakehouse.createTable(table, { columns, partition })
  const known = new Set(found.columns.map(({ name }) => name))
  const added = columns.map(({ name }) => name).filter(name => !known.has(name))
  if (!created)
    await lakehouse.addColumns(
      table,
      columns.map(column => ({ ...column, required: false })),
    )
  return { created, addedColumns: added }
}
