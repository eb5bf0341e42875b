import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assign } from '../../src/matching/assign.ts'

const worth = (gain: readonly (readonly number[])[], columns: readonly number[]): number =>
  columns.reduce((sum, column, row) => sum + (column < 0 ? 0 : (gain[row]?.[column] ?? 0)), 0)

/** Every way to give rows columns of their own, or none. */
function best(gain: readonly (readonly number[])[], row = 0, used: readonly number[] = []): number {
  if (row === gain.length) return 0
  const alone = best(gain, row + 1, used)
  const options = (gain[row] ?? []).map((value, column) =>
    used.includes(column) ? -Infinity : value + best(gain, row + 1, [...used, column]),
  )
  return Math.max(alone, ...options)
}

describe('the one-to-one assignment', () => {
  test('is as good as the best of all, and gives no column twice', () => {
    const gains = fc
      .record({ rows: fc.integer({ min: 0, max: 5 }), columns: fc.integer({ min: 1, max: 5 }) })
      .chain(({ rows, columns }) =>
        fc.array(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: columns, maxLength: columns }), {
          minLength: rows,
          maxLength: rows,
        }),
      )
    fc.assert(
      fc.property(gains, gain => {
        const found = assign(gain)
        const given = found.filter(column => column >= 0)
        expect(new Set(given).size).toBe(given.length)
        expect(worth(gain, found)).toBe(best(gain))
      }),
    )
  })

  test('what is worth nothing stays alone', () => {
    expect(
      assign([
        [0, 0],
        [0, 3],
      ]),
    ).toEqual([-1, 1])
  })
})
