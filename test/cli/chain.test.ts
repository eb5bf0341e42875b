import { setTimeout as delay } from 'node:timers/promises'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { agentNames } from '../../contracts/chain.ts'
import {
  Approvals,
  DeadLetterDocument,
  DeadLettersDocument,
  DecisionsDocument,
  QueryDocument,
  RunDocument,
  RunsDocument,
} from './documents.ts'
import { aiworkflow, document, land, launcher, startAiworkflow, typed, workspaceWith } from './process.ts'

// Processes of their own on a machine that may have other things to do.
vi.setConfig({ testTimeout: 180_000 })

const header = 'sku,product name,brand,price,currency,description'
const row = (id: number, price = `${id}.50`) => `SKU-${id},Lamp ${id},Acme,${price},EUR,A lamp with the number ${id}`
const feed = (...rows: string[]) => `${[header, ...rows].join('\n')}\n`
const clean = feed(...Array.from({ length: 20 }, (_, id) => row(id + 1)))

describe('a workspace with one good feed', () => {
  test('run publishes it; everything that can be asked about it afterwards is answered in its shape', async () => {
    const place = await workspaceWith({ 'acme/lamps_2026-01-01.csv': clean })
    const run = await aiworkflow(['run', place, '--json'])
    expect(run.stderr).toBe('')
    const [delivery] = RunDocument.parse(JSON.parse(run.stdout)).deliveries
    expect(delivery).toMatchObject({ vendor: 'acme', table: 'lamps', rowsRead: 20, rowsLoaded: 20, rowsInError: 0 })
    expect({ code: run.code, state: delivery?.state }).toEqual({ code: 0, state: 'published' })

    const query = await document(QueryDocument, ['query', place, 'SELECT count(*) AS n FROM product_raw.acme_lamps'])
    expect(query.document.rows).toEqual([[20]])
    expect(query.document.columns.map(({ name }) => name)).toEqual(['n'])

    const listed = await aiworkflow(['runs', '--json'], { cwd: place })
    expect(RunsDocument.parse(JSON.parse(listed.stdout)).runs.map(({ id }) => id)).toEqual([delivery?.runId])

    const decided = await document(DecisionsDocument, ['decisions', place, '--feed', 'acme/lamps'])
    expect(decided.document.decisions.length).toBeGreaterThan(0)

    const Stack = z.looseObject({ runId: z.string(), state: z.string(), orphans: z.array(z.unknown()).max(0) })
    for (const name of [delivery!.runId, delivery!.id, delivery!.traceId, 'lamps_2026-01-01.csv']) {
      const traced = await document(Stack, ['trace', place, name])
      expect(traced.document).toMatchObject({ runId: delivery?.runId, state: 'done' })
    }

    const again = await typed(['run', place])
    expect(again).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Nothing new: 1 file known before; nothing was read, nothing was written\.\n/),
    })
  })

  test('the report has deliveries, rows, decisions by step, tables and three commands to type, without colour in a pipe', async () => {
    const place = await workspaceWith({ 'acme/lamps.csv': clean })
    const { code, stdout, stderr } = await aiworkflow(['run', place])
    expect(code).toBe(0)
    expect(stdout).not.toContain('\u001b')
    expect(stdout).toContain('Deliveries     1: 1 published')
    expect(stdout).toContain('20 in, 20 loaded, 20 published, 0 superseded')
    expect(stdout).toMatch(/Decisions {6}rule \d+ · memory \d+ · evidence \d+ · model 0 · person 0/)
    expect(stdout).toMatch(/\nNext\n( {2}.*aiworkflow .*\n){3}$/)
    expect(stderr).toContain('validator  acme/lamps  acme/lamps.csv')
  })
})

test('records that do not fit are named by code and column, with an example and the owner', async () => {
  const place = await workspaceWith({
    'acme/lamps.csv': feed(...Array.from({ length: 60 }, (_, id) => row(id + 1, id === 7 ? 'twelve' : undefined))),
  })
  const { stdout } = await typed(['run', place])
  expect(stdout).toContain('Rows in error')
  expect(stdout).toMatch(/1 × \w+ in price {2}acme\/lamps, stage bronze, owner \S/)
  expect(stdout).toContain('e.g. SKU-8,Lamp 8,Acme,twelve')
})

describe('a file that cannot be a feed', () => {
  test('it fails with code, owner and way out, is a dead letter, and the good one beside it is published', async () => {
    const place = await workspaceWith({ 'acme/lamps.csv': clean, 'other/empty.csv': '' })
    const run = await document(RunDocument, ['run', place])
    expect(run.code).toBe(1)
    const states = run.document.deliveries.map(({ table, state }) => [table, state])
    expect(states).toContainEqual(['lamps', 'published'])
    expect(JSON.stringify(run.document)).toContain('FILE_EMPTY')

    const dead = await document(DeadLettersDocument, ['dead-letters', place])
    expect(dead.document.deadLetters).toMatchObject([{ code: 'FILE_EMPTY', state: 'open' }])
    const { id } = dead.document.deadLetters[0]!
    const text = await typed(['dead-letters', place])
    expect(text.stdout).toContain(`dead-letters ${place} replay ${id}`)

    const shown = await document(DeadLetterDocument, ['dead-letters', place, 'show', id])
    const { traceId, event } = shown.document.deadLetter
    expect(event).toMatchObject({ topic: 'feed.delivered' })
    expect((await typed(['dead-letters', place, 'show', id])).stdout).toMatch(
      new RegExp(
        `FILE_EMPTY[^]*owner[^]*trace +${traceId}[^]*before inspect\\n +called +filesystem.stat_file [^]*filesystem.inspect_file .* failed FILE_EMPTY\\n +message +feed.delivered`,
      ),
    )
    const discarded = await typed(['dead-letters', place, 'discard', id])
    expect(discarded.code).toBe(0)
    expect((await document(DeadLettersDocument, ['dead-letters', place])).document.deadLetters).toMatchObject([
      { id, state: 'discarded' },
    ])
  })
})

