/** The chain as separate processes over real Kafka, Redis and tool servers. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import type { RunView } from '../../src/runtime/run-records.ts'
import { orphans } from '../../src/telemetry/orphans.ts'
import { csv, products } from '../flow/support.ts'
import { keeps } from '../promises.ts'
import { type Fleet, openFleet, type Servers, startServers } from '../rig/fleet.ts'

let servers: Servers
beforeAll(async () => {
  servers = await startServers()
})
afterAll(() => servers?.stop())

const minutes = 60_000

/** Waits until the runs are as wanted, by looking at what they say of themselves. */
async function untilRuns(fleet: Fleet, wanted: (runs: readonly RunView[]) => boolean): Promise<readonly RunView[]> {
  return fleet.look(async ({ stores }) => {
    while (true) {
      const runs = await stores.runs.all()
      if (wanted(runs)) return runs
      await delay(100)
    }
  })
}

const published = (count: number) => (runs: readonly RunView[]) =>
  runs.filter(({ state }) => state === 'published').length === count

describe('a fleet', () => {
  keeps('P1', 'P2', 'P5')(
    'modeling is stopped after bronze, a second file comes, modeling starts again: both are published, one trace each',
    async () => {
      const fleet = await openFleet(servers)
      try {
        await fleet.startAll()
        const [modeling] = fleet.members.get('modeling')!
        await fleet.end(modeling!, 'stop')
        await fleet.workspace.land('acme/lamps-2026-01-10.csv', csv(products(1, 10)))
        await untilRuns(fleet, runs => runs.length === 1 && runs[0]!.progress.bronze !== undefined)
        await fleet.workspace.land('acme/lamps-2026-01-11.csv', csv(products(8, 20)))
        await untilRuns(fleet, runs => runs.filter(({ progress }) => progress.bronze !== undefined).length === 2)
        await fleet.start('modeling')
        const runs = await untilRuns(fleet, published(2))
        await fleet.look(async ({ telemetry: { journal }, lakehouse }) => {
          for (const { run } of runs) {
            expect(new Set(journal.spansOfRun(run.id).map(({ traceId }) => traceId))).toEqual(new Set([run.traceId]))
            expect(orphans(journal.spansOf(run.traceId))).toEqual([])
          }
          const { rows } = await lakehouse.query(
            'SELECT count(*), count(DISTINCT product_id) FROM product_core.product',
          )
          expect(rows[0]?.map(Number)).toEqual([20, 20])
        })
      } finally {
        await fleet.remove()
      }
    },
    5 * minutes,
  )

  keeps('P1', 'P2', 'P3')(
    '200 feeds at once, one of them poisoned, while every process is replaced: in order by feed, none delayed, none lost',
    async () => {
      const fleet = await openFleet(servers)
      const feeds = Array.from({ length: 200 }, (_, at) => `v${at}x/products`)
      const twice = feeds.slice(0, 10)
      try {
        await fleet.startAll()
        for (const feed of feeds) await fleet.workspace.land(`${feed}-2026-01-10.csv`, csv(products(1, 5)))
        for (const feed of twice) await fleet.workspace.land(`${feed}-2026-01-11.csv`, csv(products(4, 9)))
        await fleet.workspace.land(
          'poison/feed-2026-01-10.csv',
          Uint8Array.from({ length: 4096 }, (_, at) => (at * 7919) % 256),
        )
        await untilRuns(fleet, runs => runs.filter(({ state }) => state === 'published').length > 5)
        for (const [role, members] of [...fleet.members])
          for (const member of members) {
            // A tool server gives its port back before the next takes it; of anything else the next is there first.
            const next =
              role === 'filesystem' || role === 'lakehouse' || role === 'metadata' ? undefined : fleet.start(role)
            await next
            await fleet.end(member, 'stop')
            if (next === undefined) await fleet.start(role)
          }
        const total = feeds.length + twice.length
        const runs = await untilRuns(
          fleet,
          all => all.length === total + 1 && all.every(({ state }) => state !== 'running'),
        )
        const states = Map.groupBy(runs, ({ state }) => state)
        expect([states.get('published')?.length, states.get('failed')?.map(({ delivery }) => delivery.file)]).toEqual([
          total,
          ['poison/feed-2026-01-10.csv'],
        ])
        await fleet.look(async ({ lakehouse }) => {
          for (const feed of twice) {
            const [vendor, table] = feed.split('/')
            const { rows } = await lakehouse.query(
              `SELECT _source_file, count(*) FROM product_raw.${vendor}_${table} GROUP BY 1 ORDER BY min(_ingested_at)`,
            )
            expect(rows.map(([file, count]) => [String(file).slice(-14), Number(count)])).toEqual([
              ['2026-01-10.csv', 5],
              ['2026-01-11.csv', 6],
            ])
          }
          const { rows } = await lakehouse.query('SELECT _vendor_name, count(*) FROM product_core.product GROUP BY 1')
          const expected = feeds.map(feed => [feed.split('/')[0], twice.includes(feed) ? 9 : 5])
          expect(Object.fromEntries(rows.map(([vendor, count]) => [vendor, Number(count)]))).toEqual(
            Object.fromEntries(expected),
          )
        })
      } finally {
        await fleet.remove()
      }
    },
    20 * minutes,
  )
})
