import type { LoadPlan } from '../../contracts/data/load-plan.ts'
import type { ComputePolicy } from '../../contracts/data/policy.ts'

/** What may be chosen from: what the settings ask for, and whether there is a Spark to submit to. */
export interface EngineOffer {
  readonly setting: 'auto' | LoadPlan['engine']
  readonly spark: boolean
}

/** This process alone. */
export const embeddedOnly: EngineOffer = { setting: 'auto', spark: false }

const count = (value: number): string => value.toLocaleString('en-US')

/** Which engine loads a source, and why, in words. A setting that names an engine is obeyed; `auto` asks the policy. */
export function chooseEngine(
  source: { readonly sizeBytes: number; readonly rows: number | null },
  { embedded }: Pick<ComputePolicy, 'embedded'>,
  offer: EngineOffer,
): { readonly engine: LoadPlan['engine']; readonly reason: string } {
  const size = `${count(source.sizeBytes)} bytes${source.rows === null ? '' : `, about ${count(source.rows)} records`}`
  if (offer.setting !== 'auto')
    return { engine: offer.setting, reason: `${size}: the settings ask for ${offer.setting}` }
  const { maxSourceBytes, maxSourceRows } = embedded
  const overBytes = source.sizeBytes > maxSourceBytes
  const overRows = maxSourceRows !== undefined && source.rows !== null && source.rows > maxSourceRows
  const limit = overRows && !overBytes ? `${count(maxSourceRows)} records` : `${count(maxSourceBytes)} bytes`
  if (!overBytes && !overRows)
    return { engine: 'duckdb', reason: `${size}: within the ${limit} that policy gives one process` }
  const over = `${size}: over the ${limit} that policy gives one process`
  return offer.spark
    ? { engine: 'spark', reason: over }
    : { engine: 'duckdb', reason: `${over}, and no cluster engine is configured` }
}
