/** The product mart in three calls, as the example's own program: with a scripted model, without one, and killed on the way. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { runOnce } from '../../src/cli/chain.ts'
import { orphans } from '../../src/telemetry/orphans.ts'
import { remainsOf } from '../chaos/remains.ts'
import { csv, products } from '../flow/support.ts'
import { openTestWorkspace, type TestWorkspace, testWorkspace } from '../flow/workspace.ts'
import { keeps } from '../promises.ts'
import { type ModelServer, startModelServer } from '../rig/model.ts'
import { compliant } from '../rig/workflow-model.ts'

const minutes = 60_000
const program = join(import.meta.dirname, '../../examples/product/workflow.ts')
const bad = `${csv(products(50, 60))}0999,"never closed,1\n`
const landed = {
  'acme/lamps-2026-01-01.csv': csv(products(1, 20)),
  'bolt/nuts-2026-01-01.csv': csv(products(30, 45)),
  'cord/cables-2026-01-01.csv': bad,
}

const closers: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

async function fresh(): Promise<TestWorkspace> {
  const workspace = await testWorkspace(landed)
  closers.push(workspace.remove)
  return workspace
}

async function scripted(): Promise<ModelServer> {
  const server = await startModelServer(compliant)
  closers.push(server.close)
  return server
}

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function start(
  dir: string,
  environment: Readonly<Record<string, string>>,
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, dir], {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', text => {
    out += text
  })
  child.stderr?.setEncoding('utf8').on('data', text => {
    err += text
  })
  return { child, ended: once(child, 'close').then(([code]) => ({ code, out, err })) }
}

const withModel = (server: ModelServer, more: Readonly<Record<string, string>> = {}) => ({
  AIWORKFLOW_MODEL: 'openai:gpt-5.1',
  AIWORKFLOW_MODEL_URL: server.url,
  AIWORKFLOW_MODEL_KEY: 'sk-test-0123456789abcdef0123',
  ...more,
})

const tablesOf = (workspace: TestWorkspace) => workspace.with(remainsOf)

/** The three runs of execute() by what the program said of them. */
const runsIn = ({ err }: Ended): string[] => [...err.matchAll(/aiworkflow trace (w_\w+)/g)].map(([, run = '']) => run)

