import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startHealth } from '../../src/cli/health.ts'
import { workspaceWith } from '../flow/support.ts'
import { launcher } from './process.ts'

const notes: string[] = []
const terminal = { note: (line: string) => void notes.push(line) }

/** Status of a path; undefined where nobody answers. */
const status = (port: number, path: string, method = 'GET'): Promise<number | undefined> =>
  fetch(`http://127.0.0.1:${port}${path}`, { method }).then(
    answer => answer.status,
    () => undefined,
  )

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

describe('health', () => {
  test('it lives from the start, is ready while it takes work, and knows nothing else', async () => {
    const health = (await startHealth({ health: '0' }, terminal))!
    const both = async () => [await status(health.port, '/healthz'), await status(health.port, '/readyz')]
    expect(await both()).toEqual([200, 503])
    health.ready()
    expect(await both()).toEqual([200, 200])
    health.stopping()
    expect(await both()).toEqual([200, 503])
    expect(await status(health.port, '/')).toBe(404)
    expect(await status(health.port, '/healthz', 'POST')).toBe(404)
    expect(notes.at(-1)).toContain(`http://127.0.0.1:${health.port}/readyz`)
    await health.close()
    expect(await status(health.port, '/healthz')).toBeUndefined()
  })

  test('nobody asked, nothing listens; a place that is taken or no place at all is said', async () => {
    expect(await startHealth({}, terminal)).toBeUndefined()
    const health = (await startHealth({ health: '0' }, terminal))!
    await expect(startHealth({ health: String(health.port) }, terminal)).rejects.toMatchObject({
      code: 'SETTING_INVALID',
    })
    await health.close()
    await expect(startHealth({ health: 'x' }, terminal)).rejects.toMatchObject({ code: 'USAGE' })
    await expect(startHealth({ host: '0.0.0.0' }, terminal)).rejects.toMatchObject({ code: 'USAGE' })
  })

  test.each([['agent', 'planner'], ['intake']])(
    '%s %s: ready while it works, gone after SIGTERM with exit 0',
    async (...words) => {
      const { dir } = await workspaceWith()
      const port = await freePort()
      const child = spawn(launcher, [...words, dir, '--health', String(port)], { stdio: 'ignore' })
      onTestFinished(() => void child.kill('SIGKILL'))
      while ((await status(port, '/readyz')) !== 200 && child.exitCode === null) await delay(50)
      expect(await status(port, '/healthz')).toBe(200)
      child.kill('SIGTERM')
      expect(await once(child, 'close')).toEqual([0, null])
      expect(await status(port, '/healthz')).toBeUndefined()
    },
    60_000,
  )
})
