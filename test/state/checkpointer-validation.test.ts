/** LangGraph's own suite for checkpoint savers, whole, over every state store. It needs vitest's globals. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deltaChannelHistoryTests, validate } from '@langchain/langgraph-checkpoint-validation'
import { StateCheckpointer } from '../../src/state/checkpointer.ts'
import { RedisStateStore } from '../../src/state/redis.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import type { StateStore } from '../../src/state/store.ts'
import { type RigRedis, startRedis } from '../rig/redis.ts'

let redis: RigRedis | undefined

const stores: Record<
  string,
  { open(): { store: StateStore; remove?(): void }; start?(): Promise<void>; stop?(): Promise<void> }
> = {
  sqlite: {
    open: () => {
      const folder = mkdtempSync(join(tmpdir(), 'aiworkflow-state-'))
      return {
        store: new SqliteStateStore({ path: join(folder, 'state.db') }),
        remove: () => rmSync(folder, { recursive: true }),
      }
    },
  },
  redis: {
    start: async () => {
      redis = await startRedis()
    },
    open: () => ({ store: new RedisStateStore({ url: redis!.url, prefix: randomUUID() }) }),
    stop: async () => redis?.stop(),
  },
}

for (const [name, { open, start, stop }] of Object.entries(stores)) {
  const opened = new Map<StateCheckpointer, { store: StateStore; remove?(): void }>()
  const initializer = {
    checkpointerName: `StateCheckpointer on ${name}`,
    ...(start && { beforeAll: start }),
    createCheckpointer() {
      const place = open()
      const checkpointer = new StateCheckpointer(place.store)
      opened.set(checkpointer, place)
      return checkpointer
    },
    async destroyCheckpointer(checkpointer: StateCheckpointer) {
      const place = opened.get(checkpointer)
      opened.delete(checkpointer)
      await place?.store.close()
      place?.remove?.()
    },
    ...(stop && { afterAll: stop }),
  }
  validate(initializer)
  deltaChannelHistoryTests(initializer)
}
