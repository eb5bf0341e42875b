import { Console } from 'node:console'
import { stdioTransport, type ToolServer } from './server.ts'

/**
 * Serves one MCP client on this process's stdin and stdout, until stdin ends or `signal` is aborted. From here on stdout carries
 * messages of the protocol and nothing else: what anybody says by `console` goes to stderr.
 */
export async function serveToolsOverStdio(server: ToolServer, signal?: AbortSignal): Promise<void> {
  globalThis.console = new Console(process.stderr, process.stderr)
  const connection = await server.connect(stdioTransport())
  const close = () => void connection.close()
  // The transport does not notice the end of stdin, which is how a client says goodbye.
  process.stdin.once('end', close)
  signal?.addEventListener('abort', close, { once: true })
  await connection.closed
}
