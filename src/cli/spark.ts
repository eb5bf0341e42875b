import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { EngineOffer } from '../compiler/engine-choice.ts'
import type { SparkCatalog } from '../lakehouse/engine/spark/catalog-configuration.ts'
import { type SparkCluster, sparkCluster } from '../lakehouse/engine/spark/cluster.ts'
import type { Settings } from './settings.ts'

/** What may load a delivery, as the settings have it. */
export const offerOf = ({ engine, spark }: Settings): EngineOffer => ({ setting: engine, spark: spark !== undefined })

/** The Spark of the settings, undefined where they name none. Whether it is there shows when it is first needed. */
export function sparkOf({ spark }: Settings, catalog: () => SparkCatalog): SparkCluster | undefined {
  return spark && sparkCluster({ ...spark, home: spark.home ?? ownInstallation(), catalog: catalog() })
}

/** What scripts/parts/spark.sh has installed beside the program, if it has. */
function ownInstallation(): string | undefined {
  const folder = fileURLToPath(new URL('../../.cache/spark', import.meta.url))
  return existsSync(`${folder}/.pins`) ? folder : undefined
}
