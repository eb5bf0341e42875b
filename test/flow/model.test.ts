/** The chain with a language model: asked last, once, within a budget, and believed only as far as policy says. */
import { afterAll, describe, expect, test } from 'vitest'
import type { ModelQuestion } from '../../contracts/data/model.ts'
import { keeps } from '../promises.ts'
import { type ChatBody, type ModelServer, type Reply, startModelServer } from '../rig/model.ts'
import { dataIn } from '../rig/workflow-model.ts'
import { answer, csv, deliveryOf, products, workspaceWith } from './support.ts'
import { openTestWorkspace, type TestWorkspace } from './workspace.ts'

const minutes = 60_000
const servers: ModelServer[] = []
afterAll(async () => {
  for (const server of servers) await server.close()
})

/** A feed whose name column is called something that the standard has never heard of, so that the run waits. */
const odd = (from: number, to: number) =>
  csv(products(from, to).map(({ sku = '', title = '', price = '' }) => ({ sku, zzquux: title, price })))

type Asked = {
  questions: (Omit<ModelQuestion, 'options'> & { options: string[] })[]
  options: ModelQuestion['options']
}
const asked = (body: ChatBody): Asked =>
  dataIn(body.messages.find(({ role }) => role === 'user')?.content ?? '') as Asked

/** Answers every question with this choice among its options, as sure as can be. */
const sure =
  (choose: (options: string[], id: string) => string) =>
  (body: ChatBody): Reply => ({
    content: JSON.stringify({
      answers: asked(body).questions.map(({ id, options }) => ({
        id,
        answer: choose(options, id),
        confidence: 1,
        reason: 'It is obvious.',
      })),
    }),
  })

/** What a person would say: the one column that is spoken for by nothing else. */
const right = (options: string[]): string => (options.includes('zzquux') ? 'zzquux' : options[0]!)

async function world(script: (body: ChatBody) => Reply) {
  const server = await startModelServer(script)
  servers.push(server)
  const made = await workspaceWith({ 'acme/odd-2026-01-01.csv': odd(1, 30) })
  const workspace = openTestWorkspace(made.dir, {
    AIWORKFLOW_MODEL: 'openai:gpt-5.1',
    AIWORKFLOW_MODEL_URL: server.url,
  })
  return { server, workspace }
}

const approvals = (workspace: TestWorkspace) =>
  workspace.with(async ({ stores }) => (await stores.approvals.open()).map(({ approval }) => approval))

describe('a model in the chain', () => {
  keeps('P6')(
    'that is wrong with full confidence changes no published value unless a person approved it',
    async () => {
      const bare = await workspaceWith({ 'acme/odd-2026-01-01.csv': odd(1, 30) })
      const without = await bare.run()
      const wanted = (await approvals(bare)).map(({ question }) => question.subject)
      expect(wanted.length).toBeGreaterThan(0)
      const { server, workspace } = await world(sure(options => options.at(-1)!))
      const summary = await workspace.run()
      expect(server.paid).toBe(1)
      expect(deliveryOf(summary, 'acme/odd-2026-01-01.csv').state).toBe(
        deliveryOf(without, 'acme/odd-2026-01-01.csv').state,
      )
      const open = await approvals(workspace)
      expect(open.map(({ question }) => question.subject)).toEqual(wanted)
      for (const { question } of open) {
        expect(question.evidence[0]).toBe('model: It is obvious.')
        expect(question.evidence[1]).toMatch(/^by answer_questions v1 sha256:\w+, openai:gpt-5.1, answer sha256:\w+$/)
        expect(question.suggested).toBe(question.options.at(-1)?.answer)
      }
    },
    2 * minutes,
  )

  keeps('P8')(
    'known feeds cost no call, and a new one at most one batch of 4,000 tokens',
    async () => {
      const { server, workspace } = await world(sure(right))
      const vendors = ['acme', 'bolt']
      await workspace.land('bolt/odd-2026-01-01.csv', odd(1, 30))
      await workspace.run()
      expect(server.asked).toHaveLength(vendors.length)
      const spent = await workspace.with(({ stores }) => stores.budgets.spent('model/feed/'))
      expect(spent.map(({ scope, spent: { calls } }) => [scope, calls])).toEqual(
        vendors.map(vendor => [`model/feed/${vendor}/odd`, 1]),
      )
      for (const { spent: feed } of spent) {
        expect(feed.tokens).toBeGreaterThan(0)
        expect(feed.tokens).toBeLessThanOrEqual(4_000)
      }
      for (const _vendor of vendors) await answer(workspace, 'mapping:product_name', { answer: 'zzquux' })
      for (const vendor of vendors)
        for (let day = 2; day <= 7; day += 1)
          await workspace.land(`${vendor}/odd-2026-01-0${day}.csv`, odd(day * 100, day * 100 + 10))
      const later = await workspace.run()
      expect(later.deliveries.map(({ state }) => state)).toEqual(Array.from({ length: 14 }, () => 'published'))
      expect(server.asked).toHaveLength(vendors.length)
    },
    3 * minutes,
  )

  test(
    'is believed where policy applies its answers and the data bear them out',
    async () => {
      const { workspace } = await world(sure(right))
      await workspace.edit('policies/model.yaml', text => text.replace('answers: propose', 'answers: apply'))
      const summary = await workspace.run()
      expect(deliveryOf(summary, 'acme/odd-2026-01-01.csv').decisions.model).toBeGreaterThan(0)
      expect(await approvals(workspace)).toEqual([])
    },
    minutes,
  )

  const useless: [string, (body: ChatBody) => Reply, number][] = [
    ['answers with what was no option', sure(() => 'DROP TABLE'), 2],
    ['answers with no JSON', () => ({ content: 'I would say the first one.' }), 2],
    ['knows nothing', sure(() => 'unknown'), 1],
    ['refuses', () => ({ status: 400 }), 1],
  ]
  test.each(useless)(
    'that %s leaves everything as it is without one',
    async (_how, script, calls) => {
      const { server, workspace } = await world(script)
      const bare = await workspaceWith({ 'acme/odd-2026-01-01.csv': odd(1, 30) })
      await Promise.all([bare.run(), workspace.run()])
      expect(server.asked).toHaveLength(calls)
      const questions = async (of: TestWorkspace) => (await approvals(of)).map(({ question }) => question)
      expect(await questions(workspace)).toEqual(await questions(bare))
    },
    minutes,
  )

  test(
    'is not asked beyond its budget: people are, or the run stops',
    async () => {
      const { server, workspace } = await world(sure(right))
      await workspace.edit('policies/model.yaml', text => text.replace(/run: \{[^}]*\}/, 'run: { tokens: 0 }'))
      await workspace.run()
      expect((await approvals(workspace)).length).toBeGreaterThan(0)
      await workspace.land('bolt/odd-2026-01-01.csv', odd(40, 60))
      await workspace.edit('policies/model.yaml', text => text.replace('atLimit: ask', 'atLimit: stop'))
      const summary = await workspace.run()
      expect(deliveryOf(summary, 'bolt/odd-2026-01-01.csv')).toMatchObject({
        state: 'failed',
        failure: { code: 'BUDGET_EXHAUSTED' },
      })
      expect(server.asked).toEqual([])
    },
    minutes,
  )
})
