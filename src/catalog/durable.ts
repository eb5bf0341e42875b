import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/**
 * Writes a whole new file or nothing, durably. The text is complete and on disk before the name appears, and the name is taken
 * with a hard link, which, unlike a rename, refuses a name that exists: of two writers exactly one gets `true`. A writer that is
 * killed leaves a hidden draft, which a later write to the folder takes away.
 */
export async function writeNew(file: string, text: string): Promise<boolean> {
  const folder = dirname(file)
  await mkdir(folder, { recursive: true })
  await removeForsaken(folder)
  const draft = join(folder, `.${randomUUID()}${draftEnding}`)
  try {
    const handle = await open(draft, 'wx')
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await link(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
  await syncFolder(folder)
  return true
}

const draftEnding = '.draft'
/** Longer than any writer needs for a document, whatever else its machine is doing. */
const forsakenMs = 3_600_000

/** What others take away at the same time is gone as well. */
async function removeForsaken(folder: string): Promise<void> {
  const drafts = (await readdir(folder)).filter(name => name.startsWith('.') && name.endsWith(draftEnding))
  for (const draft of drafts.map(name => join(folder, name))) {
    const standing = await stat(draft).catch(() => undefined)
    if (standing !== undefined && Date.now() - standing.mtimeMs > forsakenMs) await rm(draft, { force: true })
  }
}

/** Makes a new name in a folder survive a power cut. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
