/** A real Redis on loopback with a password and an append-only file, for as long as a test wants it. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, isListening, type RigServer, startServer } from './process.ts'

export interface RigRedis {
  /** With the password in it. */
  readonly url: string
  readonly port: number
  readonly password: string
  /** SIGSTOP and SIGCONT. */
  pause(): void
  resume(): void
  /** Kills it and starts it again on the same port and data, after a while. */
  restart(options?: { readonly downMs?: number; readonly how?: 'kill' | 'stop' }): Promise<void>
  stop(): Promise<void>
}

/** @param settings more settings of Redis, such as `{appendonly: 'no'}` */
export async function startRedis(settings: Readonly<Record<string, string>> = {}): Promise<RigRedis> {
  if (spawnSync('redis-server', ['--version']).error)
    throw new Error('redis-server is missing: get it with `bash scripts/parts/redis.sh`')
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-redis-'))
  const password = randomBytes(16).toString('hex')
  const [port] = (await freePorts(1)) as [number]
  const all = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    requirepass: password,
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
    'maxmemory-policy': 'noeviction',
    ...settings,
  }
  const start = () =>
    startServer('redis-server', {
      command: 'redis-server',
      arguments: Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]),
      isReady: async log => /Ready to accept connections/.test(log) && (await isListening(port)),
    })
  let server: RigServer = await start()
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    port,
    password,
    pause: () => server.pause(),
    resume: () => server.resume(),
    restart: async ({ downMs = 0, how = 'kill' } = {}) => {
      await server[how]()
      await new Promise(resolve => setTimeout(resolve, downMs))
      server = await start()
    },
    stop: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
