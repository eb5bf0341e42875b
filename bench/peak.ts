/** The most memory that a process and all it started held at once: resident sizes from /proc, looked at five times a second. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'

export interface Ran {
  readonly tookMs: number
  readonly peakBytes: number
  readonly stdout: string
}

const lookEveryMs = 200
const pageBytes = 4096

/** @throws Error with the end of what it said, where it does not end well */
export async function runWatched(
  command: string,
  options: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const started = performance.now()
  const child = spawn(command, options, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', piece => {
    stdout = (stdout + piece).slice(-4000)
  })
  child.stderr.setEncoding('utf8').on('data', piece => {
    stderr = (stderr + piece).slice(-4000)
  })
  let peakBytes = 0
  const watch = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentBytes(child))
  }, lookEveryMs)
  try {
    const [exitCode] = await once(child, 'close')
    if (exitCode !== 0) throw new Error(`${command} ended with ${exitCode}:\n${stderr}\n${stdout}`)
  } finally {
    clearInterval(watch)
  }
  return { tookMs: performance.now() - started, peakBytes, stdout }
}

function residentBytes({ pid }: ChildProcess): number {
  const processes = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(statOf)
  const family = new Set([pid])
  // Children may come before their parents in the list.
  for (let before = 0; before !== family.size; ) {
    before = family.size
    for (const each of processes) if (family.has(each.parent)) family.add(each.pid)
  }
  return processes.reduce((total, each) => total + (family.has(each.pid) ? each.bytes : 0), 0)
}

function statOf(name: string): { pid: number; parent: number; bytes: number }[] {
  try {
    // The name of a program may hold spaces; nothing behind it does.
    const fields = readFileSync(`/proc/${name}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return [{ pid: Number(name), parent: Number(fields[1]), bytes: Number(fields[21]) * pageBytes }]
  } catch {
    return []
  }
}
