import type { Feed } from '../../../contracts/data/common.ts'
import type { Decision } from '../../../contracts/data/decision.ts'
import type { Lakehouse } from '../../lakehouse/lakehouse.ts'
import type { Roots } from '../filesystem/roots.ts'
import type { KeepSql } from './kept-sql.ts'

/** What the lakehouse tools work with. */
export interface LakehouseDependencies {
  readonly lakehouse: Lakehouse
  /** Where the files of deliveries may be read. */
  readonly deliveries: Roots
  readonly keepSql: KeepSql
  /** What was decided in a run, for the copy in `product_meta`. */
  readonly decisionsOf?: (feed: Feed, runId: string) => Promise<readonly Decision[]>
}
