import { access, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FileCatalog } from '../../src/catalog/files.ts'
import { scaffoldWorkspace } from '../../src/catalog/scaffold.ts'
import { readSettings } from '../../src/cli/settings.ts'
import { folderWith } from './documents.ts'

test('a new workspace is one that runs: settings, catalog, landing and prompts', async () => {
  const directory = await folderWith()
  const { created, kept } = await scaffoldWorkspace(directory)
  expect(kept).toEqual([])
  expect(created).toEqual(
    expect.arrayContaining(['aiworkflow.yaml', 'catalog/vendors.yaml', 'prompts/README.md', '.gitignore']),
  )
  await access(join(directory, 'landing'))
  const settings = await readSettings({ directory })
  const catalog = new FileCatalog(settings.metadata.kind === 'files' ? settings.metadata.path : '')
  expect((await catalog.standard()).key).toEqual(['product_id'])
  expect((await catalog.rules()).checks.length).toBeGreaterThan(0)
  expect(await catalog.policies()).toBeDefined()
  expect((await catalog.vendors()).vendors).toEqual({})
})

test('what is there stands as it was, and what is missing is added', async () => {
  const directory = await folderWith({ 'aiworkflow.yaml': 'engine: duckdb\n' })
  const first = await scaffoldWorkspace(directory)
  expect(first.kept).toEqual(['aiworkflow.yaml'])
  await writeFile(join(directory, 'catalog/vendors.yaml'), 'mine')
  const second = await scaffoldWorkspace(directory)
  expect(second.created).toEqual([])
  expect(await readFile(join(directory, 'aiworkflow.yaml'), 'utf8')).toBe('engine: duckdb\n')
  expect(await readFile(join(directory, 'catalog/vendors.yaml'), 'utf8')).toBe('mine')
})
