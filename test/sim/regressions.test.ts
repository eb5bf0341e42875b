/** Moments that once went wrong, each brought about on purpose. Named after what they guard. */
import { describe, expect } from 'vitest'
import { Failure } from '../../contracts/failures.ts'
import { keyParts } from '../../src/state/keys.ts'
import type { Transaction } from '../../src/state/store.ts'
import { keeps } from '../promises.ts'
import { butFor } from './but-for.ts'
import type { Sabotage } from './process.ts'
import { crashSchedule } from './schedule.ts'
import { simulate } from './simulate.ts'

const busy = () => Promise.reject(new Failure('STATE_BUSY', 'The simulated moment came.'))

/** Fails in passing, the first time it is asked to and `when` holds. */
function once<Arguments extends unknown[], Result>(
  call: (...args: Arguments) => Promise<Result>,
  when: (...args: Arguments) => boolean = () => true,
): (...args: Arguments) => Promise<Result> {
  let isDue = true
  return (...args) => {
    if (!isDue || !when(...args)) return call(...args)
    isDue = false
    return busy()
  }
}

/** Whether a transaction writes or deletes a value of that channel, or of any, for a thread of that agent. */
const touches =
  (change: 'put' | 'delete', agent: string, channel?: string) =>
  ({ writes }: Transaction): boolean =>
    writes.some(write => {
      const key = change in write ? keyParts((write as Record<string, string>)[change]!) : []
      const [kind, thread = '', , name] = key
      return kind === 'blob' && thread.endsWith(`/${agent}`) && (channel ?? name) === name
    })

const losing =
  (...which: Parameters<typeof touches>): Sabotage =>
  stores => {
    const { store } = stores
    return { ...stores, store: butFor(store, { transact: once(store.transact, touches(...which)) }) }
  }

const endsWell = async (sabotage: Sabotage): Promise<void> => {
  const { faults } = await simulate(crashSchedule(0), { sabotage })
  expect(faults).toEqual([])
}

describe('regressions', () => {
  keeps('P1', 'P2')('a step whose result is kept and whose checkpoint is not: its run is not over, and goes on', () =>
    endsWell(losing('put', 'ingestion', 'progress')),
  )

  keeps('P2')('a finished thread that is tidied up by half: it does not begin anew', () =>
    endsWell(losing('delete', 'ingestion')),
  )

  keeps('P3', 'P6')('a question that is out before its feed is held, and answered before its message comes again', () =>
    endsWell(stores => ({
      ...stores,
      parked: butFor(stores.parked, { hold: once(stores.parked.hold.bind(stores.parked)) }),
    })),
  )

  keeps('P3', 'P6')(
    'an answer that is dealt with before the parked deliveries are let go: they are let go after all',
    () =>
      endsWell(stores => ({
        ...stores,
        parked: butFor(stores.parked, { release: once(stores.parked.release.bind(stores.parked)) }),
      })),
  )

  keeps('P4')('a call that was answered and could not be paid for: it is not taken for one that failed', () =>
    endsWell(stores => ({
      ...stores,
      budgets: butFor(stores.budgets, {
        account: scope => butFor(stores.budgets.account(scope), { settle: busy }),
      }),
    })),
  )

  keeps('P3')('a lease that could not be given back at first: its feed does not wait until it runs out', () =>
    endsWell(stores => {
      const { store } = stores
      return { ...stores, store: butFor(store, { releaseLease: once(store.releaseLease) }) }
    }),
  )
})
