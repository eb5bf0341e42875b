/**
 * Kills processes of a fleet over real Kafka and Redis, two copies of every agent, while deliveries go through it, starts each again,
 * and counts what came of it: rows that are missing, rows that are there twice, spans without their parent, and how much longer than
 * unharmed it took from the last fault's end, when every process is back, until every delivery had come through.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { agentNames } from '../../contracts/chain.ts'
import { serverNames } from '../../contracts/tools/index.ts'
import type { Workspace } from '../../src/cli/workspace.ts'
import { orphans } from '../../src/telemetry/orphans.ts'
import { type Fleet, openFleet, type Role, type Servers } from '../rig/fleet.ts'
import { type Random, seeded } from '../sim/random.ts'

export interface FleetKillReport {
  readonly kills: number
  readonly deliveries: number
  readonly lost: number
  readonly doubled: number
  readonly orphanSpans: number
  readonly slowestRecoverySeconds: number
  /** What else should not be. */
  readonly faults: readonly string[]
}

export interface FleetKillOptions {
  readonly kills: number
  readonly seed: number
  readonly copies?: number
  /** Kills among one round of deliveries. */
  readonly perRound?: number
  readonly say?: (line: string) => void
}

const feeds = ['acme/lamps', 'acme/chairs', 'bolt/tables', 'bolt/shelves', 'cord/rugs', 'cord/beds']
const rowsPerDelivery = 12
const sessionTimeoutMs = 3_000
/** A round that takes longer hangs. */
const roundLimitMs = 180_000

export async function killFleet(servers: Servers, options: FleetKillOptions): Promise<FleetKillReport> {
  const { kills, seed, copies = 2, perRound = 4, say = () => {} } = options
  const random = seeded(seed)
  const fleet = await openFleet(servers, { sessionTimeoutMs })
  try {
    await fleet.startAll(copies)
    let killed = 0
    let slowestMs = 0
    let rounds = 1
    // The first round finds every process cold, the second is what an unharmed one takes.
    await landRound(fleet, rounds)
    await settle(fleet, feeds.length)
    rounds += 1
    const beganAt = performance.now()
    await landRound(fleet, rounds)
    await settle(fleet, rounds * feeds.length)
    const unharmedMs = performance.now() - beganAt
    say(`an unharmed round of ${feeds.length} deliveries: ${(unharmedMs / 1000).toFixed(1)} s`)
    while (killed < kills) {
      rounds += 1
      await landRound(fleet, rounds)
      const roles = await killSome(fleet, random, Math.min(perRound, kills - killed))
      killed += roles.length
      const endedAt = performance.now()
      const unfinished = await settle(fleet, rounds * feeds.length)
      const throughMs = performance.now() - endedAt
      const recoveryMs = Math.max(0, throughMs - unharmedMs)
      slowestMs = Math.max(slowestMs, recoveryMs)
      say(
        `round ${rounds}: killed ${roles.join(', ')}; all through ${(throughMs / 1000).toFixed(1)} s after they were back`,
      )
      if (unfinished.length > 0) return await report(fleet, { killed, rounds, slowestMs, faults: unfinished })
    }
    return await report(fleet, { killed, rounds, slowestMs, faults: [] })
  } finally {
    await fleet.remove()
  }
}

/** One delivery of every feed; its articles are new ones, so every row of every delivery reaches core. */
async function landRound(fleet: Fleet, round: number): Promise<void> {
  const day = new Date(Date.UTC(2026, 0, round)).toISOString().slice(0, 10)
  for (const feed of feeds) {
    const rows = Array.from({ length: rowsPerDelivery }, (_, at) => {
      const article = round * 1_000 + at
      return `0${article},${feed.split('/')[1]} number ${article},${at + 1}.50`
    })
    await fleet.workspace.land(`${feed}-${day}.csv`, `${['sku,title,price', ...rows].join('\n')}\n`)
  }
}

