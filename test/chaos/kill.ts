/** Kills a run at seeded points and lets another finish it; the tables must be what an unharmed run makes. */
import { spawn } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { orphans } from '../../src/telemetry/orphans.ts'
import { runOnce } from '../../src/cli/chain.ts'
import { contents, openTestWorkspace, type TestWorkspace, unbalanced } from '../flow/workspace.ts'
import { seeded } from '../sim/random.ts'

export interface KillReport {
  readonly kills: number
  /** Points where the process really died before it was done. */
  readonly died: number
  readonly faults: readonly string[]
}

const victim = new URL('./victim.ts', import.meta.url).pathname

/** @param template a workspace with files in landing that has not run yet */
export async function killAtSeededPoints(template: string, kills: number, seed: number, say: (line: string) => void = () => {}): Promise<KillReport> {
  const random = seeded(seed)
  const baseline = await copyOf(template)
  const points = Number((await victimRun(baseline.dir, 0)).output.trim())
  const expected = await baseline.with(contents)
  await baseline.remove()
  const faults: string[] = []
  let died = 0
  for (let kill = 1; kill <= kills; kill += 1) {
    const point = 1 + random.integer(points)
    const workspace = await copyOf(template)
    const { killed } = await victimRun(workspace.dir, point)
    if (killed) died += 1
    const wrong = await finish(workspace, expected)
    for (const fault of wrong) faults.push(`seed ${seed}, kill ${kill} at point ${point} of ${points}: ${fault}`)
    say(`kill ${kill}/${kills} at point ${point}: ${wrong.length === 0 ? 'ok' : wrong.join('; ')}`)
    await workspace.remove()
  }
  return { kills, died, faults }
}

async function finish(workspace: TestWorkspace, expected: Record<string, string[]>): Promise<string[]> {
  return workspace.with(async opened => {
    const summary = await runOnce(opened)
    const found = await contents(opened)
    const wrong = [...unbalanced(summary)]
    for (const table of new Set([...Object.keys(expected), ...Object.keys(found)])) {
      const [want = [], have = []] = [expected[table], found[table]]
      if (JSON.stringify(want) !== JSON.stringify(have)) wrong.push(`${table} has ${have.length} rows, ${want.length} are expected, or they differ`)
    }
    const { journal } = opened.telemetry
    for (const { traceId } of journal.traces({ limit: 1000 })) {
      wrong.push(...orphans(journal.spansOf(traceId)).map(fault => `trace ${traceId}: ${JSON.stringify(fault)}`))
    }
    return wrong
  })
}

async function copyOf(template: string): Promise<TestWorkspace> {
  const dir = await mkdtemp(join(tmpdir(), 'aiworkflow-kill-'))
  await cp(template, dir, { recursive: true, preserveTimestamps: true })
  return openTestWorkspace(dir)
}

function victimRun(dir: string, point: number): Promise<{ killed: boolean; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', victim, dir, String(point)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', data => {
      output += String(data)
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (signal === 'SIGKILL') resolve({ killed: true, output })
      else if (code === 0) resolve({ killed: false, output })
      else reject(new Error(`the run ended with ${code ?? signal}`))
    })
  })
}

export const removeFolder = (dir: string): Promise<void> => rm(dir, { recursive: true, force: true })
