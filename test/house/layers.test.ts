import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { importsOf, readSource } from '../../scripts/house/source.ts'
import { inspectHouse } from '../../scripts/house.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const house = join(repository, 'scripts/house.ts')
const folders: string[] = []

afterAll(() => Promise.all(folders.map(folder => rm(folder, { recursive: true, force: true }))))

async function tree(files: Record<string, string>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'house-'))
  folders.push(root)
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  return root
}

async function faults(files: Record<string, string>): Promise<string[]> {
  return (await inspectHouse(await tree(files))).map(({ path, message }) => `${path} ${message}`)
}

const good = {
  'contracts/chain.ts': "import { z } from 'zod'\nimport type { Feed } from './feed.ts'\nexport * from './feed.ts'\n",
  'bus/bus.ts': "import { chain } from '../contracts/chain.ts'\n",
  'bus/kafka.ts': "import { Kafka } from 'kafkajs'\n",
  'src/tools/host.ts': "import { bus } from '../../bus/bus.ts'\nimport { readFile } from 'node:fs/promises'\n",
  'src/cli/wire.ts': "import { planner } from '../../agents/planner/agent.ts'\n",
  'src/index.ts': "export { run } from './cli/run.ts'\n",
  'agents/planner/agent.ts': "import { host } from '../../src/tools/host.ts'\nimport './graph.ts'\n",
  'test/any.test.ts': "import { planner } from '../agents/planner/agent.ts'\nimport { Kafka } from 'kafkajs'\n",
}

describe('imports', () => {
  test('a tree whose imports go one way has nothing to mend', async () => {
    expect(await faults(good)).toEqual([])
  })

  test.each([
    ['contracts import a built-in module', 'contracts/a.ts', "import { readFile } from 'node:fs'", 'zod only'],
    ['contracts import a package', 'contracts/a.ts', "import x from 'yaml'", 'zod only'],
    [
      'contracts import the bus',
      'contracts/a.ts',
      "import { x } from '../bus/bus.ts'",
      'contracts may import contracts only',
    ],
    [
      'the bus imports a room',
      'bus/a.ts',
      "import type { X } from '../src/state/store.ts'",
      'bus may import contracts, bus only',
    ],
    [
      'a room imports an agent',
      'src/tools/a.ts',
      "export { x } from '../../agents/planner/agent.ts'",
      'let src/cli wire it',
    ],
    [
      'a room loads an agent later',
      'src/web/a.ts',
      "const x = await import('../../agents/planner/agent.ts')",
      'let src/cli wire it',
    ],
    ['the public API imports an agent', 'src/index.ts', "import '../agents/planner/agent.ts'", 'let src/cli wire it'],
    ['a room builds on the composer', 'src/tools/a.ts', "import { x } from '../cli/settings.ts'", 'src/cli composes'],
    [
      'an agent imports another',
      'agents/planner/a.ts',
      "import { x } from '../modeling/agent.ts'",
      'never imports another',
    ],
    ['a second importer of kafkajs', 'bus/lanes.ts', 'import { Kafka } from "kafkajs"', 'only bus/kafka.ts'],
    ['a product file imports a test', 'src/a.ts', "import { x } from '../test/support.ts'", 'without tests'],
    ['an import over many lines', 'bus/a.ts', "import {\n  x,\n  y,\n} from '../src/a.ts'", 'bus may import'],
    ['a type in an expression', 'bus/a.ts', "let x: import('../src/a.ts').X", 'bus may import'],
  ])('%s: refused, with what to do instead', async (_, path, text, words) => {
    const found = await faults({ ...good, [path]: `${text}\n` })
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(path)
    expect(found[0]).toContain(words)
  })

  test('an import that stands in a comment or a string is none', async () => {
    const text =
      "// import { x } from '../src/a.ts'\n/* import '../src/a.ts' */\nconst a = \"import '../src/a.ts'\"\nconst b = `from '../src/a.ts'`\n"
    expect(await faults({ 'bus/a.ts': text })).toEqual([])
  })
})

// Put together here so that this file does not hold what it forbids.
const join2 = (...parts: string[]) => parts.join('')

