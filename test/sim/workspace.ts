/**
 * The four real agents over faulty twins, in a workspace of their own: slower than the scripted ones, and the whole of them. What
 * they come to is compared with what an unharmed run makes.
 */
import { cp, rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Bus } from '../../bus/bus.ts'
import { LocalBus } from '../../bus/local.ts'
import { claimOwner } from '../../bus/owner.ts'
import { runOnce } from '../../src/cli/chain.ts'
import { readSettings } from '../../src/cli/settings.ts'
import { type OpenOptions, openWorkspace } from '../../src/cli/workspace.ts'
import type { StateStore } from '../../src/state/store.ts'
import { differences, type Remains, remainsOf } from '../chaos/remains.ts'
import { openTestWorkspace } from '../flow/workspace.ts'
import { faultyBus, faultyStore, Life } from './faults.ts'
import { memoryFolder } from './memory-folder.ts'
import { type Random, seeded } from './random.ts'
import type { Outcome } from './simulate.ts'

/** Processes that may die before one that does not. */
const mostCrashes = 3
/** The chance to die at each await of the state store. */
const crash = 0.0005
const busFaults = { loseAcknowledgement: 0.2, duplicate: 0.3, lateDuplicate: 0.2, delay: 0.3 }

/** @param template folder of a workspace that has not run yet */
export async function unharmedRemains(template: string): Promise<Remains> {
  return inCopyOf(template, dir => openTestWorkspace(dir).with(remainsOf))
}

export async function simulateWorkspace(template: string, expected: Remains, seed: number): Promise<Outcome> {
  return inCopyOf(template, async dir => {
    const random = seeded(seed)
    let crashes = 0
    for (let process = 1; process <= mostCrashes; process += 1) if (await dies(dir, random)) crashes += 1
    const found = await openTestWorkspace(dir).with(remainsOf)
    return { seed, faults: differences(expected, found), crashes, awaits: 0 }
  })
}

async function inCopyOf<T>(template: string, work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await memoryFolder('sim')
  try {
    await cp(template, dir, { recursive: true, preserveTimestamps: true })
    return await work(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** One run of the chain; whether it died. */
async function dies(dir: string, random: Random): Promise<boolean> {
  const life = new Life()
  const underWay = { calls: 0 }
  const workspace = await openWorkspace(
    await readSettings({ directory: dir }),
    dangerous(life, random, crash, underWay),
  )
  life.atDeath(() => workspace.telemetry.abandon())
  try {
    await runOnce(workspace)
    await workspace.close()
  } catch (error) {
    if (life.crash === undefined) throw error
  }
  if (life.crash === undefined) return false
  // What the engine was doing would have died with the process: here it ends, and nobody hears of it.
  while (underWay.calls > 0) await delay(5)
  await workspace.lakehouse.close()
  return true
}

/** Adapters of a process that dies at any of their calls, and takes all of them along. */
function dangerous(life: Life, random: Random, crash: number, underWay: { calls: number }): OpenOptions {
  const risky = <T extends object>(part: T, methods: readonly (keyof T & string)[]): T =>
    new Proxy(part, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target)
        if (typeof value !== 'function') return value
        if (!methods.includes(property as keyof T & string)) return value.bind(target)
        return async (...given: unknown[]) => {
          life.risk(`before ${String(property)}`, random.chance(10 * crash))
          underWay.calls += 1
          const result = await Reflect.apply(value, target, given).finally(() => {
            underWay.calls -= 1
          })
          life.risk(`after ${String(property)}`, random.chance(10 * crash))
          return result
        }
      },
    })
  return {
    store: (store: StateStore) => {
      // The program's own owner lives as long as the program; this one dies with the simulated process.
      const owner = claimOwner()
      life.atDeath(() => {
        owner.release()
        void store.close()
      })
      const faulty = faultyStore(store, random, { life, crash })
      return { ...faulty, acquireLease: (name, _owner, ttlMs) => faulty.acquireLease(name, owner.id, ttlMs) }
    },
    bus: (bus: Bus) => {
      life.atDeath(() => {
        if (bus instanceof LocalBus) bus.abandon()
      })
      return faultyBus(bus, random, { ...busFaults, life, crash })
    },
    lakehouse: lakehouse => risky(lakehouse, ['createTable', 'addColumns', 'append', 'stage', 'publish', 'dropBranch']),
    catalog: catalog => risky(catalog, ['putContract', 'putMapping']),
  }
}
