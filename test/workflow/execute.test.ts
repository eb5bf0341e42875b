/** execute(): typed answers, templates, tools of one's own, repair, cancel, and what it refuses. */
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import * as aif from '../../src/index.ts'
import { StateCheckpointer } from '../../src/state/checkpointer.ts'
import { fillPrompt } from '../../src/workflow/template.ts'
import { csv, products, workspaceWith } from '../flow/support.ts'
import { type ModelServer, type Script, startModelServer } from '../rig/model.ts'

const closers: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

async function world(script: Script): Promise<{ server: ModelServer; workspace: aif.OpenedWorkspace }> {
  const server = await startModelServer(script)
  const made = await workspaceWith({ 'acme/lamps-2026-01-01.csv': csv(products(1, 5)) })
  const workspace = await aif.open(made.dir, {
    environment: { AIWORKFLOW_MODEL: 'openai:gpt-5.1', AIWORKFLOW_MODEL_URL: server.url },
  })
  closers.push(server.close, workspace.close)
  return { server, workspace }
}

const count = z.object({ rows: z.int() })
const say = (value: unknown) => ({ content: JSON.stringify(value) })

describe('execute()', () => {
  test('answers in the shape that was asked for, after one repair; a second misfit is the end', async () => {
    const { server, workspace } = await world((_body, call) => (call === 1 ? { content: 'five' } : say({ rows: 5 })))
    const asked = { workflowId: 'count', prompt: 'How many?', response: count, workspace }
    const { response, by, usage } = await aif.execute(asked)
    expect([response, by, usage.calls]).toEqual([{ rows: 5 }, 'model', 2])
    expect(server.asked[1]?.messages.at(-1)?.content).toContain('it is no JSON')
    server.script = () => say({ rows: 'many' })
    await expect(aif.execute({ ...asked, prompt: 'How many others?' })).rejects.toMatchObject({
      code: 'MODEL_ANSWER_INVALID',
    })
  })

  test('the same again is what it came to; another input is another execution', async () => {
    const { server, workspace } = await world(() => say({ rows: 5 }))
    const asked = { workflowId: 'count', prompt: 'How many on {{ day }}?', response: count, workspace }
    const first = await aif.execute({ ...asked, input: { day: 'Monday' } })
    const again = await aif.execute({ ...asked, input: { day: 'Monday' } })
    expect([first.fresh, again.fresh, again.response, again.runId]).toEqual([true, false, first.response, first.runId])
    const other = await aif.execute({ ...asked, input: { day: 'Tuesday' } })
    expect(other.runId).not.toBe(first.runId)
    expect(server.paid).toBe(2)
  })

  test.each([1, 2, 3, 4])('goes on where checkpoint %i was never written, and asks nothing twice', async lost => {
    const { server, workspace } = await world(({ messages }) =>
      messages.length < 3 ? { content: 'five' } : say({ rows: 5 }),
    )
    const asked = { workflowId: 'count', prompt: 'How many?', response: count, workspace }
    const { put, putWrites } = StateCheckpointer.prototype
    let puts = 0
    const results: Promise<void>[] = []
    vi.spyOn(StateCheckpointer.prototype, 'putWrites').mockImplementation(function (this: StateCheckpointer, ...given) {
      const written = putWrites.apply(this, given)
      results.push(written)
      return written
    })
    vi.spyOn(StateCheckpointer.prototype, 'put').mockImplementation(async function (this: StateCheckpointer, ...given) {
      puts += 1
      if (puts !== lost) return put.apply(this, given)
      // What the nodes gave is kept, and only the end of their step is not.
      await Promise.all(results)
      throw new Error('died here')
    })
    await expect(aif.execute(asked))
      .rejects.toThrow('died here')
      .finally(() => vi.restoreAllMocks())
    expect((await aif.execute(asked)).response).toEqual({ rows: 5 })
    expect(server.paid).toBe(2)
    expect(server.asked.map(({ messages }) => messages.map(({ role }) => role).join(' '))).toEqual([
      'developer user',
      'developer user assistant user',
    ])
  })

  test('calls the tools of a server of one’s own, by stdio', async () => {
    const { server, workspace } = await world((body, call) =>
      call === 1 ? { toolCalls: [{ name: body.tools?.[0]?.function.name ?? '', arguments: {} }] } : say({ rows: 1 }),
    )
    const command = join(import.meta.dirname, '../fixtures/pim-server.ts')
    const pim = await workspace.connect({ name: 'pim', command: process.execPath, arguments: [command] })
    expect(pim.getCallableTools().map(({ id, readOnly }) => [id, readOnly])).toEqual([
      ['pim.count_products', true],
      ['pim.delete_all', false],
    ])
    const { notes } = await aif.execute({
      workflowId: 'count',
      prompt: 'How many?',
      tools: pim.getCallableTools(),
      response: count,
    })
    expect(notes[0]).toContain('pim.delete_all')
    expect(server.asked[1]?.messages.at(-1)?.content).toBe(
      '<data name="pim.count_products">{"text":"42 products"}</data>',
    )
  })

  test('is stopped by its signal, within its budget, and by what it was not told', async () => {
    const { server, workspace } = await world(() => ({ ...say({ rows: 5 }), delayMs: 5_000 }))
    const asked = { workflowId: 'count', prompt: 'How many?', response: count, workspace }
    const stop = new AbortController()
    const stopped = aif.execute({ ...asked, signal: stop.signal })
    setTimeout(() => stop.abort(new Error('enough')), 200)
    await expect(stopped).rejects.toThrow()
    const paid = server.paid
    const poor = aif.execute({ ...asked, prompt: 'How many of the poor?', budget: { tokens: 10 } })
    await expect(poor).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' })
    const shapeless = aif.execute({ workflowId: 'count', prompt: 'How many?', workspace })
    await expect(shapeless).rejects.toMatchObject({ code: 'USAGE' })
    await expect(aif.execute({ ...asked, model: 'none' })).rejects.toMatchObject({ code: 'WORKFLOW_UNKNOWN' })
    await expect(aif.execute({ workflowId: 'x', prompt: 'x', response: count })).rejects.toMatchObject({
      code: 'USAGE',
    })
    await expect(aif.execute({ ...asked, prompt: '{{ nothing }}' })).rejects.toMatchObject({ code: 'PROMPT_INVALID' })
    expect(server.paid).toBe(paid)
  })
})

describe('places in prompts', () => {
  test('are filled with data that can end no mark', () => {
    const scan = { response: { files: [{ path: 'a</data>b' }], n: 3 } }
    expect(fillPrompt('Of {{scan.response.files.0.path}} and {{ scan.response.n }}.', { scan })).toBe(
      'Of <data name="scan.response.files.0.path">"a\\u003c/data\\u003eb"</data> and <data name="scan.response.n">3</data>.',
    )
  })

  test.each([
    ['{{ scan.response.fils }}', 'scan.response has no fils; it has files'],
    ['{{ other }}', 'the input has no other; it has scan'],
    ['{{ scan.constructor }}', 'scan has no constructor'],
    ['{{ 1 + 1 }}', 'is no path'],
  ])('that name nothing are refused: %s', (prompt, why) => {
    expect(() => fillPrompt(prompt, { scan: { response: { files: [] } } })).toThrow(why)
  })
})
