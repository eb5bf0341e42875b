/**
 * How much compute a delivery is given: pure, so that the same delivery, history and policy give the same plan, on paper
 * (`aiworkflow plan`) as in a run. More bytes, more rows or a fuller table never give fewer workers, cores, memory, shuffle
 * partitions or files, and never a coarser division of the table. No number of it stands here: all are the policy's.
 */
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { ComputePolicy } from '../../contracts/data/policy.ts'
import type { Sizing } from '../../contracts/data/sizing.ts'
import { globToRegExp } from '../intake/glob.ts'
import { chooseEngine, type EngineOffer } from './engine-choice.ts'
import { bronzePartition } from './tables.ts'

/** What a table holds before the delivery. */
export interface TableHistory {
  readonly rows: number
  readonly storedBytes: number
}

/** As the newest snapshot of the table's history says. */
export function historyOf({ records, snapshots }: KnownHistory): TableHistory {
  const storedBytes = Number(snapshots[0]?.summary['total-files-size'] ?? 0)
  return { rows: records, storedBytes: Number.isFinite(storedBytes) ? storedBytes : 0 }
}

export interface KnownHistory {
  readonly records: number
  readonly snapshots: readonly { readonly summary: Readonly<Record<string, string>> }[]
}

export const noHistory: TableHistory = { rows: 0, storedBytes: 0 }

/** What is sized: a delivery of a feed, and what is known of it without reading it. */
export interface SizedSource {
  readonly sizeBytes: number
  readonly contract: SizedContract
  readonly history: TableHistory
  /** Where somebody has counted them. */
  readonly rows?: number | undefined
}

export type SizedContract = Pick<
  FeedContract,
  'vendor' | 'table' | 'columns' | 'partitionCandidates' | 'rowCount' | 'sizeBytes'
>

export function sizeLoad(source: SizedSource, policy: ComputePolicy, offer: EngineOffer): Sizing {
  const { sizeBytes } = source
  const rows = source.rows ?? estimatedRows(sizeBytes, source.contract) ?? rowsByHistory(source, policy)
  const { engine, reason } = chooseEngine({ sizeBytes, rows }, policy, offer)
  const { spark } = policy
  const workers = workersOf(sizeBytes, rows, spark)
  const cores = spark.worker?.cores ?? null
  const memory = spark.worker && memoryOf(sizeBytes, spark, spark.worker.memory)
  const stored = storedBytes(sizeBytes, rows, source.history, policy)
  const { partition, why } = partitionOf(source, stored ?? sizeBytes, policy)
  return {
    engine,
    reason: [reason, workers.why, why].filter(Boolean).join('. '),
    source: { sizeBytes, rows },
    workers: { least: Math.min(spark.leastWorkers ?? 1, workers.most), most: workers.most },
    coresPerWorker: cores,
    memoryBytesPerWorker: memory ?? null,
    readPartitionBytes: Math.max(1, Math.ceil(sizeBytes / (workers.most * (cores ?? 1)))),
    shufflePartitions: spark.shuffle ? shuffleOf(sizeBytes, workers.most * (cores ?? 1), spark.shuffle) : null,
    files: policy.files && stored !== undefined ? Math.max(1, Math.ceil(stored / policy.files.targetBytes)) : null,
    partition,
  }
}

/** As many as the bytes make at the length that the records of the file had by which the contract was made. */
export function estimatedRows(
  sizeBytes: number,
  { rowCount, sizeBytes: seenBytes }: Pick<FeedContract, 'rowCount' | 'sizeBytes'>,
): number | null {
  if (rowCount === null || seenBytes === 0) return null
  return Math.round((sizeBytes / seenBytes) * rowCount)
}

/** As many as its stored size would make at the length of the table's rows; null where nothing was loaded yet. */
function rowsByHistory({ sizeBytes, history }: SizedSource, { files }: ComputePolicy): number | null {
  if (files === undefined || history.rows === 0 || history.storedBytes === 0) return null
  return Math.round((sizeBytes * files.storedShare * history.rows) / history.storedBytes)
}

function workersOf(sizeBytes: number, rows: number | null, { rowsPerWorker, bytesPerWorker, maxWorkers }: Spark) {
  const byRows = rows === null ? 0 : Math.ceil(rows / rowsPerWorker)
  const byBytes = bytesPerWorker === undefined ? 0 : Math.ceil(sizeBytes / bytesPerWorker)
  const wanted = Math.max(1, byRows, byBytes)
  const most = Math.min(wanted, maxWorkers)
  const share = byRows >= byBytes ? `${count(rowsPerWorker)} records` : `${count(bytesPerWorker ?? sizeBytes)} bytes`
  const capped = most < wanted ? `, the most that policy allows, of ${count(wanted)} that there is work for` : ''
  return {
    most,
    why: `A cluster would give ${count(most)} ${most === 1 ? 'worker' : 'workers'}, one for each ${share}${capped}`,
  }
}

/** What one worker may have to hold: its share by policy, or more where there are no more workers to have. */
function memoryOf(sizeBytes: number, { bytesPerWorker, maxWorkers }: Spark, memory: Memory): number {
  const share = Math.max(Math.min(sizeBytes, bytesPerWorker ?? sizeBytes), Math.ceil(sizeBytes / maxWorkers))
  return Math.max(memory.leastBytes, Math.min(memory.mostBytes, Math.ceil(share * memory.perSourceByte)))
}

/** Enough that no partition is too large, and that no core stands idle, within the policy's bound. */
function shuffleOf(sizeBytes: number, cores: number, { bytesPerPartition, most }: Shuffle): number {
  return Math.min(most, Math.max(cores, Math.ceil(sizeBytes / bytesPerPartition)))
}

/** What the source will take once it is stored: by what the table's rows have taken so far, else by the policy's share. */
function storedBytes(
  sizeBytes: number,
  rows: number | null,
  history: TableHistory,
  { files }: ComputePolicy,
): number | undefined {
  if (rows !== null && history.rows > 0) return (history.storedBytes / history.rows) * rows
  return files && sizeBytes * files.storedShare
}

/** Day and vendor always; and, once the table is large enough for it, what the catalog says that its readers filter by. */
function partitionOf({ contract, history }: SizedSource, stored: number, { access }: ComputePolicy) {
  const always = bronzePartition.map(field => ({ ...field }))
  const named = access.find(({ feeds }) => globToRegExp(feeds).test(`${contract.vendor}/${contract.table}`))
  const tableBytes = Math.round(history.storedBytes + stored)
  if (named === undefined || tableBytes < named.fromTableBytes) return { partition: always, why: '' }
  const candidate = named.columns
    .flatMap(asked => contract.columns.filter(({ name, semantic }) => name === asked || semantic === asked))
    .flatMap(({ name }) => contract.partitionCandidates.filter(({ column }) => column === name))
    .find(({ column }) => always.every(field => field.column !== column))
  const size = `the table has about ${count(tableBytes)} bytes with this delivery, and policy divides it further from ${count(named.fromTableBytes)}`
  if (candidate === undefined)
    return { partition: always, why: `No column that readers filter by divides well, though ${size}` }
  const { column, transform } = candidate
  return { partition: [...always, { column, transform }], why: `Divided by ${column} (${transform}): ${size}` }
}

const count = (value: number): string => value.toLocaleString('en-US')

type Spark = ComputePolicy['spark']
type Memory = NonNullable<Spark['worker']>['memory']
type Shuffle = NonNullable<Spark['shuffle']>
