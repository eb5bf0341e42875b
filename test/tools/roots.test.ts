import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listFiles } from '../../src/tools/filesystem/list.ts'
import { createRoots } from '../../src/tools/filesystem/roots.ts'

const base = mkdtempSync(path.join(tmpdir(), 'roots-'))
const workspace = path.join(base, 'workspace')
const roots = createRoots(workspace, ['landing', '.aiworkflow/deliveries'])

beforeAll(() => {
  mkdirSync(path.join(workspace, 'landing/acme/deep'), { recursive: true })
  mkdirSync(path.join(workspace, '.aiworkflow/deliveries/d_1'), { recursive: true })
  mkdirSync(path.join(workspace, 'landing-secret'))
  mkdirSync(path.join(base, 'outside'))
  writeFileSync(path.join(workspace, 'landing/acme/products.csv'), 'sku\n1\n')
  writeFileSync(path.join(workspace, 'landing/acme/..odd..csv'), 'sku\n')
  writeFileSync(path.join(workspace, '.aiworkflow/deliveries/d_1/products.csv'), 'sku\n1\n')
  writeFileSync(path.join(workspace, '.aiworkflow/state.db'), 'secret')
  writeFileSync(path.join(workspace, 'landing-secret/keys.csv'), 'secret')
  writeFileSync(path.join(base, 'outside/keys.csv'), 'secret')
  symlinkSync('../../../outside/keys.csv', path.join(workspace, 'landing/acme/file-out.csv'))
  symlinkSync(path.join(base, 'outside'), path.join(workspace, 'landing/acme/folder-out'))
  symlinkSync(path.join(base, 'nothing'), path.join(workspace, 'landing/acme/dangling-out'))
  symlinkSync('../../.aiworkflow/state.db', path.join(workspace, 'landing/acme/state.csv'))
  symlinkSync('products.csv', path.join(workspace, 'landing/acme/same.csv'))
  symlinkSync('..', path.join(workspace, 'landing/acme/deep/loop'))
})
afterAll(() => rmSync(base, { recursive: true }))

const code = (relative: string) =>
  roots.resolve(relative).then(
    () => 'inside',
    (error: { code: string }) => error.code,
  )

describe('roots of the filesystem tools', () => {
  test.each([
    'landing/acme/products.csv',
    'landing/acme/..odd..csv',
    './landing//acme/products.csv',
    'landing/acme/same.csv',
    '.aiworkflow/deliveries/d_1/products.csv',
    'landing',
  ])('%j is inside', async relative => expect(await code(relative)).toBe('inside'))

  test.each([
    ['climbing', '../outside/keys.csv'],
    ['climbing and coming back', 'landing/../landing/acme/products.csv'],
    ['climbing with backslashes', 'landing\\..\\..\\outside\\keys.csv'],
    ['absolute', path.join(base, 'outside/keys.csv')],
    ['absolute though inside', path.join(workspace, 'landing/acme/products.csv')],
    ['a Windows drive', 'C:\\landing\\x.csv'],
    ['a NUL', 'landing/acme/products.csv\0.txt'],
    ['a neighbour of one name', 'landing-secret/keys.csv'],
    ['the state beside the deliveries', '.aiworkflow/state.db'],
    ['the workspace itself', '.'],
    ['nothing', ''],
    ['a link to a file outside', 'landing/acme/file-out.csv'],
    ['a file through a linked folder', 'landing/acme/folder-out/keys.csv'],
    ['nothing through a linked folder', 'landing/acme/folder-out/nothing.csv'],
    ['a link to nothing', 'landing/acme/dangling-out'],
    ['a link from a root to the state', 'landing/acme/state.csv'],
  ])('%s is PATH_OUTSIDE_ROOT', async (_, relative) => expect(await code(relative)).toBe('PATH_OUTSIDE_ROOT'))

  test.each(['landing/acme/%2e%2e/%2e%2e/x', 'landing/acme/nothing.csv', 'landing/acme/products.csv/x'])(
    '%j is inside and PATH_UNKNOWN: nothing is decoded',
    async relative => expect(await code(relative)).toBe('PATH_UNKNOWN'),
  )

  test('a folder is no file', async () => {
    await expect(roots.resolveFile('landing/acme')).rejects.toMatchObject({ code: 'PATH_UNKNOWN' })
  })

  test('whatever the text, what is handed on lies below a root', async () => {
    const part = fc.constantFrom(
      '..',
      '.',
      '',
      'landing',
      'acme',
      'folder-out',
      'deep',
      'loop',
      'keys.csv',
      'products.csv',
      '/',
      '\0',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 8 }), async parts => {
        const found = await roots.resolve(parts.join('/')).catch(() => undefined)
        return found === undefined || found.path.startsWith(path.join(workspace, 'landing'))
      }),
      { numRuns: 300 },
    )
  })

  test('a listing leaves out what leads outside, follows no loop and says when it is cut', async () => {
    const all = await listFiles(roots, '.', 100)
    expect(all).toMatchObject({ truncated: false })
    expect(all.files.map(file => file.path)).toEqual([
      'landing/acme/..odd..csv',
      'landing/acme/products.csv',
      'landing/acme/same.csv',
      '.aiworkflow/deliveries/d_1/products.csv',
    ])
    expect(await listFiles(roots, 'landing', 2)).toMatchObject({ truncated: true, files: { length: 2 } })
    await expect(listFiles(roots, 'landing/acme/folder-out', 9)).rejects.toMatchObject({ code: 'PATH_OUTSIDE_ROOT' })
  })
})
