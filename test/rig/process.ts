/**
 * A server of the rig as a child process: started on loopback, waited for until it answers, ended with the tests.
 *
 * Owns the process and the last lines it wrote. A server that ends by itself, or does not answer in time, is an error that shows
 * those lines. Whoever starts one stops it; should the tests die first, `exit` takes it along.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, connect as dial } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export interface ServerOptions {
  readonly command: string
  readonly arguments: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly directory?: string
  /** True once the server answers; asked again and again, with what it has written. */
  readonly isReady: (log: string) => boolean | Promise<boolean>
  readonly readyWithinMs?: number
}

export interface RigServer {
  readonly pid: number
  /** What it wrote last, for people. */
  log(): string
  /** Ends it, gently first: SIGTERM, and SIGKILL if that is not enough. */
  stop(): Promise<void>
  /** As a power cut would: SIGKILL. */
  kill(): Promise<void>
  /** SIGSTOP and SIGCONT. */
  pause(): void
  resume(): void
}

const keptBytes = 64 * 1024
const pollMs = 50
const gentleMs = 20_000

/** Whatever ends this process takes them along. */
const alive = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

export async function startServer(name: string, options: ServerOptions): Promise<RigServer> {
  const child = spawn(options.command, options.arguments, {
    cwd: options.directory,
    env: { ...process.env, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  const keep = (chunk: Buffer) => {
    log = (log + chunk.toString('utf8')).slice(-keptBytes)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  let failed: Error | undefined
  child.once('error', error => {
    failed = error
  })
  alive.add(child)
  child.once('exit', () => alive.delete(child))
  const hasEnded = () => failed !== undefined || child.exitCode !== null || child.signalCode !== null

  const deadline = Date.now() + (options.readyWithinMs ?? 60_000)
  const isReady = async () => options.isReady(log)
  while (!(await isReady().catch(() => false))) {
    if (hasEnded()) throw new Error(`${name} ended before it answered${failed ? `: ${failed.message}` : ''}\n${log}`)
    if (Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`${name} does not answer\n${log}`)
    }
    await delay(pollMs)
  }
  return {
    pid: child.pid!,
    log: () => log,
    stop: () => end(child, 'SIGTERM'),
    kill: () => end(child, 'SIGKILL'),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  }
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  const patience = setTimeout(() => child.kill('SIGKILL'), gentleMs)
  await ended
  clearTimeout(patience)
}

/** Ports of loopback that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map(server => (server.address() as { port: number }).port)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}

/** Whether something accepts connections on a port of loopback. */
export function isListening(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = dial({ port, host: '127.0.0.1' })
    const settle = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
  })
}