describe('bans', () => {
  test.each([
    ['unfinished work in a comment', join2('// TO', 'DO: later'), 'open an issue'],
    ['a skipped test', join2('test', ".skip('x', () => {})"), 'mend or delete the test'],
    ['a test that runs alone', join2('describe', ".concurrent.only('x', () => {})"), 'mend or delete the test'],
    ['a cast to any', join2('const x = y as', ' any'), 'use unknown'],
    ['a silenced type check', join2('// @ts', '-ignore'), 'mend the type'],
    ['an issue number in a comment', join2('// see #', '12'), 'say the reason itself'],
    ['a path of one machine', join2("const x = '/wo", "rk/main/a.ts'"), 'tmpdir()'],
    ['a home of one person', join2("const x = '/ro", "ot/.config'"), 'tmpdir()'],
    ['a word about how it was made', join2('// as in the walking ', 'skeleton'), 'is for the log'],
    ['a registry host', join2("const x = 'https://registry.", "npmjs.org/zod'"), 'package manager'],
  ])('%s: refused, with what to do instead', async (_, line, words) => {
    const found = await faults({ 'src/a.ts': `const first = 1\n${line}\n` })
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(words)
  })

  test.each([
    ['a colour', "const css = 'color: #123456'"],
    ['a private field', 'class A { #state = 1 }'],
    ['a conditional test', 'test.skipIf(!python)("x", () => {})'],
    ['a folder of that name inside a path', "const x = 'landing/work/a.csv'"],
    ['the banned words in a string', join2("const x = 'TO", "DO'")],
    ['a division after a bracket', 'const x = (a) / b // then / more'],
  ])('%s is no fault', async (_, line) => {
    expect(await faults({ 'src/a.ts': `${line}\n` })).toEqual([])
  })

  test('a file of 400 lines is whole, one of 401 is to be split', async () => {
    expect(await faults({ 'src/a.ts': 'x\n'.repeat(400) })).toEqual([])
    expect(await faults({ 'src/a.ts': 'x\n'.repeat(401) })).toEqual([
      'src/a.ts 401 lines, more than 400: split it, one idea a file',
    ])
  })

  test('what is delivered, generated or kept as evidence is not looked at', async () => {
    const line = join2('// TO', 'DO')
    const files = { 'test/fixtures/a.ts': line, 'examples/x/landing/a.ts': line, 'src/node_modules/a.ts': line }
    expect(await faults(files)).toEqual([])
  })
})

describe('the program', () => {
  const run = async (root: string) => {
    const done = promisify(execFile)(process.execPath, [house, root])
    return done.then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error: { code: number; stdout: string }) => error,
    )
  }

  test('a good tree: ends 0', async () => {
    expect((await run(await tree(good))).code).toBe(0)
  })

  test('a bad tree: prints file and line of every fault and ends 1', async () => {
    const root = await tree({ ...good, 'bus/a.ts': "const x = 1\n\nimport '../src/a.ts'\n" })
    const { code, stdout } = await run(root)
    expect(code).toBe(1)
    expect(stdout).toContain('bus/a.ts:3  ')
    expect(stdout).toContain('house: 1 to mend')
  })
})

describe('reading a source', () => {
  test('a quote inside a regular expression opens no string', () => {
    const source = readSource("const a = /['\"`]/.test(b)\nimport './c.ts'\n")
    expect(importsOf(source).map(found => found.specifier)).toEqual(['./c.ts'])
  })

  test('code inside a template is code, at every depth', () => {
    const { code } = readSource(join2('const a = `one $', '{two(`three $', '{four}`)} five`'))
    expect(code).toContain('two(')
    expect(code).toContain('four')
    expect(code).not.toMatch(/one|three|five/)
  })

  test('any text: the three readings have one length and the same lines, and none throws', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('`', '${', '}', '{', "'", '"', '/', '//', '/*', '*/', '\\', '\n', 'a', ' ', '(', ')')),
        parts => {
          const { text, code, comments } = readSource(parts.join(''))
          expect([code.length, comments.length]).toEqual([text.length, text.length])
          expect(code.split('\n').length).toBe(text.split('\n').length)
        },
      ),
    )
  })
})
