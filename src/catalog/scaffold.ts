import { constants } from 'node:fs'
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The example's catalog is the one home of standard, rules, policies and settings: a new workspace starts with a copy. */
const example = fileURLToPath(new URL('../../examples/product/', import.meta.url))
const defaults = fileURLToPath(new URL('./defaults/', import.meta.url))

/** What a new workspace is made of: a place in it, and the file or folder it is copied from. Its vendors are its own. */
const parts: readonly (readonly [place: string, from: string])[] = [
  ['aiworkflow.yaml', join(example, 'aiworkflow.yaml')],
  ['prompts', join(example, 'prompts')],
  ['catalog/standards', join(example, 'catalog/standards')],
  ['catalog/rules/normalization.yaml', join(example, 'catalog/rules/normalization.yaml')],
  ['catalog/rules/quality.yaml', join(example, 'catalog/rules/quality.yaml')],
  ['catalog/policies', join(example, 'catalog/policies')],
  ['catalog/vendors.yaml', join(defaults, 'vendors.yaml')],
  ['.gitignore', join(defaults, 'gitignore')],
]

export interface ScaffoldResult {
  /** Paths below the workspace, in order. */
  readonly created: readonly string[]
  /** What was there already, and stands as it was. */
  readonly kept: readonly string[]
}

/** Makes `directory` a workspace, adding what is missing; nothing that is there is changed. */
export async function scaffoldWorkspace(directory: string): Promise<ScaffoldResult> {
  const created: string[] = []
  const kept: string[] = []
  await mkdir(join(directory, 'landing'), { recursive: true })
  for (const [place, from] of parts) {
    for (const path of await filesOf(from)) {
      const target = join(place, path)
      const copied = await copyNew(join(from, path), join(directory, target))
      ;(copied ? created : kept).push(target)
    }
  }
  return { created, kept }
}

/** Files at or below a path, relative to it; `` for the path itself. */
async function filesOf(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { recursive: true, withFileTypes: true })
    const files = entries.filter(entry => entry.isFile())
    return files.map(entry => join(entry.parentPath, entry.name).slice(path.length + 1)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return ['']
    throw error
  }
}

async function copyNew(from: string, to: string): Promise<boolean> {
  await mkdir(dirname(to), { recursive: true })
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}
