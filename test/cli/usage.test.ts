import { symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { commands } from '../../src/cli/commands/index.ts'
import { aiworkflow, document, launcher, temporaryFolder, typed } from './process.ts'

const ErrorDocument = z.strictObject({
  error: z.strictObject({ code: z.string(), message: z.string(), wayOut: z.string(), owner: z.string().optional() }),
})

describe('help', () => {
  test('--help names every command and every exit code', async () => {
    const { code, stdout, stderr } = await typed(['--help'])
    expect(code).toBe(0)
    expect(stderr).toBe('')
    for (const name of Object.keys(commands)) expect(stdout).toContain(`\n  ${name} `)
    expect(stdout).toContain('0 done, 1 failed, 2 wrong usage, 3 waiting for people')
  })

  test.each(Object.keys(commands))('%s --help says how it is typed', async name => {
    const { code, stdout, stderr } = await typed([name, '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^Usage: aiworkflow ${name}\\b`))
  })

  test('--version is the version of the package, as text and as a document', async () => {
    const { document: said } = await document(z.strictObject({ version: z.string() }), ['--version'])
    expect((await typed(['--version'])).stdout).toBe(`${said.version}\n`)
  })
})

describe('wrong usage ends with 2, says what was meant, and begins nothing', () => {
  test.each([
    [['rnu'], 'There is no command rnu; did you mean run?'],
    [['run', '--jsn'], 'There is no option --jsn; did you mean --json?'],
    [['run', 'a', 'b'], 'Expected [DIR], found a b.'],
    [['query'], 'Expected [DIR] "SQL", found nothing.'],
    [['query', 'SELECT 1', '--limit', 'all'], '--limit takes a whole number above zero'],
    [['approvals', '.', 'aprove', 'a_1'], 'did you mean approve?'],
    [['decisions', '--step', 'guess'], 'guess is no step of the ladder.'],
    [['agent', 'plannr'], 'There is no agent plannr; did you mean planner?'],
    [['tools', 'metadata'], '--stdio'],
    [['tools', 'meta', '--stdio'], 'There is no tool server meta'],
    [['init'], 'init takes one folder'],
    [['--colour'], 'There is no option --colour.'],
  ])('%j', async (words, message) => {
    const { code, stdout, stderr } = await typed(words)
    expect(stderr).toContain(message)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  test('a setting that cannot be is wrong usage too', async () => {
    const { code, stderr } = await typed(['runs', '--engine', 'duckbd'])
    expect(code).toBe(2)
    expect(stderr).toContain('expected auto, duckdb or spark')
  })
})

describe('--json on failure', () => {
  test.each([
    [['rnu'], 2, 'USAGE'],
    [['run', '/nowhere/at/all'], 1, 'PATH_UNKNOWN'],
    [['query', tmpdir(), 'SELECT 1'], 1, 'CATALOG_MISSING'],
  ])('%j prints one document with code, message and way out, and nothing else', async (words, exitCode, errorCode) => {
    const { code, document: said, stderr } = await document(ErrorDocument, words)
    expect({ code, errorCode: said.error.code, stderr }).toEqual({ code: exitCode, errorCode, stderr: '' })
  })
})

test('as a process: the document alone on stdout, the exit code beside it', async () => {
  const { code, stdout, stderr } = await aiworkflow(['run', '/nowhere/at/all', '--json'])
  expect(ErrorDocument.parse(JSON.parse(stdout)).error.code).toBe('PATH_UNKNOWN')
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
})

test('the launcher finds its home through links, from any folder', async () => {
  const folder = await temporaryFolder()
  await symlink(launcher, join(folder, 'direct'))
  await symlink('direct', join(folder, 'linked'))
  const { code, stdout } = await aiworkflow(['--version'], { cwd: '/', program: join(folder, 'linked') })
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
})

test('init makes a workspace, and a second init changes nothing', async () => {
  const Made = z.strictObject({ directory: z.string(), created: z.array(z.string()), kept: z.array(z.string()) })
  const folder = join(await temporaryFolder(), 'shop')
  const first = await document(Made, ['init', folder])
  expect(first.document.created).toEqual(expect.arrayContaining(['aiworkflow.yaml', 'catalog/vendors.yaml']))
  const second = await document(Made, ['init', folder])
  expect(second.document).toEqual({ directory: folder, created: [], kept: first.document.created })
})
