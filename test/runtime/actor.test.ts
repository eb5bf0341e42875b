import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { startAgents } from '../../bench/rig.ts'
import type { OutgoingMessage } from '../../bus/bus.ts'
import { LocalBus } from '../../bus/local.ts'
import { ParkedMessages } from '../../src/state/parked.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import { keeps } from '../promises.ts'
import { butFor } from '../sim/but-for.ts'

keeps('P2')('a parked event that comes again while its feed is let go is worked on once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-actor-'))
  const plain = new SqliteStateStore({ path: ':memory:' })
  const ended: string[] = []
  const store = butFor(plain, {
    transact: async transaction => {
      const result = await plain.transact(transaction)
      for (const write of transaction.writes)
        if ('put' in write && write.put.startsWith('inbox/')) ended.push(write.put)
      return result
    },
  })
  const local = new LocalBus({ path: join(folder, 'bus.sqlite'), partitions: 1 })
  const parked = new ParkedMessages(plain)
  // As a process leaves it that parked the event and died before it said so, while another was letting the feed go.
  const bus = butFor(local, {
    publish: async (messages: readonly OutgoingMessage[]) => {
      for (const message of messages) {
        if (message.topic !== 'feed.delivered') continue
        const hold = { kind: 'approval' as const, approvalId: 'a', runId: 'r', sinceMs: 0 }
        await parked.hold('planner', message.key, hold)
        await parked.park('planner', message.key, message.headers['ce_id'] ?? '', message)
        await parked.hold('planner', message.key, { kind: 'draining', sinceMs: 0 })
      }
      await local.publish(messages)
    },
  })
  const agents = await startAgents(store, bus, ['planner'])
  try {
    await agents.run(1)
    while ((await local.lag('aiworkflow.planner')).some(({ messages }) => messages > 0)) await delay(10)
    expect(ended).toHaveLength(1)
    expect(await parked.holds('planner')).toEqual([])
  } finally {
    await agents.close()
    await local.close()
    await plain.close()
    await rm(folder, { recursive: true })
  }
})
