/**
 * One simulated process: the real runtime over faulty twins, on files that others share. It ends by a crash, from which on
 * nothing that it began does anything more, or by being stopped.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isGraphBubbleUp } from '@langchain/langgraph'
import type { Bus } from '../../bus/bus.ts'
import { LocalBus } from '../../bus/local.ts'
import { claimOwner, ownerIsDead } from '../../bus/owner.ts'
import { agentNames } from '../../contracts/chain.ts'
import { startActor } from '../../src/runtime/actor.ts'
import { type ActorStores, actorStores } from '../../src/runtime/stores.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import { createTelemetry, type Telemetry } from '../../src/telemetry/tracer.ts'
import { createHost } from '../../src/tools/host.ts'
import { simAgents } from './agents.ts'
import { owner as answersFor, spending } from './documents.ts'
import { faultyBus, faultyStore, Life } from './faults.ts'
import type { Random } from './random.ts'
import type { Faults } from './schedule.ts'
import type { World } from './world.ts'

/** Takes a safeguard of the runtime away, to see that the simulation notices. */
export type Sabotage = (stores: ActorStores) => ActorStores

export interface Place {
  readonly folder: string
  readonly world: World
  readonly random: Random
  readonly faults: Faults
  readonly sabotage: Sabotage
}

export const files = (folder: string) => ({
  state: join(folder, 'state.sqlite'),
  bus: join(folder, 'bus.sqlite'),
  journal: join(folder, 'telemetry.sqlite'),
})

export const busTimings = { partitions: 4, heartbeatMs: 25, pollMs: 8 }
/** Longer than any simulation waits, so that a lease nobody gives back is noticed. */
const leaseMs = 300_000
/** So short that a handler outlives it when it is not renewed. */
const shortLeaseMs = 60
const drainMs = 5_000

export interface SimProcess {
  readonly number: number
  readonly stores: ActorStores
  readonly bus: Bus
  readonly telemetry: Telemetry
  readonly life: Life
  /** Awaits of the state store so far. */
  awaits(): number
  /** Ends it in order; its handlers give back what they have not finished. */
  stop(): Promise<void>
}

/** @param mayDie whether it dies of its faults. Errors: whatever it died of before it ran. */
export async function startProcess(place: Place, number: number, mayDie: boolean): Promise<SimProcess> {
  const { folder, world, random, faults, sabotage } = place
  const at = files(folder)
  const localBus = new LocalBus({ path: at.bus, ...busTimings })
  const localStore = new SqliteStateStore({ path: at.state, ownerIsDead })
  const telemetry = createTelemetry({ journalFile: at.journal, serviceName: 'simulation', isPause: isGraphBubbleUp })
  const owner = claimOwner()
  const life = new Life(() => {
    world.happenings.push({ kind: 'ended', process: number })
    localBus.abandon()
    telemetry.abandon()
    void localStore.close()
    owner.release()
  })
  const { crashAt, ...chances } = faults
  const crash = mayDie ? chances.crash : 0
  const exactly = number === 1 && crashAt !== undefined ? { crashAt } : {}
  const store = faultyStore(localStore, random, { ...chances, life, crash, ...exactly })
  const bus = faultyBus(localBus, random, { ...chances, life, crash })
  const stores = sabotage(actorStores(store))
  const servers = world.servers(telemetry, {
    life,
    // The moment between an effect and the word of it is the one that matters most.
    dies: () => random.chance(5 * crash),
    pause: () => (random.chance(faults.loseLease) ? delay(2 * shortLeaseMs) : Promise.resolve()),
  })
  const agents = simAgents(world, number)
  try {
    const host = await createHost({ servers, ledger: stores.ledger, budgets: stores.budgets, telemetry })
    const actors = await Promise.all(
      agentNames.map(name =>
        startActor({
          agent: agents[name],
          bus,
          stores,
          host,
          telemetry,
          owner: owner.id,
          concurrency: 3,
          leaseMs: faults.loseLease > 0 ? shortLeaseMs : leaseMs,
          spending: async () => spending,
          defaultOwner: async () => answersFor,
        }),
      ),
    )
    const stop = async () => {
      await Promise.all(actors.map(actor => actor.drain(drainMs)))
      await bus.close()
      await host.close()
      await store.close()
      await telemetry.shutdown()
      owner.release()
      world.happenings.push({ kind: 'ended', process: number })
    }
    return { number, stores, bus, telemetry, life, awaits: () => store.awaits, stop }
  } catch (error) {
    life.end('at its start')
    throw error
  }
}
