import { existsSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where Linux keeps files in memory. */
const memory = '/dev/shm'

/** A new folder, in memory where the system has a place for that: what is killed here never loses power, so no disk is needed. */
export const memoryFolder = (name: string): Promise<string> =>
  mkdtemp(join(existsSync(memory) ? memory : tmpdir(), `aiworkflow-${name}-`))
