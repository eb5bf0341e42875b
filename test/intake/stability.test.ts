import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Observation, observe, type Standing } from '../../src/intake/stability.ts'

const settleMs = 1000
const at = (observedMs: number, sizeBytes = 10, modifiedMs = 0): Observation => ({ observedMs, sizeBytes, modifiedMs })

test('a file that lay untouched long enough is whole at the first look', () => {
  expect(observe(undefined, at(1000), settleMs).stability).toEqual({ kind: 'whole' })
})

test('a file changed just now settles, and is whole when it stood still', () => {
  const first = observe(undefined, at(5000, 10, 4900), settleMs)
  expect(first.stability).toEqual({ kind: 'settling', lookAgainMs: 5900 })
  expect(observe(first.standing, at(5900, 10, 4900), settleMs).stability).toEqual({ kind: 'whole' })
})

test('a file that grows starts anew, though its time of change is old', () => {
  const first = observe(undefined, at(5000, 10, 4900), settleMs)
  const grown = observe(first.standing, at(5900, 20, 4900), settleMs)
  expect(grown.stability).toEqual({ kind: 'settling', lookAgainMs: 6900 })
})

test('a time of change in the future makes nothing wait for it', () => {
  const first = observe(undefined, at(5000, 10, 999_999), settleMs)
  expect(first.stability).toEqual({ kind: 'settling', lookAgainMs: 6000 })
  expect(observe(first.standing, at(6000, 10, 999_999), settleMs).stability).toEqual({ kind: 'whole' })
})

test('a file that is gone has vanished, and is looked at anew when it comes back', () => {
  const first = observe(undefined, at(5000, 10, 4900), settleMs)
  expect(observe(first.standing, undefined, settleMs)).toEqual({ stability: { kind: 'vanished' }, standing: undefined })
})

test('a file is never whole within the settling time after a change that was seen', () => {
  const look = fc.record({ afterMs: fc.integer({ min: 1, max: 800 }), grows: fc.boolean() })
  fc.assert(
    fc.property(fc.array(look, { minLength: 1, maxLength: 20 }), looks => {
      let standing: Standing | undefined
      let nowMs = 10_000
      let sizeBytes = 1
      let changedMs = nowMs
      for (const { afterMs, grows } of looks) {
        nowMs += afterMs
        if (grows) sizeBytes++
        if (grows) changedMs = nowMs
        const step = observe(standing, { observedMs: nowMs, sizeBytes, modifiedMs: changedMs }, settleMs)
        standing = step.standing
        if (nowMs - changedMs < settleMs) expect(step.stability.kind).toBe('settling')
      }
    }),
  )
})
