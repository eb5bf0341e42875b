/** Everything that keeps a table small and quick, in the order in which each step leaves work to the next. */
import type { TableName } from '../identifiers.ts'
import type { Workshop } from '../write.ts'
import type { CompactPolicy } from './choose.ts'
import { type Compacted, compact } from './compact.ts'
import { type Expired, type ExpirePolicy, expire } from './expire.ts'
import { type Orphans, removeOrphans } from './orphans.ts'

export interface MaintainPolicy {
  readonly compact: CompactPolicy
  readonly expire: ExpirePolicy
  /** A file that nothing names stays at least this long. */
  readonly orphanAgeMs: number
}

export interface Maintained {
  readonly compacted: Compacted
  readonly expired: Expired
  readonly orphans: Orphans
}

export async function maintain(
  shop: Workshop,
  table: TableName,
  policy: MaintainPolicy,
  nowMs: number,
): Promise<Maintained> {
  const compacted = await compact(shop, table, policy.compact)
  const expired = await expire(shop, table, policy.expire, nowMs)
  return { compacted, expired, orphans: await removeOrphans(shop, table, policy.orphanAgeMs, nowMs) }
}
