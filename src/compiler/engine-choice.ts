import type { ComputePolicy } from '../../contracts/data/policy.ts'
import type { EngineChoice } from './load-plan.ts'

/** Which engine loads a delivery. The embedded one is the only one there is on this machine; what policy would prefer is said. */
export function chooseEngine(source: { sizeBytes: number; rows: number | null }, policy: ComputePolicy): EngineChoice {
  const limit = policy.embedded.maxSourceBytes
  const size = `${source.sizeBytes} bytes${source.rows === null ? '' : `, about ${source.rows} records`}`
  const within = `within the ${limit} bytes that policy gives one process`
  const over = `over the ${limit} bytes that policy gives one process, and no cluster engine is configured`
  return {
    engine: 'duckdb',
    reason: `${size}: ${source.sizeBytes <= limit ? within : over}`,
    estimatedRows: source.rows,
  }
}
