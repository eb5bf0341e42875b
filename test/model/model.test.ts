/** What a call of a model costs, and that it is made, and paid for, once. */
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { claimOwner } from '../../bus/owner.ts'
import type { ModelPolicy } from '../../contracts/data/model.ts'
import { reserveEverywhere, scopesOf } from '../../src/model/spending.ts'
import { Budgets } from '../../src/state/budgets.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import { keeps } from '../promises.ts'
import type { Script } from '../rig/model.ts'
import { key, modelWorld, question } from './world.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})
const open = async (script: Script, changes: Partial<ModelPolicy> = {}) => {
  const world = await modelWorld(script, changes)
  closers.push(world.close)
  return world
}
const spentOn = async (world: Awaited<ReturnType<typeof open>>, scope: string) =>
  (await world.budgets.spent(`model/${scope}`))[0]?.spent

describe('a call of a model', () => {
  test('is answered, settled by what the provider counted, and priced', async () => {
    const world = await open(() => ({ content: 'twelve' }))
    const answer = await world.model().ask(question('how many?'))
    expect(answer.message.content).toBe('twelve')
    const { inputTokens, outputTokens } = answer.usage
    expect(answer.costMicros).toBe(inputTokens + 4 * outputTokens)
    for (const scope of ['run/r1', 'feed/acme/lamps', 'day/', 'workspace'])
      expect(await spentOn(world, scope)).toMatchObject({
        calls: 1,
        tokens: inputTokens + outputTokens,
        moneyMicros: answer.costMicros,
      })
  })

  test('is made once: the same question again, by whomever, is answered from what is known', async () => {
    const world = await open(async () => ({ content: 'twelve', delayMs: 50 }))
    const [one, other] = [world.model('one'), world.model('other')]
    const answers = await Promise.all([one.ask(question('how many?')), other.ask(question('how many?', 'r2'))])
    expect((await one.ask(question('how many?', 'r3'))).costMicros).toBe(0)
    expect(answers.map(({ recalled }) => recalled).sort()).toEqual([false, true])
    expect(world.server.paid).toBe(1)
  })

  test.each([429, 500, 503])(
    'that is refused with %d is asked again when the provider says, and paid once',
    async status => {
      const world = await open((_body, call) => (call < 3 ? { status, retryAfterS: 0.05 } : { content: 'ok' }))
      const began = performance.now()
      await world.model().ask(question('again?'))
      expect(performance.now() - began).toBeGreaterThanOrEqual(100)
      expect([world.server.asked.length, world.server.paid]).toEqual([3, 1])
      expect(await spentOn(world, 'run/r1')).toMatchObject({ calls: 1 })
    },
  )

  test('that stays refused costs nothing and leaves nothing behind', async () => {
    const world = await open(() => ({ status: 429 }))
    await expect(world.model().ask(question('again?'))).rejects.toMatchObject({ code: 'MODEL_BUSY', kind: 'transient' })
    expect(await spentOn(world, 'run/r1')).toMatchObject({ calls: 0, tokens: 0, moneyMicros: 0 })
    world.server.script = () => ({ content: 'now' })
    expect((await world.model().ask(question('again?'))).message.content).toBe('now')
  })

  test('that the provider never takes says why, without the key', async () => {
    const world = await open(() => ({ status: 401 }))
    const failure = await world
      .model()
      .ask(question('again?'))
      .catch(error => error)
    expect(failure).toMatchObject({ code: 'MODEL_REFUSED', kind: 'terminal' })
    expect(world.server.authorizations).toEqual([`Bearer ${key}`])
    const seen = JSON.stringify([
      failure.message,
      failure.stack,
      world.telemetry.journal.traces().map(({ traceId }) => world.telemetry.journal.spansOf(traceId)),
    ])
    expect(seen).not.toContain(key)
  })

  test('to a server that is not there was never sent', async () => {
    const world = await open(() => ({}))
    await world.server.close()
    closers.splice(0)
    await expect(world.model().ask(question('anyone?'))).rejects.toMatchObject({ code: 'MODEL_UNREACHABLE' })
    expect(await spentOn(world, 'workspace')).toMatchObject({ calls: 0 })
    await world.store.close()
    await world.telemetry.shutdown()
  })

  const lost: [string, Script][] = [
    ['is cut off', () => ({ content: 'half of an answer', cut: true })],
    ['takes too long', () => ({ content: 'late', delayMs: 1_500 })],
    ['is no JSON', () => ({ garbage: true })],
  ]
  test.each(lost)('whose answer %s counts as spent and is not made again by itself', async (_how, script) => {
    const world = await open(script, { callTimeoutMs: 1_000 })
    await expect(world.model().ask(question('well?'))).rejects.toMatchObject({ code: 'MODEL_UNANSWERED' })
    await expect(world.model().ask(question('well?'))).rejects.toMatchObject({ code: 'MODEL_UNANSWERED' })
    expect(world.server.paid).toBe(1)
    expect((await spentOn(world, 'run/r1'))?.tokens).toBeGreaterThan(100)
    world.policy = { ...world.policy, unknownOutcome: 'again' }
    world.server.script = () => ({ content: 'at last' })
    expect((await world.model().ask(question('well?'))).message.content).toBe('at last')
  })

  test('of a process that died is known as sent, or as not sent', async () => {
    const world = await open(() => ({ content: 'late', delayMs: 400 }))
    const dying = claimOwner()
    const gone = world.model(dying.id).ask(question('well?'))
    gone.catch(() => undefined)
    while (world.server.asked.length === 0) await delay(5)
    dying.release()
    await expect(world.model('other').ask(question('well?'))).rejects.toMatchObject({ code: 'MODEL_UNANSWERED' })
    await gone
    expect(world.server.paid).toBe(1)
  })

  test('streams its text as it comes', async () => {
    const world = await open(() => ({ content: 'one two three four five six seven' }))
    const parts: string[] = []
    const { message } = await world.model().ask({ ...question('count'), onText: part => parts.push(part) })
    expect(parts.length).toBeGreaterThan(1)
    expect(parts.join('')).toBe(message.content)
  })

  test('that was cut in the stream is no answer', async () => {
    const world = await open(() => ({ content: 'one two three four five six', cut: true }))
    const asked = world.model().ask({ ...question('count'), onText: () => {} })
    await expect(asked).rejects.toMatchObject({ code: 'MODEL_UNANSWERED' })
  })

  test('pauses after failures in a row, and tries again after the pause', async () => {
    const world = await open(() => ({ status: 401 }), { breaker: { failures: 2, pauseMs: 1_000 } })
    let nowMs = Date.now()
    const model = world.model('test', () => nowMs)
    for (const text of ['a', 'b'])
      await expect(model.ask(question(text))).rejects.toMatchObject({ code: 'MODEL_REFUSED' })
    await expect(model.ask(question('c'))).rejects.toMatchObject({ code: 'MODEL_PAUSED' })
    expect(world.server.asked).toHaveLength(2)
    nowMs += 1_001
    world.server.script = () => ({ content: 'rested' })
    expect((await model.ask(question('c'))).message.content).toBe('rested')
  })
})

