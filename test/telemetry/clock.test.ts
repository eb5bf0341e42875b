import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { spanClock } from '../../src/telemetry/clock.ts'

const us = ([seconds, nanoseconds]: readonly [number, number]) => seconds * 1e6 + nanoseconds / 1e3

describe('the clock of spans', () => {
  test('within one millisecond of the wall clock every reading is later than the one before', () => {
    const now = spanClock(
      () => 1_764_000_000_000,
      () => 5,
    )
    const readings = Array.from({ length: 100 }, () => us(now()))
    expect(readings).toEqual(readings.map((_, index) => 1_764_000_000_000_000 + index))
  })

  test('whatever the clocks do, it stays near the wall clock, and goes back only where that was set back', () => {
    const step = fc.record({ elapsedUs: fc.nat(50_000), jumpMs: fc.constantFrom(0, 0, 0, 3_600_000, -3_600_000) })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 200 }), steps => {
        let elapsedMs = 10
        let wall = 1_764_000_000_000
        const now = spanClock(
          () => Math.floor(wall),
          () => elapsedMs,
        )
        let before = us(now())
        for (const { elapsedUs, jumpMs } of steps) {
          elapsedMs += elapsedUs / 1_000
          wall += elapsedUs / 1_000 + jumpMs
          const at = us(now())
          expect(Math.abs(at - wall * 1_000)).toBeLessThanOrEqual(5_000)
          if (jumpMs >= 0) expect(at).toBeGreaterThan(before)
          before = at
        }
      }),
    )
  })

  test('the readings of a running process are strictly increasing', () => {
    const now = spanClock()
    let before = us(now())
    for (let reading = 0; reading < 10_000; reading++) {
      const at = us(now())
      expect(at).toBeGreaterThan(before)
      before = at
    }
  })
})