describe('the product mart in three calls', () => {
  test(
    'gives the tables of the chain for the feeds that the example ships',
    async () => {
      const shipped = join(import.meta.dirname, '../../examples/product/landing')
      const paths = (await readdir(shipped, { recursive: true, withFileTypes: true })).filter(each => each.isFile())
      const files = Object.fromEntries(
        await Promise.all(
          paths.map(async ({ parentPath, name }) => {
            const file = join(parentPath, name)
            return [relative(shipped, file), await readFile(file)] as const
          }),
        ),
      )
      const [chain, modelled] = [await testWorkspace(files), await testWorkspace(files)]
      closers.push(chain.remove, modelled.remove)
      await chain.with(workspace => runOnce(workspace))
      const by = await start(modelled.dir, withModel(await scripted())).ended
      expect(by, by.err).toMatchObject({ code: 0 })
      // One of them waits for a person in both: what a waiting run keeps is its own.
      expect((await tablesOf(modelled)).things).toEqual((await tablesOf(chain)).things)
    },
    5 * minutes,
  )

  test(
    'gives the tables that the chain gives, with a model and without one',
    async () => {
      const [chain, bare, modelled] = [await fresh(), await fresh(), await fresh()]
      await chain.with(workspace => runOnce(workspace))
      const expected = await tablesOf(chain)
      const without = await start(bare.dir, {}).ended
      expect(without, without.err).toMatchObject({ code: 0 })
      expect(without.err).toContain('what its prompt says had no effect')
      expect(await tablesOf(bare)).toEqual(expected)

      const server = await scripted()
      const by = await start(modelled.dir, withModel(server)).ended
      expect(by, by.err).toMatchObject({ code: 0 })
      expect(by.out).toEqual(without.out)
      expect(await tablesOf(modelled)).toEqual(expected)
      expect(by.err).toContain('Withheld from the model')

      // Once more, nothing is asked.
      const paid = server.paid
      const again = await start(modelled.dir, withModel(server)).ended
      expect(again).toMatchObject({ code: 0, out: by.out })
      expect(server.paid).toBe(paid)

      await modelled.with(async ({ telemetry: { journal } }) => {
        const names: string[][] = []
        for (const run of runsIn(by)) {
          const spans = journal.spansOfRun(run)
          expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1)
          expect(orphans(journal.spansOf(spans[0]!.traceId))).toEqual([])
          names.push(spans.map(({ name }) => name).filter(name => /^(invoke|node prompt|chat|execute_tool)/.test(name)))
        }
        expect(names).toEqual([
          [
            'invoke_workflow discover_vendor_feeds',
            'invoke_agent discover_vendor_feeds',
            'node prompt',
            'chat gpt-5.1',
            'execute_tool filesystem.list_files',
            'chat gpt-5.1',
            ...Object.keys(landed).map(() => 'execute_tool filesystem.inspect_file'),
            'chat gpt-5.1',
          ],
          [
            'invoke_workflow build_bronze_layer',
            'invoke_agent build_bronze_layer',
            'node prompt',
            'chat gpt-5.1',
            'execute_tool skills.build_bronze',
            'chat gpt-5.1',
            'execute_tool lakehouse.query',
            'chat gpt-5.1',
          ],
          [
            'invoke_workflow build_product_core',
            'invoke_agent build_product_core',
            'node prompt',
            'chat gpt-5.1',
            'execute_tool metadata.get_standard',
            'chat gpt-5.1',
            'execute_tool skills.build_core',
            'chat gpt-5.1',
            'execute_tool lakehouse.query',
            'chat gpt-5.1',
          ],
        ])
        const kept = JSON.stringify(journal.traces({ limit: 1_000 }).map(({ traceId }) => journal.spansOf(traceId)))
        expect(kept).not.toContain('sk-test-')
      })
    },
    5 * minutes,
  )

  keeps('P2', 'P4', 'P8')(
    'killed anywhere and started again: no call is paid twice, and the tables are the same',
    async () => {
      const unharmed = await fresh()
      const server = await scripted()
      const whole = await start(unharmed.dir, withModel(server)).ended
      expect(whole, whole.err).toMatchObject({ code: 0 })
      const expected = await tablesOf(unharmed)
      const calls = server.paid

      const workspace = await fresh()
      // This provider knows a call that comes again, so that asking once more is right and costs nothing.
      await workspace.edit('policies/model.yaml', text => text.replace('unknownOutcome: ask', 'unknownOutcome: again'))
      const killed = await scripted()
      killed.idempotent = true
      let kills = 0
      // Every answer is followed by a death: at once, some time into what comes of it, or when the next question has left.
      while (true) {
        const { child, ended } = start(workspace.dir, withModel(killed))
        let isAnswered = false
        killed.script = async (body, call) => {
          if (killed.paid === calls) return compliant(body, call)
          if (isAnswered) {
            child.kill('SIGKILL')
            await ended
            return { status: 503 }
          }
          isAnswered = true
          const waitMs = [2, 12, 60, 300, 60_000][kills % 5]!
          setTimeout(() => child.kill('SIGKILL'), waitMs).unref()
          return compliant(body, call)
        }
        const { code, err } = await ended
        if (code === 0) break
        expect(code, err).toBe(null)
        kills += 1
        expect(kills).toBeLessThan(60)
      }
      expect(kills).toBeGreaterThanOrEqual(calls - 1)
      const questions = new Set(killed.asked.map(({ messages }) => JSON.stringify(messages)))
      expect(killed.paid, [...questions].join('\n')).toBe(calls)
      expect(await tablesOf(workspace)).toEqual(expected)
    },
    8 * minutes,
  )

  test(
    'killed while a call is under way: it is not made again unless policy says so',
    async () => {
      const workspace = await fresh()
      const server = await scripted()
      server.script = async (body, call) => {
        if (call === 2) await delay(60_000, undefined, { ref: false })
        return compliant(body, call)
      }
      const { child, ended } = start(workspace.dir, withModel(server))
      while (server.asked.length < 2) await delay(10)
      child.kill('SIGKILL')
      await ended
      server.script = compliant
      const refused = await start(workspace.dir, withModel(server)).ended
      expect(refused.code).toBe(1)
      expect(refused.err).toContain('MODEL_UNANSWERED')
      expect(server.asked).toHaveLength(2)
      await workspace.edit('policies/model.yaml', text => text.replace('unknownOutcome: ask', 'unknownOutcome: again'))
      const through = await start(workspace.dir, withModel(server)).ended
      expect(through, through.err).toMatchObject({ code: 0 })
    },
    3 * minutes,
  )
})

test(
  'a workspace that was run by the chain is what the example works on, too',
  async () => {
    const workspace = await fresh()
    await openTestWorkspace(workspace.dir).run()
    const { out, code } = await start(workspace.dir, {}).ended
    expect(code).toBe(0)
    expect(out).toContain('product_raw.acme_lamps: 20 rows, 0 records in error')
  },
  minutes,
)
