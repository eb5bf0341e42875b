/**
 * A program on Spark, from its start to its end: submitted as a process of its own, followed line by line, ended with its caller.
 *
 * Owns the process and the file of its configuration, which may hold secrets: that is readable by this account only, and gone when the
 * process has ended. It fails as `failure.ts` says; whoever aborts gets the reason of the signal.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from '../../../../contracts/failures.ts'
import { propertiesText } from './catalog-configuration.ts'
import { eventOf, type SparkEvent } from './events.ts'
import { sparkFailure } from './failure.ts'

/** How Spark is started. */
export interface SparkStart {
  /** The `spark-submit` to run. */
  readonly submit: string
  /** The Python to run where there is nothing to submit: a client of Spark Connect. */
  readonly python: string
  /** Set beside this process's own environment. */
  readonly environment: Readonly<Record<string, string>>
}

export interface SparkRun {
  readonly programFile: string
  readonly arguments: readonly string[]
  readonly master: string
  readonly configuration: Readonly<Record<string, string>>
  /** A folder for the file of the configuration. */
  readonly scratchDir: string
  /** Begins each line that is an event. */
  readonly mark: string
  readonly signal: AbortSignal
  readonly onEvent: (event: SparkEvent) => void
}

const keptCharacters = 16_000
const killAfterMs = 10_000

/** Resolves when the program has ended well. @throws Failure SPARK_MISSING, ENGINE_FAILED and what else `sparkFailure` knows */
export async function submitSpark(start: SparkStart, run: SparkRun): Promise<void> {
  run.signal.throwIfAborted()
  const file = join(run.scratchDir, `${randomUUID()}.conf`)
  const isClient = run.master.startsWith('sc:')
  await writeFile(file, isClient ? JSON.stringify(run.configuration) : propertiesText(run.configuration), {
    mode: 0o600,
  })
  try {
    await (isClient
      ? follow(start.python, [run.programFile, '--configuration', file, ...run.arguments], run, {
          ...start.environment,
          SPARK_REMOTE: run.master,
        })
      : follow(
          start.submit,
          [
            '--master',
            run.master,
            '--properties-file',
            file,
            '--load-spark-defaults',
            run.programFile,
            ...run.arguments,
          ],
          run,
          start.environment,
        ))
  } finally {
    await rm(file, { force: true })
  }
}

async function follow(
  command: string,
  options: readonly string[],
  run: SparkRun,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  // In a group of its own: what it starts ends with it, and no key of the terminal reaches it.
  const child = spawn(command, options, {
    detached: true,
    env: { ...process.env, PYTHONUNBUFFERED: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // What a program of Python says on stderr comes by way of Spark's stdout.
  const said = { log: '', program: '' }
  child.stderr?.setEncoding('utf8').on('data', piece => {
    said.log = tail(said.log + piece)
  })
  const stop = () => void endGroup(child)
  run.signal.addEventListener('abort', stop, { once: true })
  try {
    const ended = endOf(child, command)
    // Looked at below, when the lines are through.
    ended.catch(() => undefined)
    for await (const line of createInterface({ input: child.stdout! })) {
      const event = eventOf(line, run.mark)
      if (event !== undefined) run.onEvent(event)
      else said.program = tail(`${said.program}${line}\n`)
    }
    const { exitCode, signal } = await ended
    run.signal.throwIfAborted()
    if (exitCode !== 0) throw sparkFailure({ exitCode, signal, said: `${said.log}\n${said.program}` })
  } finally {
    run.signal.removeEventListener('abort', stop)
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) await endGroup(child)
  }
}

function endOf(child: ChildProcess, command: string): Promise<{ exitCode: number | null; signal: string | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', error => {
      reject(new Failure('SPARK_MISSING', `${command} could not be started: ${error.message}`, { cause: error }))
    })
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal }))
  })
}

/** Asks it to end; what has not ended after a while is ended. */
async function endGroup(child: ChildProcess): Promise<void> {
  const closed = new Promise(resolve => child.once('close', resolve))
  send(child, 'SIGTERM')
  await Promise.race([closed, sleep(killAfterMs, undefined, { ref: false })])
  if (child.exitCode === null && child.signalCode === null) send(child, 'SIGKILL')
}

function send({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}

const tail = (text: string): string => text.slice(-keptCharacters)
