/** What must hold when a schedule is over, whatever befell it. Every fault found is a sentence. */
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { Bus } from '../../bus/bus.ts'
import { feedKey } from '../../contracts/data/common.ts'
import type { ActorStores } from '../../src/runtime/stores.ts'
import { keyParts } from '../../src/state/keys.ts'
import { decodeRecord } from '../../src/state/record.ts'
import { type StateStore, scanAll } from '../../src/state/store.ts'
import { orphans } from '../../src/telemetry/orphans.ts'
import { createTelemetry } from '../../src/telemetry/tracer.ts'
import { expectedOf, tellEffect } from './expected.ts'
import type { Faults, PlannedDelivery } from './schedule.ts'
import type { Effect, Happening, Step, World } from './world.ts'

/** What is left when a schedule is over. */
export interface Remains {
  readonly world: World
  /** By run. */
  readonly planned: ReadonlyMap<string, PlannedDelivery>
  readonly stores: ActorStores
  readonly bus: Bus
  readonly journalFile: string
  readonly faults: Faults
}

export async function faultsOf(remains: Remains): Promise<string[]> {
  const { world, planned, faults } = remains
  return [
    ...(await runsEnd(remains)),
    ...effectsOnce(world.effects, planned),
    ...feedsInOrder(world, planned),
    ...resumedThere(world.happenings),
    ...(faults.busy + faults.refuse + faults.loseLease > 0 ? [] : workedOnce(world.happenings, planned)),
    ...(await nothingLeft(remains)),
    ...connected(remains),
  ]
}

/** Every run ends, and as its script says; what failed is a dead letter, once. */
async function runsEnd({ planned, stores, bus }: Remains): Promise<string[]> {
  const wrong: string[] = []
  const failed: string[] = []
  for (const [run, delivery] of planned) {
    const { state } = expectedOf(run, delivery)
    const view = await stores.runs.get(run)
    if (view?.state !== state)
      wrong.push(`${tell(delivery)} is ${view?.state}, not ${state}: ${view?.failure?.message}`)
    if (state === 'failed') failed.push(run)
  }
  const letters = (await stores.deadLetters.all()).map(({ id }) => id)
  if (!isDeepStrictEqual(letters.sort(), failed.sort())) wrong.push(`dead letters are ${letters}, not ${failed}`)
  for (const { message, failure } of await bus.deadLetters())
    wrong.push(`the bus gave up on ${message.topic} of ${message.key}: ${failure.message}`)
  return wrong
}

/** Every effect happened exactly once, with the answer that was given. */
function effectsOnce(effects: readonly Effect[], planned: Remains['planned']): string[] {
  const open = effects.map(tellEffect)
  const missing = [...planned].flatMap(([run, delivery]) =>
    expectedOf(run, delivery).effects.filter(effect => {
      const at = open.indexOf(effect)
      if (at >= 0) open.splice(at, 1)
      return at < 0
    }),
  )
  return [...missing.map(effect => `never happened: ${effect}`), ...open.map(effect => `once too often: ${effect}`)]
}

/** An agent begins a feed's deliveries in their order, those that were parked included, and changes the world in that order. */
function feedsInOrder({ happenings, effects }: World, planned: Remains['planned']): string[] {
  const begun = happenings.flatMap(happening => {
    if (happening.kind !== 'step' || happening.round !== 0) return []
    const { feed, number } = planned.get(happening.runId)!
    return [{ series: `${happening.agent} with ${feedKey(feed)}`, number }]
  })
  // What was decided later, or staged again, is after what came behind it.
  const changed = effects
    .filter(({ kind, says }) => kind === 'load' || says === 'look: seen')
    .map(({ feed, kind, number }) => ({ series: `${kind} of ${feed}`, number }))
  return [...Map.groupBy([...begun, ...changed], ({ series }) => series)].flatMap(([series, all]) => {
    const order = [...new Set(all.map(({ number }) => number))]
    return order.every((number, at) => at === 0 || number > order[at - 1]!)
      ? []
      : [`${series} went ${order.join(', ')}`]
  })
}

