/** What failed for good is started again by people: as often as policy allows, and traced to what failed. */
import { expect, test } from 'vitest'
import { Failure } from '../../contracts/failures.ts'
import { replay } from '../../src/cli/replay.ts'
import { keeps } from '../promises.ts'
import { csv, deliveredMessage, products, setting, workspaceWith } from './support.ts'

const bad = 'acme/products-2026-01-10.csv'

const codeOf = (error: unknown) => (error instanceof Failure ? error.code : String(error))

keeps('P2', 'P8')(
  'a failed delivery is started again as often as policy allows, each time from its own letter',
  async () => {
    const workspace = await workspaceWith({ [bad]: '' })
    await workspace.edit('policies/spending.yaml', setting('perLetter', 2))
    const failedRun = async () => (await workspace.run()).deliveries.find(({ file }) => file === bad)?.runId ?? ''
    for (let replays = 0, id = await failedRun(); replays < 2; replays += 1) {
      const replayed = await workspace.with(place => replay(place, id))
      expect(replayed).toMatchObject({ kind: 'run', run: { cause: { kind: 'replayed', of: id } } })
      expect(await workspace.with(({ stores }) => stores.deadLetters.get(id))).toMatchObject({ state: 'replayed' })
      id = await failedRun()
      expect(id).toBe(replayed.kind === 'run' && replayed.run.id)
    }
    const last = await failedRun()
    expect(await workspace.with(place => replay(place, last)).catch(codeOf)).toBe('REPLAY_LIMIT')
    expect(await workspace.with(({ stores }) => stores.deadLetters.get(last))).toMatchObject({ state: 'open' })
  },
)

keeps('P2')('a dead letter says where the agent stood and what it had called; the thread stays a while', async () => {
  const workspace = await workspaceWith({ [bad]: '' })
  const runId = (await workspace.run()).deliveries[0]?.runId ?? ''
  await workspace.with(async ({ stores }) => {
    const { failed } = await stores.deadLetters.get(runId)
    expect(failed).toMatchObject({
      traceId: failed.run?.traceId,
      checkpoint: { threadId: `${runId}/planner`, next: ['inspect'] },
      toolCalls: [
        { tool: 'filesystem.stat_file', ended: 'answered' },
        { tool: 'filesystem.inspect_file', ended: 'failed', code: 'FILE_EMPTY' },
      ],
    })
    const [head] = await stores.store.scan({ prefix: 'head/', limit: 5 })
    const kept = Buffer.from(head?.value ?? []).toString()
    expect(kept).toContain(`${failed.checkpoint?.id}`)
    expect(kept).toContain('"retired":true')
  })
})

test('a message nobody could read goes onto its topic again, byte for byte, and back into its letter while it cannot be read', async () => {
  const workspace = await workspaceWith({ 'bolt/lamps.csv': csv(products(1, 5)) })
  await workspace.edit('policies/spending.yaml', setting('perLetter', 1))
  const traceId = '7'.repeat(32)
  const later = deliveredMessage('from-tomorrow', { of: 'a later version' }, 2)
  const message = { ...later, headers: { ...later.headers, traceparent: `00-${traceId}-${'8'.repeat(16)}-01` } }
  await workspace.with(place => place.bus.publish([message]))
  await workspace.run()
  const letter = () => workspace.with(({ stores }) => stores.deadLetters.get('from-tomorrow.planner'))
  expect(await letter()).toMatchObject({ state: 'open', replays: 0, failed: { traceId, agent: 'planner' } })

  expect(await workspace.with(place => replay(place, 'from-tomorrow.planner'))).toEqual({
    kind: 'message',
    topic: 'feed.delivered',
  })
  expect(await letter()).toMatchObject({ state: 'replayed', replays: 1 })
  await workspace.run()
  const again = await letter()
  expect(again).toMatchObject({ state: 'open', replays: 1, message: { headers: message.headers, key: message.key } })
  expect(Buffer.from(again.message?.base64 ?? '', 'base64')).toEqual(message.value)

  expect(await workspace.with(place => replay(place, 'from-tomorrow.planner')).catch(codeOf)).toBe('REPLAY_LIMIT')
  expect(await letter()).toMatchObject({ state: 'open' })
})
