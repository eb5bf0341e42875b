/** What a workspace comes to, without what differs from run to run: two that did the same work are equal. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runOnce } from '../../src/cli/chain.ts'
import type { Workspace } from '../../src/cli/workspace.ts'
import { orphans } from '../../src/telemetry/orphans.ts'
import { contents, unbalanced } from '../flow/workspace.ts'

export interface Remains {
  /** Rows of every table, documents the program wrote, states of runs and what is asked, as text by name. */
  readonly things: Readonly<Record<string, readonly string[]>>
  /** What must never be, whatever the rest is. */
  readonly faults: readonly string[]
}

/** Runs what is left to run, and looks. */
export async function remainsOf(workspace: Workspace): Promise<Remains> {
  const summary = await runOnce(workspace)
  const { stores, telemetry } = workspace
  const runs = await stores.runs.all()
  const asked = (await stores.approvals.open()).map(({ approval }) => `${approval.id} ${approval.question.text}`)
  const things = {
    ...(await contents(workspace)),
    ...(await documents(join(workspace.dir, 'catalog/feeds'))),
    runs: runs.map(({ delivery, state }) => `${delivery.file} ${state}`).sort(),
    approvals: asked.sort(),
  }
  const traces = telemetry.journal.traces({ limit: 1_000 })
  // What execute() did has traces of its own.
  const ofRuns = traces.filter(({ runId }) => !runId?.startsWith('w_'))
  const faults = [
    ...unbalanced(summary),
    ...summary.errors.map(({ file, message }) => `${file}: ${message}`),
    ...traces.flatMap(({ traceId, open }) => [
      ...orphans(telemetry.journal.spansOf(traceId)).map(fault => JSON.stringify(fault)),
      ...(open === 0 ? [] : [`${open} spans of ${traceId} never ended`]),
    ]),
    ...(ofRuns.length === runs.length ? [] : [`${ofRuns.length} traces of ${runs.length} runs`]),
  ]
  for (const prefix of ['outbox/', 'hold/', 'parked/', 'head/', 'checkpoint/', 'blob/', 'write/'])
    for (const { key } of await stores.store.scan({ prefix, limit: 5 })) faults.push(`left behind: ${key}`)
  return { things: timeless(things), faults }
}

export function differences(expected: Remains, found: Remains): string[] {
  const names = [...new Set([...Object.keys(expected.things), ...Object.keys(found.things)])]
  return [
    ...found.faults,
    ...names.flatMap(name => {
      const [wanted = [], had = []] = [expected.things[name], found.things[name]]
      const missing = without(wanted, had)
      const extra = without(had, wanted)
      return [...missing.map(row => `${name} lacks ${row}`), ...extra.map(row => `${name} has too much: ${row}`)]
    }),
  ]
}

/** The first list less the second, each entry counted as often as it stands there. */
function without(all: readonly string[], less: readonly string[]): string[] {
  const left = [...less]
  return all.filter(entry => {
    const at = left.indexOf(entry)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}

async function documents(folder: string): Promise<Record<string, string[]>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  // Hidden is the draft of a writer that was killed: no document yet, for nobody.
  const whole = entries.filter(entry => entry.isFile() && !entry.name.startsWith('.'))
  const files = whole.map(({ parentPath, name }) => join(parentPath, name))
  const read = files.map(
    async file => [file.slice(folder.length + 1), [await readFile(file, 'utf8')]] as [string, string[]],
  )
  return Object.fromEntries(await Promise.all(read))
}

const timeless = (things: Record<string, string[]>): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries(things).map(([name, rows]) => [name, rows.map(row => row.replaceAll(instant, '<time>')).sort()]),
  )
const instant = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00(?::00)?)?/g
