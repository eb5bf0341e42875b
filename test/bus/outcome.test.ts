import { describe, expect, test } from 'vitest'
import { settlementOfError } from '../../bus/outcome.ts'
import { Failure } from '../../contracts/failures.ts'

const policy = { baseMs: 100, maxMs: 1_000, maxFailures: 6 }
const transient = new Failure('TABLE_CONFLICT', 'moved')

describe('outcome of a thrown error', () => {
  test('transient: again after a delay that doubles up to its limit, dead at the last allowed failure', () => {
    const settlements = [0, 1, 2, 3, 4, 5].map(failures => settlementOfError(transient, failures, policy))
    expect(settlements.map(settled => (settled.kind === 'retry' ? settled.afterMs : settled.kind))).toEqual([
      100,
      200,
      400,
      800,
      1_000,
      'dead',
    ])
  })

  test('terminal, or a fault nobody foresaw: dead at once', () => {
    expect(settlementOfError(new Failure('FILE_EMPTY', 'x'), 0, policy)).toMatchObject({
      kind: 'dead',
      failure: { code: 'FILE_EMPTY' },
    })
    expect(settlementOfError(new TypeError('x'), 0, policy)).toMatchObject({
      kind: 'dead',
      failure: { code: 'INTERNAL' },
    })
  })

  test('cancelled: handed back, however often it failed before', () => {
    expect(settlementOfError(new Failure('DRAINING', 'x'), 99, policy)).toEqual({ kind: 'handed-back' })
  })
})
