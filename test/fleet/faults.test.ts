/** The whole chain, as processes over real Kafka, Redis and tool servers, with two copies of every agent, through one fault after another. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import type { OutgoingMessage } from '../../bus/bus.ts'
import { maxMessageBytes } from '../../bus/envelope.ts'
import { agentNames, consumerGroup } from '../../contracts/chain.ts'
import { events } from '../../contracts/events/events.ts'
import type { ServerName } from '../../contracts/tools/index.ts'
import type { Workspace } from '../../src/cli/workspace.ts'
import { own } from '../../src/telemetry/names.ts'
import { orphans } from '../../src/telemetry/orphans.ts'
import type { SpanRecord } from '../../src/telemetry/record.ts'
import { csv, deliveredMessage, products } from '../flow/support.ts'
import { keeps } from '../promises.ts'
import { type Fleet, openFleet, type Role, type Servers, startServers } from '../rig/fleet.ts'

const minutes = 60_000
const sessionTimeoutMs = 3_000
const vendors = ['acme', 'bolt', 'cord', 'dune']
const rows = 8

let servers: Servers
let fleet: Fleet
let days = 0
beforeAll(async () => {
  servers = await startServers()
  fleet = await openFleet(servers, { sessionTimeoutMs })
  await fleet.startAll(2)
}, 3 * minutes)
afterAll(async () => {
  await fleet?.remove()
  await servers?.stop()
})

/** A day's delivery of every vendor, of articles of their own. */
async function land(): Promise<void> {
  days += 1
  const name = `lamps-2026-01-${String(days).padStart(2, '0')}.csv`
  for (const vendor of vendors)
    await fleet.workspace.land(`${vendor}/${name}`, csv(products(days * rows, days * rows + rows - 1)))
}

const runsOf = (workspace: Workspace) =>
  workspace.stores.runs.all().then(runs => runs.filter(({ delivery }) => vendors.includes(delivery.feed.vendor)))

/** Waits until some of the day's deliveries are at work and not all of them through: the moment for a fault. */
const untilUnderWay = () =>
  fleet.look(async workspace => {
    while (true) {
      const today = (await runsOf(workspace)).slice((days - 1) * vendors.length)
      if (today.some(({ progress }) => progress.contractVersion !== undefined)) return
      await delay(20)
    }
  })

/** The calls that a tool server is at work on, as it has said itself in the journal. */
const callsUnderWay = ({ telemetry: { journal } }: Workspace, role: ServerName): SpanRecord[] =>
  journal
    .traces({ limit: 20 })
    .filter(({ open }) => open > 0)
    .flatMap(({ traceId }) => journal.spansOf(traceId))
    .filter(
      ({ kind, state, attributes }) =>
        kind === 'server' && state.kind === 'open' && attributes[own.toolServer] === role,
    )

/** Kills a tool server while it is at work on a call; answers that call's span. */
async function killInsideCall(role: ServerName): Promise<SpanRecord> {
  const server = member(role)
  const call = await fleet.look(async workspace => {
    while (true) {
      if (callsUnderWay(workspace, role).length > 0) {
        // A call that is still open once the server stands still is open when it is killed.
        server.pause()
        const [open] = callsUnderWay(workspace, role)
        if (open) return open
        server.resume()
      }
      await delay(1)
    }
  })
  await fleet.end(server, 'kill')
  return call
}

/** Waits until everything is through; then every row of every delivery is there once, and every run is one whole trace. */
const intact = (name: string) =>
  fleet.look(async workspace => {
    const beganAt = performance.now()
    let runs = await runsOf(workspace)
    while (runs.length < days * vendors.length || runs.some(({ state }) => state === 'running')) {
      await delay(50)
      runs = await runsOf(workspace)
    }
    console.log(`${name}: all through ${((performance.now() - beganAt) / 1000).toFixed(1)} s after the fault's end`)
    expect(runs.map(({ state, delivery }) => [delivery.file, state])).toEqual(
      runs.map(({ delivery }) => [delivery.file, 'published']),
    )
    const { lakehouse, telemetry } = workspace
    for (const vendor of vendors) {
      const bronze = await lakehouse.query(
        `SELECT _source_file, count(*), count(DISTINCT sku) FROM product_raw.${vendor}_lamps GROUP BY 1 ORDER BY min(_ingested_at)`,
      )
      expect(bronze.rows.map(([file, ...counts]) => [String(file).slice(-6, -4), ...counts.map(Number)])).toEqual(
        Array.from({ length: days }, (_, day) => [String(day + 1).padStart(2, '0'), rows, rows]),
      )
    }
    const core = await lakehouse.query(
      `SELECT _vendor_name, count(*), count(DISTINCT product_id) FROM product_core.product WHERE _vendor_name IN (${vendors.map(vendor => `'${vendor}'`).join(', ')}) GROUP BY 1 ORDER BY 1`,
    )
    expect(core.rows.map(([vendor, ...counts]) => [vendor, ...counts.map(Number)])).toEqual(
      vendors.map(vendor => [vendor, days * rows, days * rows]),
    )
    for (const { run } of runs) {
      expect(new Set(telemetry.journal.spansOfRun(run.id).map(({ traceId }) => traceId))).toEqual(
        new Set([run.traceId]),
      )
      expect(orphans(telemetry.journal.spansOf(run.traceId))).toEqual([])
    }
  })

