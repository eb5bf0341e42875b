/** Which settled deliveries are governed by other documents now than when they were settled. */
import { feedKey } from '../../contracts/data/common.ts'
import type { RunCause } from '../../contracts/data/delivery.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { governance } from '../runtime/governance.ts'
import type { ActorStores } from '../runtime/stores.ts'
import type { Deliveries, KnownDelivery } from './deliveries.ts'

export interface RuledAnew {
  readonly known: KnownDelivery
  readonly cause: RunCause
}

/** In the order the deliveries came, so that a feed is made again in its own order. */
export async function ruledAnew(
  from: { readonly catalog: Catalog; readonly stores: ActorStores },
  deliveries: Deliveries,
): Promise<RuledAnew[]> {
  const { catalog, stores } = from
  const current = new Map<string, string>()
  const found: RuledAnew[] = []
  for (const known of await deliveries.all()) {
    const { feed, id } = known.delivery
    // What was taken back, or may be in a moment, is not made again.
    if (['asked', 'done'].includes((await stores.rollbacks.get(id))?.state ?? '')) continue
    const latest = known.runs.at(-1)
    const view = latest && (await stores.runs.get(latest.id))
    const { contractVersion, governance: was } = view?.progress ?? {}
    if (
      (view?.state !== 'published' && view?.state !== 'refused') ||
      contractVersion === undefined ||
      was === undefined
    )
      continue
    const key = feedKey(feed)
    const now =
      current.get(key) ??
      governance({
        rules: await catalog.digest(feed.vendor),
        mappingVersion: (await catalog.mapping(feed))?.version ?? 0,
      })
    current.set(key, now)
    // A run that was started for these very documents and came out under others is no reason for one more: it would come out so again.
    const triedFor = latest?.cause.kind === 'rebuilt' ? latest.cause.governance : undefined
    if (now !== was && now !== triedFor)
      found.push({ known, cause: { kind: 'rebuilt', contractVersion, governance: now, attempt: known.runs.length } })
  }
  return found
}
