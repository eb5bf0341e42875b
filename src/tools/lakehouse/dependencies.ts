import type { Feed } from '../../../contracts/data/common.ts'
import type { Decision } from '../../../contracts/data/decision.ts'
import type { EngineOffer } from '../../compiler/engine-choice.ts'
import type { SparkCluster } from '../../lakehouse/engine/spark/cluster.ts'
import type { Lakehouse } from '../../lakehouse/lakehouse.ts'
import type { Roots } from '../filesystem/roots.ts'
import type { Spans } from '../server.ts'
import type { KeepSql } from './kept-sql.ts'

/** What the lakehouse tools work with. */
export interface LakehouseDependencies {
  readonly lakehouse: Lakehouse
  /** Where the files of deliveries may be read. */
  readonly deliveries: Roots
  readonly keepSql: KeepSql
  /** The engine for what is too large for this process; undefined where there is none. */
  readonly spark?: SparkCluster | undefined
  /** What the settings ask for; undefined: this process alone. */
  readonly engines?: EngineOffer | undefined
  readonly spans?: Spans | undefined
  /** What was decided in a run, for the copy in `product_meta`. */
  readonly decisionsOf?: (feed: Feed, runId: string) => Promise<readonly Decision[]>
}
