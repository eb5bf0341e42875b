/** After a refusal a model may propose what would mend the delivery; people decide, or policy lets it. */
import { afterAll, describe, expect, test } from 'vitest'
import type { ModelQuestion } from '../../contracts/data/model.ts'
import { typed } from '../cli/process.ts'
import { keeps } from '../promises.ts'
import { type ChatBody, type ModelServer, startModelServer } from '../rig/model.ts'
import { dataIn } from '../rig/workflow-model.ts'
import { answer, csv, deliveryOf, products, setting, withCheck, workspaceWith } from './support.ts'
import { openTestWorkspace, type TestWorkspace } from './workspace.ts'

const minutes = 60_000
const servers: ModelServer[] = []
afterAll(async () => {
  for (const server of servers) await server.close()
})

const file = 'acme/items-2026-01-01.csv'
const feed = { vendor: 'acme', table: 'items' }
/** The price is in a column that nobody would look for it in; the one called so holds nothing. */
const landed = csv(products(1, 30).map(({ price = '', ...rest }) => ({ ...rest, price: '0.00', zzquux: price })))
const rule =
  '{id: has-a-price, column: list_price, expression: list_price > 0, severity: reject, message: Costs nothing., owner: ada}'

type Asked = { questions: (Omit<ModelQuestion, 'options'> & { options: string[] })[] }
const asked = (body: ChatBody): Asked['questions'] =>
  (dataIn(body.messages.find(({ role }) => role === 'user')?.content ?? '') as Asked).questions

async function refused(known: Readonly<Record<string, string>>, policy: Readonly<Record<string, string>> = {}) {
  const made = await workspaceWith({ [file]: landed })
  await made.edit('rules/quality.yaml', withCheck(rule))
  for (const [name, value] of Object.entries(policy)) await made.edit('policies/model.yaml', setting(name, value))
  const server = await startModelServer(body => ({
    content: JSON.stringify({
      answers: asked(body).map(({ id }) => ({
        id,
        answer: known[id] ?? 'unknown',
        confidence: 1,
        reason: 'It holds amounts.',
      })),
    }),
  }))
  servers.push(server)
  const settings = { AIWORKFLOW_MODEL: 'openai:gpt-5.1', AIWORKFLOW_MODEL_URL: server.url }
  const workspace = openTestWorkspace(made.dir, settings)
  const first = await workspace.run()
  return { server, workspace, first: deliveryOf(first, file) }
}

const open = (workspace: TestWorkspace) =>
  workspace.with(async ({ stores }) =>
    (await stores.approvals.open())
      .map(({ approval }) => approval)
      .filter(({ question }) => /^(repair|rule):/.test(question.subject)),
  )
const priceFrom = (workspace: TestWorkspace) =>
  workspace.with(async ({ catalog }) => {
    const mapping = (await catalog.mapping(feed))!
    return {
      version: mapping.version,
      from: mapping.columns.find(({ column }) => column === 'list_price')?.sourceColumns,
    }
  })

