import { z } from 'zod'
import { Count } from './common.ts'

/** A size at least of one: no plan has no worker, no file and no byte to read at once. */
const Some = z.int().min(1)

/**
 * How much compute one delivery is given, and how its table is divided: from bytes, rows, what the table holds already, and the
 * catalog's compute policy. What stands as null the policy leaves to the engine. A worker is one Spark executor; the embedded engine
 * is one process, and the workers are then what a cluster would be asked for.
 */
export const Sizing = z.strictObject({
  engine: z.enum(['duckdb', 'spark']),
  /** In sentences, for people. */
  reason: z.string(),
  source: z.strictObject({ sizeBytes: Count, rows: Count.nullable() }),
  /** A job starts with `least`, and may grow to `most` as long as there is work for them. */
  workers: z.strictObject({ least: Some, most: Some }),
  coresPerWorker: Some.nullable(),
  memoryBytesPerWorker: Some.nullable(),
  /** Read at once by one core, so that every worker gets a share. */
  readPartitionBytes: Some,
  shufflePartitions: Some.nullable(),
  files: Some.nullable(),
  partition: z.array(z.strictObject({ column: z.string(), transform: z.string() })),
})
export type Sizing = z.infer<typeof Sizing>
