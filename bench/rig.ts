/** What the measures over Kafka and Redis share: the four agents of the simulation, whose tools do nothing, over whatever bus and state. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isGraphBubbleUp } from '@langchain/langgraph'
import type { Bus } from '../bus/bus.ts'
import { claimOwner } from '../bus/owner.ts'
import { type AgentName, agentNames } from '../contracts/chain.ts'
import type { Delivery } from '../contracts/data/delivery.ts'
import { startActor } from '../src/runtime/actor.ts'
import { deliveryId, digest } from '../src/runtime/identity.ts'
import { intakeOutbox, startRun } from '../src/runtime/start-run.ts'
import { actorStores } from '../src/runtime/stores.ts'
import type { StateStore } from '../src/state/store.ts'
import { createTelemetry } from '../src/telemetry/tracer.ts'
import { createHost } from '../src/tools/host.ts'
import { simAgents } from '../test/sim/agents.ts'
import { spending } from '../test/sim/documents.ts'
import { Life } from '../test/sim/faults.ts'
import { World } from '../test/sim/world.ts'

export interface Agents {
  /** Starts a run of a delivery that nobody has seen; resolves when the last of the agents has made its effect. */
  run(number: number): Promise<void>
  /** The same, until the event it ends with is out; only of agents that are all there. */
  close(): Promise<void>
}

export async function startAgents(
  store: StateStore,
  bus: Bus,
  names: readonly AgentName[] = agentNames,
): Promise<Agents> {
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-bench-'))
  const telemetry = createTelemetry({
    journalFile: join(folder, 'telemetry.sqlite'),
    serviceName: 'bench',
    isPause: isGraphBubbleUp,
  })
  const world = new World(true)
  const waiting = new Map<string, () => void>()
  // The last effect of the last agent that is there is what a run is waited for.
  const last = names.includes('validator') ? 'publish' : 'decide'
  const effects = world.effects as unknown as { push(effect: { kind: string; feed: string; number: number }): number }
  const push = effects.push.bind(effects)
  effects.push = effect => {
    if (effect.kind === last) waiting.get(`${effect.feed} ${effect.number}`)?.()
    // Nothing looks at what was done: it need not be kept.
    return last === 'publish' ? push(effect) : 0
  }
  const stores = actorStores(store)
  const owner = claimOwner()
  const servers = world.servers(telemetry, { life: new Life(), dies: () => false, pause: async () => undefined })
  const host = await createHost({ servers, ledger: stores.ledger, budgets: stores.budgets, telemetry })
  const agents = simAgents(world, 1)
  const actors = await Promise.all(
    names.map(name =>
      startActor({
        agent: agents[name],
        bus,
        stores,
        host,
        telemetry,
        owner: owner.id,
        concurrency: 16,
        spending: async () => spending,
        defaultOwner: async () => 'bench',
      }),
    ),
  )
  return {
    run: async number => {
      const feed = { vendor: 'bench', table: `feed_${number % 16}x` }
      const sha256 = digest('bench', String(number))
      const delivery: Delivery = {
        id: deliveryId(feed, sha256),
        feed,
        file: `bench/${number}.ndjson`,
        stored: `${number}.ndjson`,
        sha256,
        sizeBytes: 1,
        receivedAt: new Date().toISOString(),
        ingestionDate: '2026-01-01',
      }
      const quiet = {
        required: [],
        optional: [],
        flakyLoads: 0,
        brokenLoad: false,
        stageAgain: 0,
        verdict: 'publish',
      } as const
      world.plan(delivery.id, { feed, number, script: quiet })
      const done = new Promise<void>(resolve => waiting.set(`bench/${feed.table} ${number}`, resolve))
      const { writes } = await startRun(delivery, { kind: 'delivered' }, spending, telemetry, Date.now(), bus.system)
      await store.transact({ writes })
      await stores.outbox.flush(intakeOutbox, messages => bus.publish(messages))
      await done
      waiting.delete(`bench/${feed.table} ${number}`)
    },
    close: async () => {
      await Promise.all(actors.map(actor => actor.drain(5_000)))
      await host.close()
      await telemetry.shutdown()
      owner.release()
      await rm(folder, { recursive: true })
    },
  }
}
