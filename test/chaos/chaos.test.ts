/** Kill -9 of the whole process, then `run` again. More of the same: `npm run chaos -- --embedded`. */
import { rm } from 'node:fs/promises'
import { expect } from 'vitest'
import { keeps } from '../promises.ts'
import { killAtSeededPoints } from './kill.ts'
import { killTemplate } from './template.ts'

const minutes = 60_000

keeps('P2', 'P4', 'P5')(
  'kill -9 at 50 seeded points, then run again: the same tables, no row twice, no orphan span',
  async () => {
    const seed = Date.now() % 1_000_000
    console.log(`kill -9 with seed ${seed}: npm run chaos -- --embedded --seed ${seed}`)
    const template = await killTemplate()
    const { died, faults } = await killAtSeededPoints(template, 50, seed)
    await rm(template, { recursive: true })
    expect(faults).toEqual([])
    // A second blow may come too late: by then the run is done.
    expect(died).toBeGreaterThan(30)
  },
  20 * minutes,
)
