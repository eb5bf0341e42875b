/** The bus gives out below a run, as it does on a full disk. */
import { expect, test } from 'vitest'
import type { Bus } from '../../bus/bus.ts'
import { Failure } from '../../contracts/failures.ts'
import { csv, products, statesOf, workspaceWith } from './support.ts'

const file = 'acme/products-2026-01-10.csv'

/** A bus whose subscriptions take nothing and end by a fault. */
const broken = (bus: Bus): Bus => ({
  system: bus.system,
  running: 0,
  publish: messages => bus.publish(messages),
  lag: group => bus.lag(group),
  idle: () => bus.idle(),
  deadLetters: group => bus.deadLetters(group),
  close: () => bus.close(),
  subscribe: async options => {
    const { promise: ended, reject } = Promise.withResolvers<void>()
    const subscription = await bus.subscribe({ ...options, handler: () => new Promise(() => {}) })
    setTimeout(() => reject(new Failure('DISK_FULL', 'The disk is full: the database took no more.')), 50)
    return {
      ended,
      close: () => subscription.close(),
      drain: async () => {
        await subscription.close()
        return { kind: 'drained' }
      },
    }
  },
})

test('a run whose agents lose the bus to a full disk ends with that fault, and the next run goes on', async () => {
  const workspace = await workspaceWith({ [file]: csv(products(1, 5)) })
  await expect(workspace.run({ bus: broken })).rejects.toMatchObject({ code: 'DISK_FULL' })
  expect(statesOf(await workspace.run())).toEqual({ [file]: 'published' })
})
