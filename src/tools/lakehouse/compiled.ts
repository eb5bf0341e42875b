import type { Delivery } from '../../../contracts/data/delivery.ts'
import type { FeedContract } from '../../../contracts/data/feed-contract.ts'
import type { LoadPlan } from '../../../contracts/data/load-plan.ts'
import { Failure } from '../../../contracts/failures.ts'
import { compileLoad, compileLoadPlan, type DeliveryFacts, type LoadTexts } from '../../compiler/load-plan.ts'
import { canonicalJson } from '../canonical.ts'

/** What the compiler has to know of the delivery of a plan. */
export const deliveryFacts = (plan: LoadPlan, delivery: Delivery): DeliveryFacts => ({
  deliveryId: delivery.id,
  runId: plan.runId,
  traceId: plan.traceId,
  writeKey: plan.writeKey,
  file: delivery.file,
  ingestionDate: delivery.ingestionDate,
  ingestedAt: delivery.receivedAt,
})

/**
 * The texts of a plan, compiled here: no SQL that was handed in is ever run.
 * @throws Failure TOOL_INPUT_INVALID where the plan is not, word for word, what contract and delivery compile to.
 */
export function compiledTexts(plan: LoadPlan, contract: FeedContract, delivery: Delivery): LoadTexts {
  const facts = deliveryFacts(plan, delivery)
  const { engine, engineReason: reason, estimatedRows, sizing } = plan
  const choice = { engine, reason, estimatedRows, sizing }
  const own = compileLoadPlan(contract, facts, choice)
  const differing = Object.keys(own).filter(key => textOf(own, key) !== textOf(plan, key))
  if (differing.length === 0) return compileLoad(contract, facts)
  throw new Failure(
    'TOOL_INPUT_INVALID',
    `The plan is not what contract v${contract.version} and delivery ${delivery.id} compile to: ${differing.join(', ')} differ.`,
    { owner: contract.owner },
  )
}

const textOf = (plan: LoadPlan, key: string): string => canonicalJson(plan[key as keyof LoadPlan])
