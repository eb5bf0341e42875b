/** What a file leaves in doubt on its way through the chain: left as found, asked of people, or answered by a model as far as policy lets it. */
import { afterAll, describe, expect, test } from 'vitest'
import type { ModelQuestion } from '../../contracts/data/model.ts'
import { createDecisionBook } from '../../src/tools/metadata/decisions.ts'
import { type ChatBody, type ModelServer, type Reply, startModelServer } from '../rig/model.ts'
import { dataIn } from '../rig/workflow-model.ts'
import { answer, csv, deliveryOf, products, setting, statesOf, workspaceWith } from './support.ts'
import { openTestWorkspace, type TestWorkspace } from './workspace.ts'

const minutes = 60_000
const servers: ModelServer[] = []
afterAll(async () => {
  for (const server of servers) await server.close()
})

/** Days that can be read in two ways. */
const dated = (from: number, to: number) =>
  csv(products(from, to).map((each, index) => ({ ...each, seen: `0${1 + (index % 9)}/0${1 + (index % 8)}/2026` })))

type Asked = { questions: (Omit<ModelQuestion, 'options'> & { options: string[] })[] }
const asked = (body: ChatBody): Asked =>
  dataIn(body.messages.find(({ role }) => role === 'user')?.content ?? '') as Asked

/** Says this of the questions it knows, and nothing of the others, as sure as can be. */
const saying =
  (known: Readonly<Record<string, string>>) =>
  (body: ChatBody): Reply => ({
    content: JSON.stringify({
      answers: asked(body).questions.map(({ id }) => ({
        id,
        answer: known[id] ?? 'unknown',
        confidence: 1,
        reason: 'The vendor is American.',
      })),
    }),
  })

async function withModel(made: TestWorkspace, known: Readonly<Record<string, string>>) {
  const server = await startModelServer(saying(known))
  servers.push(server)
  const settings = { AIWORKFLOW_MODEL: 'openai:gpt-5.1', AIWORKFLOW_MODEL_URL: server.url }
  return { server, workspace: openTestWorkspace(made.dir, settings) }
}

const questions = (workspace: TestWorkspace) =>
  workspace.with(async ({ stores }) => (await stores.approvals.open()).map(({ approval }) => approval.question))
const contractOf = (workspace: TestWorkspace, table: string) =>
  workspace.with(async ({ catalog }) => (await catalog.contract({ vendor: 'acme', table }))!)
const typeOf = async (workspace: TestWorkspace) =>
  (await contractOf(workspace, 'items')).columns.find(({ name }) => name === 'seen')?.type
const decisionsOf = (workspace: TestWorkspace) =>
  workspace.with(({ stores }) => createDecisionBook(stores.store).recall({ vendor: 'acme', table: 'items' }))

const autonomy = (key: string, value: string) => (workspace: TestWorkspace) =>
  workspace.edit('policies/autonomy.yaml', setting(key, value))
const model = (key: string, value: string) => (workspace: TestWorkspace) =>
  workspace.edit('policies/model.yaml', setting(key, value))