describe('budgets of models', () => {
  const keepsP8 = keeps('P8')

  keepsP8('a budget of nothing stops before the first byte leaves', async () => {
    for (const scope of ['run', 'feed', 'day', 'workspace'] as const)
      for (const limit of [{ calls: 0 }, { tokens: 0 }, { money: 0 }, { seconds: 0 }]) {
        const limits = { run: {}, feed: {}, day: {}, workspace: {}, [scope]: limit }
        const world = await open(() => ({ content: 'no' }), { limits })
        const asked = world.model().ask(question('may I?'))
        await expect(asked).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED', owner: 'data-office' })
        expect(world.server.asked).toEqual([])
        // A raised limit holds at once, and what was refused left nothing reserved.
        world.policy = { ...world.policy, limits: { run: {}, feed: {}, day: {}, workspace: {} } }
        await world.model().ask(question('may I?'))
        expect(await spentOn(world, 'workspace')).toMatchObject({ calls: 1 })
      }
  })

  keepsP8('agents at once never reserve more than any limit', async () => {
    const amounts = fc.record({ calls: fc.constant(1), tokens: fc.integer({ min: 0, max: 50 }) })
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ run: fc.constantFrom('r1', 'r2', 'r3'), asked: amounts, used: fc.integer({ min: 0, max: 50 }) }),
          { maxLength: 25 },
        ),
        fc.record({
          run: fc.integer({ min: 0, max: 80 }),
          day: fc.integer({ min: 0, max: 150 }),
          workspace: fc.integer({ min: 0, max: 200 }),
        }),
        async (calls, tokens) => {
          const store = new SqliteStateStore({ path: ':memory:' })
          const limits = {
            run: { tokens: tokens.run },
            feed: {},
            day: { tokens: tokens.day },
            workspace: { tokens: tokens.workspace, calls: 12 },
          }
          const agents = calls.map(async ({ run, asked, used }, index) => {
            // An account of its own each, as every process has.
            const budgets = new Budgets(store, { ttlMs: 60_000 })
            const scopes = scopesOf({ runId: run, feed: 'acme/lamps' }, limits, '2026-11-26')
            const reserved = await reserveEverywhere(budgets, `call ${index}`, asked, scopes, 'me').catch(
              () => undefined,
            )
            await reserved?.settle({ calls: 1, tokens: Math.min(used, asked.tokens) })
          })
          await Promise.all(agents)
          for (const { limits: most, spent } of await new Budgets(store, { ttlMs: 1 }).spent('model/'))
            for (const unit of ['calls', 'tokens'] as const)
              if (most[unit] !== undefined) expect(spent[unit]).toBeLessThanOrEqual(most[unit])
          await store.close()
        },
      ),
      { numRuns: 60 },
    )
  })
})
