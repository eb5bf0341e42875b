/**
 * Whether an agent or the intake is there, for whoever watches over it. Two questions, as orchestrators ask them:
 *   GET /healthz  200 as long as the process runs and answers: who gets no answer may kill it
 *   GET /readyz   200 while it takes work; 503 before it does, and from the moment it was asked to stop
 * A broker or a server that is away makes neither of them fail: the process waits for it, and would do no better after a restart.
 * It listens on loopback unless it is told otherwise, takes nothing in, and says nothing of the workspace.
 */
import { createServer } from 'node:http'
import { Failure } from '../../contracts/failures.ts'
import { healthPath } from '../tools/http.ts'
import { listenOn } from '../tools/listen.ts'
import { takeNumber } from './arguments.ts'
import type { Terminal } from './terminal.ts'

export interface Health {
  readonly port: number
  /** It takes work from now on. */
  ready(): void
  /** It takes none any more. */
  stopping(): void
  close(): Promise<void>
}

const loopback = '127.0.0.1'
export const readyPath = '/readyz'

export const healthOptions = {
  health: { value: 'PORT', about: `answer GET ${healthPath} and ${readyPath} on this port; 0 takes a free one` },
  host: { value: 'HOST', about: 'answer on this address instead of loopback' },
} as const

/** Undefined where nobody asked for it. @throws Failure USAGE; SETTING_INVALID where the place is taken or is none of this machine's. */
export async function startHealth(
  options: { readonly health?: string; readonly host?: string },
  terminal: Pick<Terminal, 'note'>,
): Promise<Health | undefined> {
  const port = takeNumber('health', options.health, 0)
  if (port === undefined && options.host !== undefined)
    throw new Failure('USAGE', '--host says where --health answers, and there is no --health.')
  if (port === undefined) return undefined
  const health = await serveHealth(port, options.host)
  terminal.note(`Whether it takes work is at http://${options.host ?? loopback}:${health.port}${readyPath}.`)
  return health
}

async function serveHealth(port: number, host = loopback): Promise<Health> {
  let isReady = false
  const answers: Readonly<Record<string, () => boolean>> = { [healthPath]: () => true, [readyPath]: () => isReady }
  const http = createServer((request, response) => {
    const answer = request.method === 'GET' ? answers[request.url ?? ''] : undefined
    const status = answer === undefined ? 404 : answer() ? 200 : 503
    response.writeHead(status, { 'Content-Type': 'text/plain', Connection: 'close' })
    response.end(status === 200 ? 'ok\n' : 'no\n')
    request.resume()
  })
  http.requestTimeout = 5_000
  http.headersTimeout = 5_000
  const listening = await listenOn(http, port, host, '--health')
  // What watches over a process does not keep it alive.
  http.unref()
  return {
    port: listening,
    ready: () => {
      isReady = true
    },
    stopping: () => {
      isReady = false
    },
    close: async () => {
      const closed = new Promise<void>(resolve => http.close(() => resolve()))
      http.closeAllConnections()
      await closed
    },
  }
}
