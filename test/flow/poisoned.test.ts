/** Messages no agent can work on: they become dead letters, and no other feed waits for them. */
import { expect, test } from 'vitest'
import { maxMessageBytes } from '../../bus/envelope.ts'
import { csv, deliveredMessage as message, products, statesOf, workspaceWith } from './support.ts'

const file = 'acme/products-2026-01-10.csv'
const feed = { vendor: 'other', table: 'things' }
const delivery = {
  id: `d_${'0'.repeat(24)}`,
  feed,
  file: 'other/things.csv',
  stored: 'x',
  sha256: 'a'.repeat(64),
  sizeBytes: 1,
  receivedAt: '2026-01-10T00:00:00Z',
  ingestionDate: '2026-01-10',
}
const run = {
  id: `r_${'0'.repeat(24)}`,
  traceId: '1'.repeat(32),
  cause: { kind: 'delivered' },
  budget: { toolCalls: 1, wallMs: 1, startedAt: '2026-01-10T00:00:00Z' },
}

test.each([
  ['no schema accepts', message('poison', { run }), 'MESSAGE_INVALID', 'does not fit the schema'],
  // The value alone is just what the bus takes; with its headers it is more than an event may have.
  ['is too large', message('poison', 'x'.repeat(maxMessageBytes - 2)), 'MESSAGE_TOO_LARGE', `${maxMessageBytes}`],
  ['has an unknown version', message('poison', { run, delivery }, 2), 'MESSAGE_INVALID', 'feed.delivered.v1'],
  ['has a wrong key', message('poison', { run, delivery }, 1, 'wrong/key'), 'MESSAGE_INVALID', 'other/things'],
])('a message that %s is a dead letter, shown and discarded, and another feed publishes', async (...row) => {
  const [, poison, code, said] = row
  const workspace = await workspaceWith({ [file]: csv(products(1, 5)) })
  await workspace.with(place => place.bus.publish([poison]))
  expect(statesOf(await workspace.run())).toMatchObject({ [file]: 'published' })
  await workspace.with(async ({ stores: { deadLetters } }) => {
    const letter = await deadLetters.get('poison.planner')
    expect(letter).toMatchObject({ state: 'open', failed: { agent: 'planner', failure: { code } } })
    expect(letter.failed.failure.message).toContain(said)
    expect(letter.message).toMatchObject({ headers: poison.headers })
    await deadLetters.discard('poison.planner')
    expect(await deadLetters.get('poison.planner')).toMatchObject({ state: 'discarded' })
  })
})