/** After an answer nothing runs again that came before the question. */
function resumedThere(happenings: readonly Happening[]): string[] {
  const before = { planner: 'look', modeling: 'map' } as Record<string, string>
  const answers = happenings.flatMap((happening, at) =>
    happening.kind === 'answered' && !happening.subject.startsWith('optional') ? [{ ...happening, at }] : [],
  )
  return answers.flatMap(({ runId, agent, at }) =>
    happenings
      .slice(at)
      .some(
        step =>
          isStep(step) &&
          step.runId === runId &&
          step.round === 0 &&
          step.agent === agent &&
          step.node === before[agent],
      )
      ? [`${agent} began ${runId} again after it was answered`]
      : [],
  )
}

/** A node runs again only where the process that ran it has ended. */
function workedOnce(happenings: readonly Happening[], planned: Remains['planned']): string[] {
  const ended = new Set<number>()
  const last = new Map<string, Step>()
  const wrong: string[] = []
  for (const happening of happenings) {
    if (happening.kind === 'ended') ended.add(happening.process)
    if (!isStep(happening)) continue
    const { runId, agent, round, node, process } = happening
    const name = `${agent}.${node} ${runId} ${round}`
    const before = last.get(name)
    const tried = node === 'load' && planned.get(runId)!.script.flakyLoads > 0
    // Answers that nobody waited for have a thread each, and the same node.
    if (before !== undefined && !ended.has(before.process) && !tried && round >= 0)
      wrong.push(`${name} ran again in process ${process} though process ${before.process} lives`)
    last.set(name, happening)
  }
  return wrong
}

const isStep = (happening: Happening): happening is { readonly kind: 'step' } & Step => happening.kind === 'step'

/**
 * No message waits to be sent, no feed is held, nothing is parked, asked or half done, and no finished thread is kept but those of
 * failed runs, for a while.
 */
async function nothingLeft({ stores, planned }: Remains): Promise<string[]> {
  const wrong: string[] = []
  const failed = new Set(
    [...planned].flatMap(([run, delivery]) => (expectedOf(run, delivery).state === 'failed' ? [run] : [])),
  )
  for (const prefix of ['outbox/', 'hold/', 'parked/', 'parked-id/', 'approval-open/'])
    for (const key of await keysBelow(stores.store, prefix)) wrong.push(`left behind: ${key}`)
  const ofFailed = (key: string) => failed.has(keyParts(key)[1]?.split('/')[0] ?? '')
  for (const prefix of ['head/', 'checkpoint/', 'blob/', 'write/'])
    for (const key of await keysBelow(stores.store, prefix))
      if (!ofFailed(key)) wrong.push(`a finished thread left ${key}`)
  for await (const { key, value } of scanAll(stores.store, 'head/'))
    if (!Buffer.from(value).includes('"retired":true')) wrong.push(`${key} stays for good`)
  // Where a run failed with a call that had been begun before, the intent stays: only people can say what came of it.
  for await (const entry of scanAll(stores.store, 'ledger/')) {
    const { kind, intent } = decodeRecord(ledgerRecord, entry)
    if (kind === 'intended' && !failed.has(intent?.runId ?? ''))
      wrong.push(`nobody knows what came of ${intent?.tool} of ${intent?.runId}`)
  }
  return wrong
}

const ledgerRecord = z.looseObject({
  kind: z.string(),
  intent: z.looseObject({ runId: z.string(), tool: z.string() }).optional(),
})

async function keysBelow(store: StateStore, prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of scanAll(store, prefix)) found.push(key)
  return found
}

/** One trace per run, one root per trace, every span ended and reached. */
function connected({ journalFile, planned }: Remains): string[] {
  const telemetry = createTelemetry({ journalFile, serviceName: 'simulation' })
  const traces = telemetry.journal.traces({ limit: 1_000 })
  const wrong = traces.flatMap(({ traceId, open }) => [
    ...orphans(telemetry.journal.spansOf(traceId)).map(fault => JSON.stringify(fault)),
    ...(open === 0 ? [] : [`${open} spans of ${traceId} never ended`]),
  ])
  const runs = traces.map(({ runId }) => runId)
  if (!isDeepStrictEqual([...runs].sort(), [...planned.keys()].sort())) wrong.push(`the traces are of ${runs}`)
  telemetry.abandon()
  return wrong
}

const tell = ({ feed, number }: PlannedDelivery): string => `${feedKey(feed)} ${number}`
