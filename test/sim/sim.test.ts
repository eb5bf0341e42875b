/** The runtime over the local twins under seeded faults: 200 schedules, of three kinds. More of the same: `npm run sim`. */
import { rm } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { killTemplate } from '../chaos/template.ts'
import { keeps } from '../promises.ts'
import { canaries } from './canaries.ts'
import { simulateMany, tellOutcome } from './many.ts'
import { crashSchedule, drawSchedule } from './schedule.ts'
import { simulate } from './simulate.ts'
import { simulateWorkspace, unharmedRemains } from './workspace.ts'

const firstSeed = 1
const schedules = { drawn: 156, awaits: 40, workspaces: 4 }
const timeoutMs = 15 * 60_000
const seeds = (count: number) => Array.from({ length: count }, (_, at) => firstSeed + at)

describe('simulation', () => {
  keeps(
    'P2',
    'P3',
    'P4',
    'P5',
    'P6',
  )(
    'loss, duplication, reordering and crashes at any await: every run ends, every effect happens once, feeds stay in order',
    async () => {
      const { failed, crashes } = await simulateMany(seeds(schedules.drawn).map(drawSchedule))
      expect(failed.map(tellOutcome)).toEqual([])
      expect(crashes).toBeGreaterThan(schedules.drawn)
    },
    timeoutMs,
  )

  keeps(
    'P2',
    'P4',
    'P5',
    'P6',
  )(
    'a crash at one await after the other, spread from the first to the last: the same',
    async () => {
      const unharmed = await simulate(crashSchedule(0))
      expect(unharmed).toMatchObject({ faults: [], crashes: 0 })
      const places = seeds(schedules.awaits).map(at => Math.ceil((at * unharmed.awaits) / schedules.awaits))
      const { failed, crashes } = await simulateMany(places.map(crashSchedule))
      expect(failed.map(tellOutcome)).toEqual([])
      // Not every process gets as far as the one that was counted: some awaits are polls.
      expect(crashes).toBeGreaterThan(0.8 * schedules.awaits)
    },
    timeoutMs,
  )

  keeps(
    'P1',
    'P2',
    'P4',
    'P5',
  )(
    'the four agents themselves, in a workspace: the tables are those of an unharmed run',
    async () => {
      const template = await killTemplate()
      const expected = await unharmedRemains(template)
      expect(expected.faults).toEqual([])
      let crashes = 0
      for (const seed of seeds(schedules.workspaces)) {
        const outcome = await simulateWorkspace(template, expected, seed)
        expect(outcome.faults, `seed ${seed}`).toEqual([])
        crashes += outcome.crashes
      }
      await rm(template, { recursive: true })
      expect(crashes).toBeGreaterThan(0)
    },
    timeoutMs,
  )

  test('the same seed draws the same schedule, another seed another', () => {
    expect(drawSchedule(7)).toEqual(drawSchedule(7))
    expect(drawSchedule(7)).not.toEqual(drawSchedule(8))
  })
})

describe('canaries: a runtime that is broken on purpose is found out', () => {
  test.each(Object.entries(canaries))(
    '%s',
    async (_name, sabotage) => {
      let found = false
      const { failed } = await simulateMany(seeds(150).map(drawSchedule), {
        sabotage,
        enough: () => found,
        onOutcome: ({ faults }) => {
          found ||= faults.length > 0
        },
      })
      expect(failed.length).toBeGreaterThan(0)
    },
    timeoutMs,
  )
})
