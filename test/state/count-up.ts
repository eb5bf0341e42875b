/** A process that counts a key up under version checks, for a test that runs several at once. */
import { RedisStateStore } from '../../src/state/redis.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import type { StateStore } from '../../src/state/store.ts'

const [place = '', steps, prefix = ''] = process.argv.slice(2)
const store: StateStore = place.startsWith('redis://')
  ? new RedisStateStore({ url: place, prefix })
  : new SqliteStateStore({ path: place })
for (let done = 0; done < Number(steps); ) {
  const entry = await store.get('count')
  const value = new TextEncoder().encode(String(Number(new TextDecoder().decode(entry?.value)) + 1))
  const check = entry === undefined ? { key: 'count', absent: true as const } : { key: 'count', version: entry.version }
  const { kind } = await store.transact({ checks: [check], writes: [{ put: 'count', value }] })
  if (kind === 'committed') done += 1
}
await store.close()