describe('a delivery that a person has to decide about', () => {
  // Two columns that could each be the product's name, which the standard requires.
  const rows = Array.from({ length: 30 }, (_, id) => `SKU-${id},Lamp ${id},A table lamp ${id},${id}.50`)
  const unsure = `${['sku,name,title,price', ...rows].join('\n')}\n`

  test('run ends with 3 and the exact command; that command and another run publish it', async () => {
    const place = await workspaceWith({ 'acme/things.csv': unsure })
    const run = await document(RunDocument, ['run', place])
    expect({ code: run.code, state: run.document.deliveries[0]?.state }).toEqual({ code: 3, state: 'waiting' })
    expect(run.document.deliveries[0]?.waitingFor).toHaveLength(
      run.document.approvals.filter(({ blocking }) => blocking).length,
    )

    const listed = await document(z.strictObject({ approvals: Approvals }), ['approvals', place])
    expect(listed.document.approvals).toEqual(run.document.approvals)
    const text = await typed(['approvals', place])
    for (const { id, blocking, suggested } of run.document.approvals) {
      const line = text.stdout.split('\n').find(words => words.includes(id))
      expect(line).toMatch(new RegExp(`aiworkflow approve ${place} ${id} --answer `))
      if (blocking) expect((await typed(['approve', place, id, '--answer', suggested, '--by', 'tester'])).code).toBe(0)
    }

    const resumed = await document(RunDocument, ['run', place])
    expect(resumed.document.deliveries[0]?.state).toBe('published')
    expect(resumed.document.deliveries[0]?.decisions.person).toBeGreaterThan(0)
    expect(resumed.code).toBe(0)
  })

  test('an answer that is no option is refused with those that are, and the question stays open', async () => {
    const place = await workspaceWith({ 'acme/things.csv': unsure })
    const { document: run } = await document(RunDocument, ['run', place])
    const { id } = run.approvals[0]!
    const refused = await typed(['approvals', 'approve', place, id, '--answer', 'whatever'])
    expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('Answer one of: ') })
    expect((await document(RunDocument, ['run', place])).document.approvals).toEqual(run.approvals)
  })
})

test('a feed contract comes out as ODCS, and a feed without one is an error that names those there are', async () => {
  const place = await workspaceWith({ 'acme/lamps.csv': clean })
  await typed(['run', place])
  const { code, stdout } = await typed(['contract', place, 'acme/lamps'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^apiVersion: v3\.1/m)
  expect(stdout).toMatch(/^kind: DataContract$/m)
  const missing = await typed(['contract', place, 'acme/lamp'])
  expect(missing).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('acme/lamps') })
})

test('up publishes a file that is dropped while it runs, and ends cleanly on SIGTERM', async () => {
  const place = await workspaceWith({})
  const running = startAiworkflow(['up', place])
  await land(place, 'acme/lamps.csv', clean)
  await running.says('✓ published  acme/lamps')
  expect(await running.stop()).toBe(0)
})

test('intake and the four agents, each a process of its own, publish a file together', async () => {
  const place = await workspaceWith({ 'acme/lamps.csv': clean })
  const processes = [['intake', place], ...agentNames.map(name => ['agent', name, place])].map(startAiworkflow)
  for (;;) {
    const { document: said } = await document(RunsDocument, ['runs', place])
    if (said.runs[0]?.state === 'published') break
    await delay(200)
  }
  expect(await Promise.all(processes.map(running => running.stop()))).toEqual([0, 0, 0, 0, 0])
})

test('a document larger than a pipe reaches a slow reader whole, and a reader that leaves early is no error', async () => {
  const place = await workspaceWith({})
  const query = `${launcher} query ${place} "SELECT i, repeat('x', 100) AS t FROM range(5000) r(i)" --limit 5000 --json`
  const { stdout } = await aiworkflow(['-c', `${query} | (sleep 1; cat)`], { program: '/bin/sh' })
  expect(QueryDocument.parse(JSON.parse(stdout)).rows).toHaveLength(5000)
  const cut = await aiworkflow(['-c', `${query} | head -c 10`], { program: '/bin/sh' })
  expect(cut).toEqual({ code: 0, stdout: '{"columns"', stderr: '' })
})

test('tools serves an MCP client on stdio, and stdout carries the protocol alone', async () => {
  const place = await workspaceWith({})
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(new StdioClientTransport({ command: launcher, args: ['tools', 'metadata', place, '--stdio'] }))
  const { tools } = await client.listTools()
  expect(tools.map(({ name }) => name)).toContain('get_standard')
  const answer = await client.callTool({ name: 'get_standard', arguments: {} })
  expect(answer.structuredContent).toMatchObject({ standard: { name: 'product' } })
  await client.close()
})
