import type { Stats } from 'node:fs'
import { lstat, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { Failure } from '../../../contracts/failures.ts'

/**
 * Which files the filesystem tools may touch.
 *
 * A path in a tool call is text of one form: relative to the workspace, `/` between its parts, no `..`. It is judged twice: as
 * text, before anything is looked up, and again after every link on the way is resolved, so that a link inside a root cannot
 * lead out of it. The path handed on is the resolved one. A refusal is always PATH_OUTSIDE_ROOT and is the same whether or not
 * the other end of a link exists: a caller learns nothing about files elsewhere.
 */
export interface Roots {
  readonly workspace: string
  /** Folders below the workspace, as given. */
  readonly folders: readonly string[]
  /** An existing file or folder inside a root, links resolved. */
  resolve(relative: string): Promise<Inside>
  /** The same for a regular file. */
  resolveFile(relative: string): Promise<Inside>
}

export interface Inside {
  /** Absolute, free of links. */
  readonly path: string
  /** As called: below the workspace, normalized. */
  readonly relative: string
  readonly stats: Stats
}

/** @param folders the roots, each below the workspace (`landing`, `.aiworkflow/deliveries`); they need not exist yet. */
export function createRoots(workspace: string, folders: readonly string[]): Roots {
  const outside = (relative: string, why: string) =>
    new Failure(
      'PATH_OUTSIDE_ROOT',
      `${JSON.stringify(relative)} is refused: ${why}. Readable are ${folders.join(', ')}.`,
    )

  /** Whether a path that is free of links lies in a root. */
  const holds = async (resolved: string) => {
    for (const folder of folders) {
      const root = await realpath(path.join(workspace, folder)).catch(() => undefined)
      if (root !== undefined && isWithin(root, resolved)) return true
    }
    return false
  }

  const resolve = async (relative: string): Promise<Inside> => {
    const refusal = textRefusal(relative)
    if (refusal !== undefined) throw outside(relative, refusal)
    const normalized = path.posix.normalize(relative).replace(/\/$/, '')
    const folder = folders.find(root => isWithin(root, normalized))
    if (folder === undefined) throw outside(relative, 'it is in none of the roots')
    try {
      const resolved = await realpath(path.join(workspace, normalized))
      if (!(await holds(resolved))) throw outside(relative, 'a link leads outside')
      return { path: resolved, relative: normalized, stats: await stat(resolved) }
    } catch (error) {
      if (error instanceof Failure) throw error
      if (await crossesLink(workspace, folder, normalized))
        throw outside(relative, 'a link leads to nothing that is inside')
      throw unreachable(relative, error)
    }
  }

  const resolveFile = async (relative: string) => {
    const found = await resolve(relative)
    // A pipe or a device would make a reader wait for ever.
    if (!found.stats.isFile()) throw new Failure('PATH_UNKNOWN', `${relative} is not a file.`)
    return found
  }

  return { workspace, folders, resolve, resolveFile }
}

/** Why a path is refused by its text alone. */
function textRefusal(relative: string): string | undefined {
  if (relative.includes('\0')) return 'it holds a NUL character'
  if (path.posix.isAbsolute(relative) || path.win32.isAbsolute(relative)) return 'it is absolute'
  if (relative.split(/[/\\]/).includes('..')) return 'it climbs with ..'
  return undefined
}

function isWithin(root: string, inner: string): boolean {
  const way = path.relative(root, inner)
  return way !== '..' && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way)
}

/** Whether any part of the way below a root is a link. */
async function crossesLink(workspace: string, folder: string, normalized: string): Promise<boolean> {
  let place = path.join(workspace, folder)
  for (const part of path.relative(folder, normalized).split(path.sep)) {
    place = path.join(place, part)
    const found = await lstat(place).catch(() => undefined)
    if (found?.isSymbolicLink()) return true
  }
  return false
}

function unreachable(relative: string, error: unknown): Failure {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'EACCES' || code === 'EPERM')
    return new Failure('FILE_UNREADABLE', `${relative} may not be read (${code}).`, { cause: error })
  return new Failure('PATH_UNKNOWN', `${relative} does not exist (${code}).`, { cause: error })
}