/** Kills members one after the other at random moments and starts each again; resolves when the last is back. */
async function killSome(fleet: Fleet, random: Random, count: number): Promise<Role[]> {
  const roles: Role[] = []
  const returns: Promise<unknown>[] = []
  for (let kill = 0; kill < count; kill += 1) {
    await delay(50 + random.next() * 900)
    const role = drawRole(random)
    const all = fleet.members.get(role) ?? []
    const victim = all[random.integer(Math.max(1, all.length))]
    if (victim === undefined) continue
    await fleet.end(victim, 'kill')
    roles.push(role)
    returns.push(fleet.start(role))
  }
  await Promise.all(returns)
  return roles
}

/** Mostly agents; some tool servers, some intakes. */
function drawRole(random: Random): Role {
  if (random.chance(0.65)) return agentNames[random.integer(agentNames.length)]!
  return random.chance(0.7) ? serverNames[random.integer(serverNames.length)]! : 'intake'
}

/** Waits until every delivery has come to an end. Returns what has not. */
async function settle(fleet: Fleet, deliveries: number): Promise<string[]> {
  return fleet.look(async workspace => {
    const deadline = performance.now() + roundLimitMs
    while (true) {
      const runs = await workspace.stores.runs.all()
      const moving = runs.filter(({ state }) => state === 'running')
      if (runs.length >= deliveries && moving.length === 0) return []
      if (performance.now() > deadline) {
        const missing = deliveries - runs.length
        return [
          ...moving.map(({ run, delivery }) => `${delivery.file} never ended: run ${run.id}`),
          ...(missing > 0 ? [`${missing} deliveries were never taken`] : []),
        ]
      }
      await delay(100)
    }
  })
}

interface Progress {
  readonly killed: number
  readonly rounds: number
  readonly slowestMs: number
  readonly faults: readonly string[]
}

async function report(fleet: Fleet, { killed, rounds, slowestMs, faults }: Progress): Promise<FleetKillReport> {
  // Everybody stops as on a deploy, so that what is still open afterwards is nobody's.
  await Promise.all([...fleet.members.values()].flat().map(member => fleet.end(member, 'stop')))
  return fleet.look(async workspace => {
    const runs = await workspace.stores.runs.all()
    const bad = runs.filter(({ state }) => state !== 'published')
    return {
      kills: killed,
      deliveries: rounds * feeds.length,
      ...(await countRows(workspace, rounds)),
      orphanSpans: countOrphans(workspace),
      slowestRecoverySeconds: Math.round(slowestMs / 100) / 10,
      faults: [
        ...faults,
        ...bad.map(({ delivery, state, failure }) => `${delivery.file} is ${state}: ${failure?.message ?? ''}`),
      ],
    }
  })
}

/** Rows of bronze and of core against what was landed: every article once in each. */
async function countRows(workspace: Workspace, rounds: number): Promise<{ lost: number; doubled: number }> {
  let lost = 0
  let doubled = 0
  const count = (found: ReadonlyMap<string, number>, expected: readonly string[]) => {
    for (const article of expected) {
      const times = found.get(article) ?? 0
      if (times === 0) lost += 1
      if (times > 1) doubled += times - 1
    }
  }
  const articles = Array.from({ length: rounds }, (_, round) =>
    Array.from({ length: rowsPerDelivery }, (_, at) => `0${(round + 1) * 1_000 + at}`),
  ).flat()
  const core = await rowsOf(workspace, "SELECT _vendor_name || ' ' || product_id FROM product_core.product")
  const inCore = new Set<string>()
  for (const feed of feeds) {
    const [vendor, table] = feed.split('/')
    count(await rowsOf(workspace, `SELECT sku FROM product_raw.${vendor}_${table}`), articles)
    for (const article of articles) inCore.add(`${vendor} ${article}`)
  }
  count(core, [...inCore])
  return { lost, doubled }
}

async function rowsOf(workspace: Workspace, sql: string): Promise<ReadonlyMap<string, number>> {
  const { rows } = await workspace.lakehouse.query(sql, { limit: 10_000_000 })
  const found = new Map<string, number>()
  for (const [value] of rows) found.set(String(value), (found.get(String(value)) ?? 0) + 1)
  return found
}

function countOrphans({ telemetry: { journal } }: Workspace): number {
  return journal
    .traces({ limit: 1_000_000 })
    .map(({ traceId, open }) => orphans(journal.spansOf(traceId)).length + open)
    .reduce((sum, count) => sum + count, 0)
}
