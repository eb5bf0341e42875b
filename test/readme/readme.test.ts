/** What the README says is executed here, so that a newcomer never meets a command or a picture that is no longer true. */
import { spawnSync } from 'node:child_process'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commands } from '../../src/cli/commands/index.ts'
import { renderChain } from '../../src/cli/render/chain.ts'
import { promises } from '../promises.ts'

const root = join(import.meta.dirname, '../..')
const readme = await readFile(join(root, 'README.md'), 'utf8')

interface Block {
  readonly exitCode: number
  readonly script: string
}

/** Blocks after a comment `<!-- runs, exit N -->`: they run one after the other in one folder beside a copy of examples/. */
const blocks: Block[] = [...readme.matchAll(/<!-- runs, exit (\d) -->\n```sh\n([\s\S]*?)```/g)].map(
  ([, exitCode, script]) => ({
    exitCode: Number(exitCode),
    script: script!,
  }),
)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aiworkflow-readme-'))
  await cp(join(root, 'examples/product/landing'), join(folder, 'examples/product/landing'), { recursive: true })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('README', () => {
  test('there are commands to execute', () => expect(blocks.length).toBeGreaterThan(3))

  test.each(blocks)('$script ends with $exitCode', { timeout: 180_000 }, ({ script, exitCode }) => {
    const environment = { ...process.env, PATH: `${join(root, 'bin')}:${process.env['PATH']}` }
    const ended = spawnSync('sh', ['-euc', script], { cwd: folder, encoding: 'utf8', env: environment })
    expect(ended.status, `${ended.stdout}${ended.stderr}`).toBe(exitCode)
  })

  test('the picture is the one that the table of the chain gives', () => {
    expect(readme).toContain(`\`\`\`text\n${renderChain()}\n\`\`\``)
  })

  test.each(promises)('promise $id stands there as it is kept, with tests that cite it', async promise => {
    const row = readme.split('\n').find(line => new RegExp(`^\\| ${promise.id} +\\|`).test(line))
    expect(row).toContain(promise.text)
    if ('open' in promise) expect(row).toContain(promise.open)
    const files = [...row!.matchAll(/\]\((test\/[^)]+)\)/g)].map(([, file]) => file!)
    expect(files.length).toBeGreaterThan(0)
    for (const file of files) {
      const proven = 'provenBy' in promise && promise.provenBy.some(by => `test/${by.file}` === file)
      if (!proven) expect(await readFile(join(root, file), 'utf8')).toContain(`'${promise.id}'`)
    }
  })

  test('every command of the program is named, and no other', () => {
    const named = new Set([...readme.matchAll(/\baiworkflow ([a-z][a-z-]*)/g)].map(([, name]) => name))
    const known = Object.keys(commands)
    expect([...named].filter(name => !known.includes(name!) && readme.includes(`\`aiworkflow ${name}`))).toEqual([])
    expect(known.filter(name => !named.has(name))).toEqual([])
  })

  test('every file and folder that it points to is there', async () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target]) => target!)
    const missing = await Promise.all(
      links.map(target =>
        readFile(join(root, target)).then(
          () => [],
          error => (error.code === 'EISDIR' ? [] : [target]),
        ),
      ),
    )
    expect(missing.flat()).toEqual([])
  })

  test('it fits on a few screens', () => expect(readme.split('\n').length).toBeLessThanOrEqual(200))
})