/** Lands a day's deliveries, lets the fault come upon them, and looks at what came of it. */
async function amid(name: string, fault: () => Promise<unknown>): Promise<void> {
  await land()
  await untilUnderWay()
  await fault()
  await intact(name)
}

const member = (role: Role) => fleet.members.get(role)![0]!

describe('a fleet with two copies of every agent', () => {
  const survives = keeps('P1', 'P2', 'P3', 'P5')

  survives(
    'the broker is killed and restarted in mid-run',
    () => amid('broker', () => servers.kafka.restart({ how: 'kill', downMs: 2_000 })),
    3 * minutes,
  )

  survives(
    'Redis is killed and restarted with its append-only file in mid-run',
    () => amid('Redis', () => servers.redis.restart({ how: 'kill', downMs: 2_000 })),
    3 * minutes,
  )

  survives(
    'each tool server is killed inside a call',
    async () => {
      for (const role of ['filesystem', 'metadata', 'lakehouse'] as const) {
        await land()
        const call = await killInsideCall(role)
        await delay(1_000)
        await fleet.start(role)
        await intact(role)
        const spans = await fleet.look(async ({ telemetry }) => telemetry.journal.spansOf(call.traceId))
        expect(spans.find(({ spanId }) => spanId === call.spanId)?.state).toMatchObject({
          status: 'error',
          message: 'interrupted',
        })
      }
    },
    5 * minutes,
  )

  survives(
    'a tool takes three times the session time-out',
    async () => {
      await amid('slow tool', async () => {
        member('lakehouse').pause()
        await delay(3 * sessionTimeoutMs)
        member('lakehouse').resume()
      })
    },
    3 * minutes,
  )

  survives(
    'each agent is stopped for longer than the session time-out, then continued',
    async () => {
      for (const role of agentNames) {
        await amid(`${role} stopped`, async () => {
          const stopped = member(role)
          stopped.pause()
          await delay(2 * sessionTimeoutMs)
          stopped.resume()
        })
      }
    },
    5 * minutes,
  )

  survives(
    'one copy is killed while the other rebalances',
    async () => {
      for (const role of agentNames) {
        await amid(`${role} killed in a rebalance`, async () => {
          // A third copy makes the group rebalance, and another is killed in the middle of that.
          const [first] = fleet.members.get(role)!
          const third = fleet.start(role)
          await fleet.end(first!, 'kill')
          await third
        })
      }
    },
    5 * minutes,
  )

  survives(
    'every message comes again, in the wrong order',
    async () => {
      await land()
      await intact('unharmed')
      await fleet.look(async ({ bus }) => {
        const seen: OutgoingMessage[] = []
        const topics = Object.keys(events)
        const copier = await bus.subscribe({
          group: 'copier',
          topics,
          handler: async ({ topic, key, headers, value }) => {
            seen.push({ topic, key, headers, value })
            return { kind: 'done' }
          },
        })
        while ((await bus.lag('copier')).some(({ messages }) => messages > 0) || seen.length === 0) await delay(50)
        await copier.close()
        expect(new Set(seen.map(({ topic }) => topic)).size).toBeGreaterThan(4)
        await bus.publish(seen.toReversed())
        const groups = agentNames.map(consumerGroup)
        while ((await Promise.all(groups.map(group => bus.lag(group)))).flat().some(({ messages }) => messages > 0))
          await delay(50)
      })
      await intact('duplicates')
    },
    3 * minutes,
  )

  survives(
    'messages that no schema accepts, of an unknown version, too large, of a wrong key',
    async () => {
      await amid('poisoned', async () => {
        const poison = (id: string, data: unknown, version = 1) => deliveredMessage(id, data, version, 'acme/lamps')
        await fleet.look(async ({ bus, stores }) => {
          const [view] = await stores.runs.all()
          const { run, delivery } = view!
          const other = { ...delivery, feed: { vendor: 'bolt', table: 'lamps' } }
          await bus.publish([
            poison('p-schema', { run }),
            poison('p-version', { run, delivery }, 2),
            poison('p-large', 'x'.repeat(maxMessageBytes - 2)),
            poison('p-key', { run, delivery: other }),
          ])
          const letters = ['p-schema', 'p-version', 'p-large', 'p-key'].map(id => `${id}.planner`)
          while ((await Promise.all(letters.map(id => stores.deadLetters.find(id)))).includes(undefined))
            await delay(50)
        })
      })
    },
    3 * minutes,
  )
})
