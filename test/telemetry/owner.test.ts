import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { isLiving, newOwner, release, silenceMs } from '../../src/telemetry/owner.ts'

const self = newOwner()
afterAll(() => release(self))
const nowMs = 1e12
const living = (changes: Partial<typeof self>, seenMs = nowMs) =>
  isLiving({ ...self, id: 'x', ...changes }, seenMs, self, nowMs)

describe('an owner', () => {
  test('of this thread lives until it is released', () => {
    const other = newOwner()
    expect(isLiving(other, 0, self, nowMs)).toBe(true)
    release(other)
    expect(isLiving(other, nowMs, self, nowMs)).toBe(false)
  })

  test('of another thread of this process lives: nobody here can know better', () => {
    expect(living({ thread: self.thread + 1 }, 0)).toBe(true)
  })

  test('of another process lives as long as that process, however silent it is', () => {
    const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8')
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
    expect(living({ pid: process.ppid, started }, 0)).toBe(true)
    expect(living({ pid: process.ppid, started: '1' })).toBe(false)
    expect(living({ pid: 2 ** 22 + 1 })).toBe(false)
    expect(living({ started: `${Number(self.started) - 1}` })).toBe(false)
  })

  test('of an earlier boot is dead', () => {
    expect(living({ boot: 'another' })).toBe(false)
  })

  test('of another container lives until it has been silent for long', () => {
    expect(living({ namespace: 'pid:[1]' }, nowMs - silenceMs + 1)).toBe(true)
    expect(living({ namespace: 'pid:[1]' }, nowMs - silenceMs)).toBe(false)
  })
})
