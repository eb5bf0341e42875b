/** Every promise has a test that could fail, or says that it is open; a test that is skipped proves nothing. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { type ProductPromise, promises } from './promises.ts'

const all: readonly ProductPromise[] = promises
let texts: Map<string, string>

beforeAll(async () => {
  const entries = await readdir(import.meta.dirname, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile() && entry.name.endsWith('.test.ts'))
  const read = files.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name)
    return [path.slice(import.meta.dirname.length + 1), await readFile(path, 'utf8')] as const
  })
  texts = new Map(await Promise.all(read))
})

/** The tests that cite a promise: by `keeps`, or by its id at the start of a name. */
function citations(id: string): string[] {
  const call = new RegExp(
    `^\\s*(keeps\\([^)]*'${id}'[^)]*\\)|test(\\.each\\([^)]*\\))?\\(\\s*[\`'"](P\\d+ )*${id}[: ])`,
    'gm',
  )
  return [...texts].flatMap(([file, text]) => [...text.matchAll(call)].map(() => file))
}

test('the promises are P1 to P12, in order', () => {
  expect(all.map(({ id }) => id)).toEqual(Array.from({ length: 12 }, (_, at) => `P${at + 1}`))
})

test.each(all)(
  '$id has a test that would notice its breaking, or is open and says why',
  ({ id, provenBy = [], open }) => {
    for (const { file, name } of provenBy) {
      expect(texts.get(file), `${file} is gone`).toBeDefined()
      expect(texts.get(file), `${file} has no test named ${name}`).toContain(name)
    }
    const proofs = [...citations(id), ...provenBy]
    if (open === undefined) expect(proofs.length).toBeGreaterThan(0)
    else expect(open).toMatch(/\w{3}.*\.$/)
  },
)

test('no test that cites a promise is switched off', () => {
  const off = [...texts].flatMap(([file, text]) =>
    /\b(test|describe|it)\.(skip|todo|only)\b/.test(text) && file !== 'promises.test.ts' ? [file] : [],
  )
  expect(off.filter(file => /\bkeeps\(/.test(texts.get(file) ?? ''))).toEqual([])
})
