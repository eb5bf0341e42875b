/** The runtime over the local twins under seeded faults. More of the same: `npm run sim`. */
import { describe, expect, test } from 'vitest'
import { canaries } from './canaries.ts'
import { simulateMany, tellOutcome } from './many.ts'
import { crashSchedule, drawSchedule } from './schedule.ts'
import { simulate } from './simulate.ts'

const firstSeed = 1
const minutes = 60_000
const seeds = (count: number) => Array.from({ length: count }, (_, at) => firstSeed + at)

describe('simulation', () => {
  test('200 schedules with loss, duplication, reordering and crashes: every run ends, every effect happens once, feeds stay in order', async () => {
    const { failed, crashes } = await simulateMany(seeds(200).map(drawSchedule))
    expect(failed.map(tellOutcome)).toEqual([])
    expect(crashes).toBeGreaterThan(200)
  }, 10 * minutes)

  test('a crash at one await after the other, from the first to the last: the same', async () => {
    const unharmed = await simulate(crashSchedule(0))
    expect(unharmed).toMatchObject({ faults: [], crashes: 0 })
    const places = 50
    const awaits = Array.from({ length: places }, (_, at) => 1 + Math.floor((at * unharmed.awaits) / places))
    const { failed, crashes } = await simulateMany(awaits.map(crashSchedule))
    expect(failed.map(tellOutcome)).toEqual([])
    expect(crashes).toBe(places)
  }, 10 * minutes)

  test('the same seed draws the same schedule, another seed another', () => {
    expect(drawSchedule(7)).toEqual(drawSchedule(7))
    expect(drawSchedule(7)).not.toEqual(drawSchedule(8))
  })
})

describe('canaries: a runtime that is broken on purpose is found out', () => {
  test.each(Object.entries(canaries))('%s', async (_name, sabotage) => {
    let found = false
    const { failed } = await simulateMany(seeds(150).map(drawSchedule), {
      sabotage,
      enough: () => found,
      onOutcome: ({ faults }) => {
        found ||= faults.length > 0
      },
    })
    expect(failed.length).toBeGreaterThan(0)
  }, 10 * minutes)
})
