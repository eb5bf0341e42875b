import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import { stateStoreConformance, text } from '../conformance/state.ts'
import { withStore } from './folder.ts'

stateStoreConformance('sqlite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-state-'))
  let nowMs = Date.now()
  return {
    open: async () => new SqliteStateStore({ path: join(folder, 'state.db'), clock: () => nowMs }),
    passTime: async ms => {
      nowMs += ms
    },
    dispose: () => rm(folder, { recursive: true }),
  }
})

describe('sqlite state store', () => {
  test('processes that open a file at the same moment and count up in it lose no step', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-state-'))
    const path = join(folder, 'state.db')
    const children = Array.from({ length: 3 }, () =>
      spawn(process.execPath, [join(import.meta.dirname, 'count-up.ts'), path, '50'], { stdio: 'inherit' }),
    )
    const exits = await Promise.all(children.map(child => once(child, 'exit')))
    expect(exits.map(([code]) => code)).toEqual([0, 0, 0])
    const store = new SqliteStateStore({ path })
    expect(text((await store.get('count'))?.value)).toBe('150')
    await store.close()
    await rm(folder, { recursive: true })
  })

  test('a database that another connection keeps locked is STATE_BUSY, and nothing is written', async () => {
    await withStore(async ({ store, path }) => {
      const { DatabaseSync } = await import('node:sqlite')
      const impatient = new SqliteStateStore({ path, busyMs: 1 })
      const locker = new DatabaseSync(path)
      locker.exec('BEGIN IMMEDIATE')
      const writes = [{ put: 'a', value: new Uint8Array([1]) }]
      await expect(impatient.transact({ writes })).rejects.toMatchObject({ code: 'STATE_BUSY', kind: 'transient' })
      locker.exec('ROLLBACK')
      locker.close()
      await impatient.close()
      expect(await store.get('a')).toBeUndefined()
    })
  })

  test('sweep removes no more than its limit', async () => {
    await withStore(async ({ store, time }) => {
      const writes = Array.from({ length: 5 }, (_, n) => ({ put: `k${n}`, value: new Uint8Array(), ttlMs: 10 }))
      await store.transact({ writes })
      time.nowMs += 11
      expect([await store.sweep(2), await store.sweep(2), await store.sweep(2)]).toEqual([2, 2, 1])
    })
  })
})
