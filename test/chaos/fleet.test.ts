/** Kill -9 of single processes over real Kafka and Redis, two copies of every agent. More of the same: `npm run chaos`. */
import { expect } from 'vitest'
import { keeps } from '../promises.ts'
import { startServers } from '../rig/fleet.ts'
import { killFleet } from './fleet-kill.ts'

const minutes = 60_000

keeps(
  'P1',
  'P2',
  'P4',
  'P5',
)(
  'agents, tool servers and intakes are killed 40 times over Kafka and Redis: nothing lost, nothing doubled, no orphan span',
  async () => {
    const seed = Date.now() % 1_000_000
    console.log(`kills over Kafka and Redis with seed ${seed}: npm run chaos -- --kills 40 --seed ${seed}`)
    const servers = await startServers()
    try {
      const report = await killFleet(servers, { kills: 40, seed, say: line => console.log(line) })
      expect(report).toMatchObject({ lost: 0, doubled: 0, orphanSpans: 0, faults: [] })
      expect(report.kills).toBeGreaterThanOrEqual(40)
    } finally {
      await servers.stop()
    }
  },
  25 * minutes,
)
