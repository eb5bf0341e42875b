/** Stores on a folder of their own, for tests. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SqliteStateStore } from '../../src/state/sqlite.ts'

export interface TestStore {
  readonly store: SqliteStateStore
  readonly path: string
  /** Milliseconds; what the store's clock and `clock` say. */
  readonly time: { nowMs: number }
  readonly clock: () => number
}

/** Runs `body` with a store whose time stands still until `time.nowMs` is moved, and removes it afterwards. */
export async function withStore(body: (test: TestStore) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-state-'))
  const path = join(folder, 'state.db')
  const time = { nowMs: 1_000_000 }
  const clock = () => time.nowMs
  const store = new SqliteStateStore({ path, clock })
  try {
    await body({ store, path, time, clock })
  } finally {
    await store.close()
    await rm(folder, { recursive: true })
  }
}
