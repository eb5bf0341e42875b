import { readFile, realpath, stat } from 'node:fs/promises'
import { relative, sep } from 'node:path'
import { Failure } from '../../contracts/failures.ts'

/** Two writes this close may carry one time stamp, so a file younger than this is not trusted to look different when it changes. */
const settledMs = 200

interface Entry {
  readonly stamp: string
  readonly value: unknown
}

/** Files read and parsed once per change: a file with the inode, size and time it had is not read again. */
export class DocumentCache {
  readonly #root: string
  readonly #entries = new Map<string, Entry>()

  constructor(root: string) {
    this.#root = root
  }

  /** The parsed file, frozen since it is shared; undefined where it is not there. `name` is what people call it. */
  async read<T>(file: string, parse: (text: string, name: string) => T): Promise<T | undefined> {
    const found = await missingAsUndefined(stat(file, { bigint: true }))
    if (!found) {
      this.#entries.delete(file)
      return undefined
    }
    const stamp = `${found.ino}:${found.size}:${found.mtimeNs}`
    const entry = this.#entries.get(file)
    if (entry?.stamp === stamp) return entry.value as T
    await this.#assertInside(file)
    const value = freeze(parse(await readFile(file, 'utf8'), this.name(file)))
    if (Date.now() - Number(found.mtimeMs) > settledMs) this.#entries.set(file, { stamp, value })
    return value
  }

  /** A file as people know it: `catalog/rules/quality.yaml`. */
  name(file: string): string {
    return ['catalog', ...relative(this.#root, file).split(sep)].join('/')
  }

  /** A link inside the catalog may not lead out of it. */
  async #assertInside(file: string): Promise<void> {
    const [root, real] = await Promise.all([realpath(this.#root), realpath(file)])
    if (!real.startsWith(root + sep)) {
      throw new Failure('PATH_OUTSIDE_ROOT', `${this.name(file)} is a link that leads out of the catalog`)
    }
  }
}

export async function missingAsUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

export function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) freeze(inner)
  return Object.freeze(value)
}
