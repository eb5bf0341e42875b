/** What vendors send by mistake: each ends with a code, a sentence, an owner and a way out, and takes nothing else down with it. */
import { execFileSync } from 'node:child_process'
import { appendFile, mkdir, open, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import type { FailureCode } from '../../contracts/failures.ts'
import type { Catalog } from '../../src/catalog/catalog.ts'
import { type RunSummary, runOnce } from '../../src/cli/chain.ts'
import { keeps } from '../promises.ts'
import { csv, deliveryOf, products, rowsOf, setting, statesOf, workspaceWith } from './support.ts'
import { type TestWorkspace, unbalanced } from './workspace.ts'

const good = 'acme/products-2026-01-10.csv'

/** What came of a file that went wrong, wherever it went wrong. */
function troubleWith(summary: RunSummary, file: string) {
  const early = summary.errors.find(error => error.file === file)
  return early ?? summary.deliveries.find(delivery => delivery.file === file && delivery.state === 'failed')?.failure
}

describe('a landing folder with one good file and every bad one there is', () => {
  const bytes: Record<string, readonly [content: Uint8Array | string, codes: readonly FailureCode[]]> = {
    'empty/products.csv': ['', ['FILE_EMPTY']],
    'blank/products.csv': ['\n\n  \n', ['FILE_EMPTY', 'FILE_HEADER_ONLY']],
    'binary/products.csv': [Uint8Array.from({ length: 4096 }, (_, at) => (at * 7919) % 256), ['FILE_BINARY']],
    'zip/products.csv': [Buffer.from('504b0304140000000800', 'hex'), ['FILE_BINARY', 'FILE_FORMAT_UNKNOWN']],
    'cutoff/products.csv.gz': [gzipSync(csv(products(1, 5000))).subarray(0, 9000), ['FILE_COMPRESSION_BROKEN']],
    'nogzip/products.csv.gz': [Buffer.from('1f8b0800ffffffffffff', 'hex'), ['FILE_COMPRESSION_BROKEN']],
    'header/products.csv': ['sku,title,price\n', ['FILE_HEADER_ONLY']],
    'twice/products.csv': [
      csv(products(1, 30)).replace('sku,title,price', 'sku,title,title'),
      ['FILE_COLUMNS_AMBIGUOUS'],
    ],
    'nothing/products.json': ['[]', ['FILE_EMPTY', 'FILE_HEADER_ONLY']],
    'cutoff/products.json': [JSON.stringify(products(1, 30)).slice(0, -20), ['FILE_FORMAT_UNKNOWN']],
    '---/2026.csv': [csv(products(1, 30)), ['FEED_KEY_INVALID']],
  }
  let workspace: TestWorkspace
  let summary: RunSummary

  beforeAll(async () => {
    workspace = await workspaceWith({ [good]: csv(products(1, 30)) })
    for (const [file, [content]] of Object.entries(bytes)) await workspace.land(file, content)
    const landing = join(workspace.dir, 'landing')
    await writeFile(join(workspace.dir, 'secret.csv'), csv(products(1, 30)))
    for (const vendor of ['outside', 'dangling', 'loop', 'fifo', 'folder']) await mkdir(join(landing, vendor))
    await symlink(join(workspace.dir, 'secret.csv'), join(landing, 'outside/products.csv'))
    await symlink(join(workspace.dir, 'not there'), join(landing, 'dangling/products.csv'))
    await symlink('products.csv', join(landing, 'loop/products.csv'))
    execFileSync('mkfifo', [join(landing, 'fifo/products.csv')])
    await mkdir(join(landing, 'folder/products.csv'))
    summary = await workspace.run()
  }, 120_000)

  keeps('P1', 'P3')('publishes the good file, whole', () => {
    expect(deliveryOf(summary, good)).toMatchObject({ state: 'published', rowsRead: 30, rowsPublished: 30 })
    expect(unbalanced(summary)).toEqual([])
    expect(rowsOf(summary, 'product_core.product')).toBe(30)
  })

  const cases: [file: string, codes: readonly FailureCode[]][] = [
    ...Object.entries(bytes).map(([file, [, codes]]): [string, readonly FailureCode[]] => [file, codes]),
    ['outside/products.csv', ['PATH_OUTSIDE_ROOT']],
    ['dangling/products.csv', ['FILE_VANISHED']],
    ['loop/products.csv', ['PATH_OUTSIDE_ROOT']],
    ['fifo/products.csv', ['FILE_UNREADABLE']],
  ]
  test.each(cases)('P1: %s ends with one of %j, a sentence, an owner and a way out', (file, codes) => {
    const trouble = troubleWith(summary, file)
    expect(trouble, JSON.stringify(statesOf(summary))).toBeDefined()
    expect(codes).toContain(trouble?.code)
    expect(trouble?.message).toMatch(/\w.*\.$/s)
    expect(trouble?.owner).not.toBe('')
    expect(trouble?.wayOut).toMatch(/\w{3}/)
  })

  keeps('P11')('says of a path outside only that it is outside: nothing of the file behind it is read', () => {
    expect(JSON.stringify(troubleWith(summary, 'outside/products.csv'))).not.toContain('Lamp')
    expect(rowsOf(summary, 'product_raw.outside_products')).toBeUndefined()
  })

  keeps('P3')('keeps a dead letter for each delivery that failed, and the bus has none', async () => {
    const failed = summary.deliveries.filter(({ state }) => state === 'failed')
    const letters = await workspace.with(({ stores }) => stores.deadLetters.all())
    expect(letters.map(({ id }) => id).sort()).toEqual(failed.map(({ runId }) => runId).sort())
    expect(await workspace.with(({ bus }) => bus.deadLetters())).toEqual([])
  })

  keeps('P2')('a second run says the same of every bad file and publishes nothing twice', async () => {
    const again = await workspace.run()
    expect(again.tables).toEqual(summary.tables)
    for (const [file] of cases) expect(troubleWith(again, file)?.code, file).toBe(troubleWith(summary, file)?.code)
  })
})

describe('a file that does not stand still', () => {
  const growing = 'bolt/lamps-2026-01-10.csv'

  keeps('P1', 'P3')(
    'still written while a run looks: not taken, said so, others published; taken whole by the run after',
    async () => {
      const workspace = await workspaceWith({ [good]: csv(products(1, 30)) })
      await workspace.edit('policies/discovery.yaml', setting('settleMs', 300))
      const target = join(workspace.dir, 'landing', growing)
      await mkdir(dirname(target), { recursive: true })
      const [header = '', ...lines] = csv(products(1, 400)).trimEnd().split('\n')
      await writeFile(target, `${header}\n`)
      const writing = setInterval(() => void appendFile(target, `${lines.shift()}\n`), 20)
      const summary = await workspace.run().finally(() => clearInterval(writing))
      expect(summary.errors).toEqual([expect.objectContaining({ file: growing, code: 'FILE_CHANGING' })])
      expect(statesOf(summary)).toEqual({ [good]: 'published' })

      await appendFile(target, lines.map(line => `${line}\n`).join(''))
      const after = await workspace.run()
      expect(deliveryOf(after, growing)).toMatchObject({ state: 'published', rowsRead: 400, rowsPublished: 400 })
    },
  )

  keeps('P3', 'P5')(
    'a later file of the same feed waits behind it, and both are taken in the order of their names',
    async () => {
      const later = 'bolt/lamps-2026-01-17.csv'
      const workspace = await workspaceWith({ [good]: csv(products(1, 30)), [later]: csv(products(1, 20)) })
      await workspace.edit('policies/discovery.yaml', setting('settleMs', 1_000))
      const target = join(workspace.dir, 'landing', growing)
      await writeFile(target, csv(products(1, 5)))
      const writing = setInterval(() => void appendFile(target, '\n'), 20)
      const summary = await workspace.run().finally(() => clearInterval(writing))
      expect(statesOf(summary)).toEqual({ [good]: 'published' })
      expect(summary.errors.map(({ file, code }) => [file, code]).sort()).toEqual([
        [growing, 'FILE_CHANGING'],
        [later, 'FILE_CHANGING'],
      ])
      expect(summary.errors.find(({ file }) => file === later)?.message).toContain(growing)

      const after = await workspace.run()
      expect(statesOf(after)).toMatchObject({ [growing]: 'published', [later]: 'published' })
      const runs = await workspace.with(({ stores }) => stores.runs.all())
      const arrivals = new Map(runs.map(({ delivery }) => [delivery.file, delivery.receivedAt]))
      expect((arrivals.get(growing) ?? '') < (arrivals.get(later) ?? '')).toBe(true)
    },
  )

  keeps('P1', 'P3')(
    'gone between the look and the take: an entry in errors, others published, loaded when it is back',
    async () => {
      const workspace = await workspaceWith({ [good]: csv(products(1, 30)), [growing]: csv(products(1, 25)) })
      const target = join(workspace.dir, 'landing', growing)
      // The intake asks policy how long a file must stand still after it has seen the file and before it takes it.
      const vanishing = (catalog: Catalog): Catalog =>
        new Proxy(catalog, {
          get: (object, key) => {
            const value: unknown = Reflect.get(object, key)
            if (typeof value !== 'function') return value
            return async (...args: unknown[]) => {
              if (key === 'policies' && looking) await rm(target, { force: true })
              return Reflect.apply(value, object, args)
            }
          },
        })
      let looking = false
      const summary = await workspace.with(
        async place => {
          looking = true
          return runOnce(place)
        },
        { catalog: vanishing },
      )
      expect(summary.errors).toEqual([expect.objectContaining({ file: growing, code: 'FILE_VANISHED' })])
      expect(statesOf(summary)).toEqual({ [good]: 'published' })
      await workspace.land(growing, csv(products(1, 25)))
      expect(deliveryOf(await workspace.run(), growing)).toMatchObject({ state: 'published', rowsPublished: 25 })
    },
  )

  keeps('P1')('in landing as a link to a folder: said, not followed', async () => {
    const workspace = await workspaceWith({ [good]: csv(products(1, 30)) })
    await symlink(workspace.dir, join(workspace.dir, 'landing/round'))
    const summary = await workspace.run()
    expect(summary.errors).toEqual([expect.objectContaining({ file: 'round', code: 'PATH_OUTSIDE_ROOT' })])
  })
})

describe('one line of 100 MB', () => {
  const megabyte = Buffer.alloc(1 << 20, 'abcdefg ')
  const long = 'bolt/lamps-2026-01-10.csv'
  const writeLine = async (workspace: TestWorkspace, before: string, after: string) => {
    await workspace.land(long, before)
    const file = await open(join(workspace.dir, 'landing', long), 'a')
    for (let written = 0; written < 100; written += 1) await file.write(megabyte)
    await file.write(after)
    const quiet = new Date(Date.now() - 3_600_000)
    await file.utimes(quiet, quiet)
    await file.close()
  }

  keeps('P1', 'P3')(
    'that is the whole file: the delivery fails as too long a record, the others are published',
    async () => {
      const workspace = await workspaceWith({ [good]: csv(products(1, 30)) })
      await writeLine(workspace, '', '')
      const summary = await workspace.run()
      expect(troubleWith(summary, long)).toMatchObject({ code: 'FILE_RECORD_TOO_LONG' })
      expect(deliveryOf(summary, good).state).toBe('published')
    },
    120_000,
  )

  keeps('P1', 'P3')(
    'in the middle of good records: failed or in error, never loaded as something else, never lost',
    async () => {
      const workspace = await workspaceWith({ [good]: csv(products(1, 30)) })
      const [head, tail] = [csv(products(1, 30)), `,9.50\n${csv(products(31, 60)).split('\n').slice(1).join('\n')}`]
      await writeLine(workspace, `${head}09999,`, tail)
      const summary = await workspace.run()
      expect(deliveryOf(summary, good).state).toBe('published')
      const trouble = troubleWith(summary, long)
      if (trouble) expect(trouble.code).toBe('FILE_RECORD_TOO_LONG')
      else expect(deliveryOf(summary, long)).toMatchObject({ rowsRead: 61, rowsInError: 1, rowsLoaded: 60 })
      expect(unbalanced(summary)).toEqual([])
    },
    120_000,
  )
})