describe('days that can be read in two ways', () => {
  test(
    'stay text where nobody is asked, whatever a model would say',
    async () => {
      const made = await workspaceWith({ 'acme/items-2026-01-01.csv': dated(1, 20) })
      const { server, workspace } = await withModel(made, { 'dateOrder:seen': '%m/%d/%Y' })
      await workspace.run()
      expect(await typeOf(workspace)).toBe('string')
      expect(server.asked.flatMap(body => asked(body).questions).filter(({ kind }) => kind === 'dateOrder')).toEqual([])
    },
    minutes,
  )

  test(
    'are asked of people where policy waits, and of nobody again',
    async () => {
      const workspace = await workspaceWith({ 'acme/items-2026-01-01.csv': dated(1, 20) })
      await autonomy('doubts', 'wait')(workspace)
      const waiting = await workspace.run()
      expect(deliveryOf(waiting, 'acme/items-2026-01-01.csv').state).toBe('waiting')
      const [question] = await questions(workspace)
      expect(question).toMatchObject({ subject: 'dateOrder:seen', suggested: 'as found' })
      expect(question?.options.map(option => option.answer)).toEqual(['%d/%m/%Y', '%m/%d/%Y', 'as found'])
      await answer(workspace, 'dateOrder:seen', { answer: '%d/%m/%Y' })
      await workspace.land('acme/items-2026-01-02.csv', dated(21, 40))
      const done = await workspace.run()
      expect(new Set(Object.values(statesOf(done)))).toEqual(new Set(['published']))
      expect(await typeOf(workspace)).toBe('date')
      expect((await contractOf(workspace, 'items')).version).toBe(1)
      const days = await workspace.query(
        'SELECT CAST(min(seen) AS VARCHAR), CAST(max(seen) AS VARCHAR) FROM product_raw.acme_items',
      )
      expect(days).toEqual([['2026-01-01', '2026-08-08']])
    },
    2 * minutes,
  )

  test(
    'are read as a model says where policy applies its answers',
    async () => {
      const made = await workspaceWith({ 'acme/items-2026-01-01.csv': dated(1, 20) })
      const { workspace } = await withModel(made, { 'dateOrder:seen': '%m/%d/%Y' })
      await model('answers', 'apply')(workspace)
      await workspace.run()
      expect(await typeOf(workspace)).toBe('date')
      expect(await decisionsOf(workspace)).toContainEqual(
        expect.objectContaining({
          question: 'dateOrder:seen',
          answer: '%m/%d/%Y',
          step: 'model',
          by: 'openai:gpt-5.1',
        }),
      )
    },
    minutes,
  )

  test(
    'are a suggestion about the whole contract, where people are asked about that',
    async () => {
      for (const taken of ['v1 as suggested', 'v1']) {
        const made = await workspaceWith({ 'acme/items-2026-01-01.csv': dated(1, 20) })
        const { workspace } = await withModel(made, { 'dateOrder:seen': '%m/%d/%Y' })
        await autonomy('newFeed', 'ask')(workspace)
        await workspace.run()
        const [question] = await questions(workspace)
        expect(question).toMatchObject({
          subject: 'contract',
          suggested: 'v1 as suggested',
          options: [
            { answer: 'v1' },
            { answer: 'v1 as suggested', text: expect.stringContaining('dateOrder of seen is %m/%d/%Y') },
          ],
        })
        expect(question?.evidence[0]).toBe('model: The vendor is American.')
        await answer(workspace, 'contract', { answer: taken })
        await workspace.run()
        expect(await typeOf(workspace)).toBe(taken === 'v1' ? 'string' : 'date')
      }
    },
    3 * minutes,
  )
})

describe('a column that is gone', () => {
  const before = products(1, 20)
  const renamed = csv(products(21, 40).map(({ sku = '', title = '', price = '' }) => ({ sku, zzquux: title, price })))
  const world = async (known: Readonly<Record<string, string>>) => {
    const made = await workspaceWith({ 'acme/items-2026-01-01.csv': csv(before) })
    await made.run()
    const { server, workspace } = await withModel(made, known)
    await workspace.land('acme/items-2026-01-02.csv', renamed)
    return { server, workspace }
  }

  test(
    'may be a new one under another name: a model proposes the contract, people take it',
    async () => {
      const { server, workspace } = await world({ 'renamed:title': 'zzquux' })
      await workspace.run()
      expect(server.paid).toBe(1)
      const [question] = await questions(workspace)
      expect(question).toMatchObject({ subject: 'drift', suggested: 'v2 as suggested' })
      expect(question?.options[1]?.text).toContain('renamed of title is zzquux')
      await answer(workspace, 'drift', { answer: 'v2 as suggested' })
      const done = await workspace.run()
      expect(deliveryOf(done, 'acme/items-2026-01-02.csv').state).toBe('published')
      const contract = await contractOf(workspace, 'items')
      expect(contract.columns.find(({ name }) => name === 'title')).toMatchObject({ sourceName: 'zzquux' })
      const names = await workspace.query(
        "SELECT count(*) FROM product_core.product WHERE product_name LIKE 'Lamp number%'",
      )
      expect(names).toEqual([[40]])
    },
    2 * minutes,
  )

  test(
    'is not asked of a model that may write no contract anew',
    async () => {
      const { server, workspace } = await world({ 'renamed:title': 'zzquux' })
      await model('contract', 'never')(workspace)
      await workspace.run()
      expect(server.asked).toEqual([])
      expect((await questions(workspace))[0]).toMatchObject({ subject: 'drift', options: [{ answer: 'v2' }] })
    },
    2 * minutes,
  )
})
