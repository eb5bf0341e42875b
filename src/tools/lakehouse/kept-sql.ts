import { mkdir, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Failure } from '../../../contracts/failures.ts'

/**
 * Keeps what was generated with the run that ran it, for people and for whoever has to explain a row: `<runsDir>/<runId>/<name>`, where
 * a name without an ending is one of SQL. Answers the path.
 */
export type KeepSql = (runId: string, name: string, sql: string) => Promise<string>

export function sqlKeeper(runsDir: string): KeepSql {
  return async (runId, name, sql) => {
    if (!/^[A-Za-z0-9_-]{1,80}$/.test(runId))
      throw new Failure('TOOL_INPUT_INVALID', `${JSON.stringify(runId)} is no run id.`)
    const folder = path.join(runsDir, runId)
    const target = path.join(folder, name.includes('.') ? name : `${name}.sql`)
    await mkdir(folder, { recursive: true })
    // Whole or not at all: a process may die in between, and another may keep the same text.
    const unfinished = `${target}.${process.pid}`
    await writeFile(unfinished, sql.endsWith('\n') ? sql : `${sql}\n`)
    await rename(unfinished, target)
    return target
  }
}