describe('a delivery that rules refuse', () => {
  keeps('P6')(
    'gets another source for the column from a model only when a person takes the proposal',
    async () => {
      const { server, workspace, first } = await refused({ 'repair:list_price': 'zzquux' })
      expect(first.state).toBe('refused')
      const before = await priceFrom(workspace)
      expect(before.from).toEqual(['price'])
      const [approval] = await open(workspace)
      expect(approval).toMatchObject({
        blocking: false,
        question: { subject: 'repair:list_price', suggested: 'zzquux', owner: expect.any(String) },
      })
      expect(approval?.question.evidence.slice(0, 3)).toEqual([
        '- list_price: "price"',
        '+ list_price: "zzquux"',
        'model: It holds amounts.',
      ])
      // Nothing is asked again, and nothing has changed, until somebody answers.
      const calls = server.asked.length
      expect(deliveryOf(await workspace.run(), file).state).not.toBe('published')
      expect(server.asked).toHaveLength(calls)
      expect(await priceFrom(workspace)).toEqual(before)

      await answer(workspace, 'repair:list_price', { answer: 'zzquux' })
      await workspace.run()
      const after = await workspace.run()
      expect(await priceFrom(workspace)).toEqual({ version: before.version + 1, from: ['zzquux'] })
      expect(deliveryOf(after, file)).toMatchObject({ rowsPublished: 30 })
      const told = await typed(['versions', workspace.dir, 'acme/items'])
      expect(told).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('list_price: "price" → "zzquux" (person ada, 1.00)'),
      })
      expect(await workspace.query('SELECT count(*), min(list_price) > 0 FROM product_core.product')).toEqual([
        [30, true],
      ])
    },
    3 * minutes,
  )

  test(
    'may be gone back to: an earlier mapping is a version of its own again',
    async () => {
      const { workspace } = await refused({ 'repair:list_price': 'zzquux' }, { mapping: 'apply' })
      await workspace.run()
      const { version, from } = await priceFrom(workspace)
      expect(from).toEqual(['zzquux'])
      expect(await typed(['versions', workspace.dir, 'acme/items', '--revert', '1'])).toMatchObject({ code: 0 })
      expect(await priceFrom(workspace)).toEqual({ version: version + 1, from: ['price'] })
      expect(await typed(['versions', workspace.dir, 'acme/items', '--revert', '1'])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('says what v1 said'),
      })
    },
    2 * minutes,
  )

  test(
    'stays refused when the proposal is turned down, and the mapping stays',
    async () => {
      const { workspace } = await refused({ 'repair:list_price': 'zzquux' })
      const before = await priceFrom(workspace)
      await answer(workspace, 'repair:list_price', { verdict: 'rejected' })
      await workspace.run()
      expect(await priceFrom(workspace)).toEqual(before)
      expect(await open(workspace)).toEqual([])
    },
    2 * minutes,
  )

  test(
    'is mended by a model where policy applies that, and judged again',
    async () => {
      const { workspace } = await refused({ 'repair:list_price': 'zzquux' }, { mapping: 'apply' })
      const after = await workspace.run()
      expect(await priceFrom(workspace)).toMatchObject({ from: ['zzquux'] })
      expect(deliveryOf(after, file)).toMatchObject({ rowsPublished: 30 })
      expect(await open(workspace)).toEqual([])
    },
    2 * minutes,
  )

  test(
    'asks no model that may write nothing anew, and none beyond the day',
    async () => {
      const never = await refused({ 'repair:list_price': 'zzquux' }, { mapping: 'never', rule: 'never' })
      expect(never.server.asked.flatMap(asked).filter(({ id }) => /^(repair|rule):/.test(id))).toEqual([])
      const none = await refused({ 'repair:list_price': 'zzquux' }, { perDay: '0' })
      expect(none.server.asked.flatMap(asked).filter(({ id }) => /^(repair|rule):/.test(id))).toEqual([])
    },
    3 * minutes,
  )

  test(
    'may be the rule’s fault: a draft goes to who owns the rule, and changes nothing',
    async () => {
      const { workspace } = await refused({ 'rule:has-a-price': 'warn' })
      const [approval] = await open(workspace)
      expect(approval?.question).toMatchObject({
        subject: 'rule:has-a-price',
        owner: 'ada',
        suggested: 'warn',
        evidence: ['+ severity: warn, instead of reject', expect.any(String), expect.any(String)],
      })
      await answer(workspace, 'rule:has-a-price', { answer: 'warn' })
      const after = await workspace.run()
      expect(deliveryOf(after, file).state).not.toBe('published')
      expect((await priceFrom(workspace)).from).toEqual(['price'])
    },
    2 * minutes,
  )

  test(
    'is not mended by what is no repair',
    async () => {
      const { workspace } = await refused({ 'repair:list_price': 'sku; DROP TABLE', 'rule:has-a-price': 'remove' })
      expect(await open(workspace)).toEqual([])
      expect((await priceFrom(workspace)).from).toEqual(['price'])
    },
    2 * minutes,
  )
})
