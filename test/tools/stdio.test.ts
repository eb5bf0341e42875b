import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { expect, test } from 'vitest'
import { connectClient } from '../../src/tools/client.ts'

const program = path.join(import.meta.dirname, 'stdio-server.ts')

test('a server in a process of its own: answers and failures come over stdio, the console does not', async () => {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [program],
    stderr: 'pipe',
  })
  let said = ''
  transport.stderr?.on('data', chunk => {
    said += chunk
  })
  const faults: Error[] = []
  transport.onerror = error => faults.push(error)
  const client = await connectClient(transport)
  const options = { trace: {}, timeoutMs: 10_000 }
  expect(await client.call('greet', { name: 'Ann' }, options)).toEqual({ greeting: 'Hello Ann' })
  await expect(client.call('greet', { name: '' }, options)).rejects.toMatchObject({
    code: 'TABLE_MISSING',
    owner: 'the porter',
  })
  await expect(client.call('greet', {}, options)).rejects.toMatchObject({ code: 'TOOL_INPUT_INVALID' })
  await client.close()
  expect(said).toContain('this must not get into the protocol')
  expect(faults).toEqual([])
})

test('a server whose client goes away ends well', async () => {
  const server = spawn(process.execPath, [program], { stdio: ['pipe', 'ignore', 'inherit'] })
  const ended = once(server, 'exit')
  server.stdin?.end()
  expect(await ended).toEqual([0, null])
})
