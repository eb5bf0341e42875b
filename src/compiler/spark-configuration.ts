/** What a job is submitted with, from what it was sized to. Pure: the same sizing, the same configuration, in the same order. */
import type { Sizing } from '../../contracts/data/sizing.ts'

/**
 * Where a job runs. `local`: threads of one process, so that workers mean nothing; `connect`: a session of a server that runs
 * already, so that only what a session may set is set; the others start executors of their own.
 */
export type SparkPlace =
  | { readonly kind: 'local' | 'standalone' | 'connect' }
  | {
      readonly kind: 'kubernetes'
      /** What spark-defaults.conf says already, as that of deploy/chart does, may be left out. */
      readonly namespace?: string
      /** The account that the driver makes its executors by. */
      readonly serviceAccount?: string
      readonly image?: string
    }

const mebibyte = 2 ** 20

export function sparkConfiguration(sizing: Sizing, place: SparkPlace): Readonly<Record<string, string>> {
  const session = {
    'spark.sql.files.maxPartitionBytes': String(sizing.readPartitionBytes),
    ...(sizing.shufflePartitions !== null && { 'spark.sql.shuffle.partitions': String(sizing.shufflePartitions) }),
  }
  if (place.kind === 'local' || place.kind === 'connect') return session
  return { ...session, ...executors(sizing), ...(place.kind === 'kubernetes' && cluster(place)) }
}

/**
 * Executors come and go with the work, within the sizing's bounds. The files of a shuffle are on the executors themselves, and those
 * that others still need are kept: there is no service beside them that would serve these files.
 */
function executors({ workers, coresPerWorker, memoryBytesPerWorker }: Sizing): Record<string, string> {
  return {
    'spark.dynamicAllocation.enabled': 'true',
    'spark.dynamicAllocation.shuffleTracking.enabled': 'true',
    'spark.dynamicAllocation.minExecutors': String(workers.least),
    'spark.dynamicAllocation.initialExecutors': String(workers.least),
    'spark.dynamicAllocation.maxExecutors': String(workers.most),
    ...(coresPerWorker !== null && { 'spark.executor.cores': String(coresPerWorker) }),
    ...(memoryBytesPerWorker !== null && {
      'spark.executor.memory': `${Math.ceil(memoryBytesPerWorker / mebibyte)}m`,
    }),
  }
}

const cluster = (place: Extract<SparkPlace, { kind: 'kubernetes' }>): Record<string, string> => ({
  ...(place.namespace !== undefined && { 'spark.kubernetes.namespace': place.namespace }),
  ...(place.serviceAccount !== undefined && {
    'spark.kubernetes.authenticate.driver.serviceAccountName': place.serviceAccount,
  }),
  ...(place.image !== undefined && { 'spark.kubernetes.container.image': place.image }),
})
