import { z } from 'zod'
import { ColumnType, Count } from './common.ts'
import { ContractRef } from './feed-contract.ts'
import { Sizing } from './sizing.ts'

export const TableRef = z.strictObject({ namespace: z.string(), name: z.string() })
export type TableRef = z.infer<typeof TableRef>
export const tableName = (table: TableRef): string => `${table.namespace}.${table.name}`

/** What ingestion will do with one delivery: compiled from the contract, kept with the run, read by people. */
export const LoadPlan = z.strictObject({
  deliveryId: z.string(),
  runId: z.string(),
  traceId: z.string(),
  writeKey: z.string(),
  contract: ContractRef,
  table: TableRef,
  errors: TableRef,
  file: z.string(),
  ingestionDate: z.iso.date(),
  columns: z.array(
    z.strictObject({ name: z.string(), type: ColumnType, required: z.boolean(), doc: z.string().optional() }),
  ),
  partition: z.array(z.strictObject({ column: z.string(), transform: z.string() })),
  engine: z.enum(['duckdb', 'spark']),
  engineReason: z.string(),
  estimatedRows: Count.nullable(),
  /** Absent in plans of runs that began before loads were sized. */
  sizing: Sizing.optional(),
  /** Readable SQL of the engine: of DuckDB over `source`, the delivery's records as text, of Spark over `fitted`, the same with values. */
  sql: z.strictObject({ accepted: z.string(), rejected: z.string() }),
})
export type LoadPlan = z.infer<typeof LoadPlan>
