/** The command line as its users meet it: a process with arguments, two streams and an exit code. */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import type { z } from 'zod'
import { program } from '../../src/cli/program.ts'

export const launcher = join(import.meta.dirname, '../../bin/aiworkflow')

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Place {
  readonly cwd?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly stdin?: string
  readonly program?: string
}

export function aiworkflow(typed: readonly string[], place: Place = {}): Promise<Ended> {
  const { cwd = tmpdir(), environment = {}, stdin = '', program = launcher } = place
  const child = spawn(program, typed, { cwd, env: { PATH: process.env['PATH'], HOME: tmpdir(), ...environment } })
  const [out, err]: Buffer[][] = [[], []]
  child.stdout.on('data', chunk => out!.push(chunk))
  child.stderr.on('data', chunk => err!.push(chunk))
  child.stdin.end(stdin)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code =>
      resolve({ code, stdout: String(Buffer.concat(out!)), stderr: String(Buffer.concat(err!)) }),
    )
  })
}

export interface Running {
  /** Until stdout holds the text. */
  says(text: string): Promise<void>
  stop(): Promise<number | null>
}

/** A command that runs until it is told to stop; it is told at the end of the test in any case. */
export function startAiworkflow(words: readonly string[]): Running {
  const child = spawn(launcher, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const closed = new Promise<number | null>(resolve => child.once('close', resolve))
  onTestFinished(() => void child.kill('SIGKILL'))
  return {
    async says(text) {
      while (!stdout.includes(text)) {
        if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode} and said: ${stdout}${stderr}`)
        await delay(50)
      }
    },
    stop() {
      child.kill('SIGTERM')
      return closed
    },
  }
}

/** The same in this process: quick, and all there is to see but signals, the launcher, and who else writes to the streams. */
export async function typed(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  let [stdout, stderr] = ['', '']
  const streams = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
  }
  const code = await program(words, environment, streams)
  return { code, stdout, stderr }
}

/** The one document on stdout. Anything beside it, a second one included, is a syntax error here. */
export async function document<S extends z.ZodType>(schema: S, words: readonly string[]) {
  const ended = await typed([...words, '--json'])
  return { ...ended, document: schema.parse(JSON.parse(ended.stdout)) }
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-cli-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A workspace as `init` makes it, with files below landing that were written a while ago. */
export async function workspaceWith(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await temporaryFolder()
  const made = await typed(['init', folder])
  if (made.code !== 0) throw new Error(made.stderr)
  for (const [path, content] of Object.entries(files)) await land(folder, path, content)
  return folder
}

export async function land(workspace: string, path: string, content: string | Uint8Array): Promise<void> {
  const file = join(workspace, 'landing', path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, content)
  const minuteAgo = new Date(Date.now() - 60_000)
  await utimes(file, minuteAgo, minuteAgo)
}
