/** The public conformance suite of MCP against our server wrapper and HTTP listener. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { toolServers } from '../../contracts/tools/index.ts'
import { serveToolsOverHttp, toolsPath } from '../../src/tools/http.ts'
import { serveTools, type ToolHandlers, type ToolServer } from '../../src/tools/server.ts'
import { tokenOf } from '../../src/tools/tokens.ts'
import { conformanceServer } from './conformance-server.ts'

const suite = new URL('../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url).pathname
const minutes = 60_000

/** The suite knows no tokens: what it sends gets one on its way, and nothing else is changed. */
async function withToken(port: number, token: string) {
  const server = createServer((incoming, outgoing) => {
    const headers = { ...incoming.headers, authorization: `Bearer ${token}` }
    const onward = request(
      { host: '127.0.0.1', port, path: incoming.url, method: incoming.method, headers },
      answer => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      },
    )
    onward.on('error', () => outgoing.destroy())
    outgoing.on('close', () => onward.destroy())
    incoming.pipe(onward)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** Runs the suite against a server as it is served to agents; fails with what the suite printed. */
async function runSuite(server: ToolServer, ...options: string[]): Promise<string> {
  const secret = randomBytes(32).toString('hex')
  // Whoever has a token may call every tool: no allow-list of the chain names those of the suite.
  const open: ToolServer = { ...server, connect: transport => server.connect(transport) }
  const served = await serveToolsOverHttp(open, { port: 0, secret })
  const proxy = await withToken(served.port, tokenOf('reader', secret))
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-mcp-'))
  try {
    const { port } = proxy.address() as { port: number }
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [suite, 'server', '--url', `http://127.0.0.1:${port}${toolsPath}`, ...options],
      { cwd: folder, timeout: 5 * minutes, maxBuffer: 32 << 20 },
    ).catch(error => {
      throw new Error(`the suite ended with ${error.code}:\n${error.stdout}\n${error.stderr}`)
    })
    return stdout
  } finally {
    proxy.closeAllConnections()
    proxy.close()
    await served.close(1_000)
    await rm(folder, { recursive: true })
  }
}

test(
  'the public MCP suite: every server scenario',
  async () => {
    expect(await runSuite(conformanceServer())).toContain('Total: 40 passed, 0 failed')
  },
  6 * minutes,
)

test.each(Object.keys(toolServers) as (keyof typeof toolServers)[])(
  'the public MCP suite: tools of %s are listed as the protocol wants them',
  async name => {
    const contracts = toolServers[name]
    const server = serveTools(name, contracts, {} as ToolHandlers<typeof contracts>)
    expect(await runSuite(server, '--scenario', 'tools-list')).toContain('0 failed')
  },
  6 * minutes,
)
