import { Failure } from '../../../contracts/failures.ts'
import { type ServerName, serverNames } from '../../../contracts/tools/index.ts'
import { nearest } from '../../catalog/nearest.ts'
import { healthPath, serveToolsOverHttp, toolsPath } from '../../tools/http.ts'
import { serveToolsOverStdio } from '../../tools/stdio.ts'
import { tokenHolders, tokenOf } from '../../tools/tokens.ts'
import { takeNumber } from '../arguments.ts'
import { type Call, defineCommand, type ExitCode, exitCodes } from '../command.ts'
import { untilStopped } from '../interrupt.ts'
import { refuseLostWarehouse } from '../lost-warehouse.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import type { Terminal } from '../terminal.ts'
import type { Workspace } from '../workspace.ts'

const drainTimeoutMs = 60_000

export const tools = defineCommand({
  synopsis: ['tools NAME [DIR] --stdio', 'tools NAME [DIR] --http PORT [--host HOST]', 'tools token HOLDER [DIR]'],
  about: `One MCP server for any MCP client: ${serverNames.join(', ')}. On stdin and stdout it ends when stdin does. Over HTTP it listens on loopback unless --host says otherwise, takes a token with every request, and ends with SIGTERM after its running calls. \`token\` prints the token of an agent or of the reader, who may call what changes nothing: ${tokenHolders.join(', ')}.`,
  options: {
    stdio: { about: 'speak on stdin and stdout' },
    http: { value: 'PORT', about: 'listen on this port; 0 takes a free one' },
    host: { value: 'HOST', about: 'listen on this address instead of loopback' },
    ...settingOptions,
  },
  async run(call) {
    const [name = '', ...words] = call.words
    if (name === 'token') return printToken(call, words)
    const [directory = '.', ...more] = words
    if (more.length > 0) throw new Failure('USAGE', `Expected NAME [DIR], found ${call.words.join(' ')}.`)
    if (!isServer(name)) throw unknown('tool server', name, serverNames)
    const { stdio, http } = call.options
    if ((stdio === undefined) === (http === undefined))
      throw new Failure('USAGE', `tools ${name} needs to know how to speak: --stdio, or --http PORT.`)
    return withWorkspace(call, directory, async workspace => {
      if (name === 'lakehouse' && http !== undefined) await refuseLostWarehouse(workspace)
      if (stdio) await overStdio(workspace, name)
      else
        await overHttp(call.terminal, workspace, name, { port: takeNumber('http', http, 0)!, host: call.options.host })
      return exitCodes.done
    })
  },
})

const overStdio = (workspace: Workspace, name: ServerName) =>
  untilStopped(
    () => {},
    signal => serveToolsOverStdio(workspace.tools(name), signal),
  )

interface Listening {
  readonly port: number
  readonly host: string | undefined
}

async function overHttp(terminal: Terminal, workspace: Workspace, name: ServerName, at: Listening): Promise<void> {
  const { port, host } = at
  for (const warning of await workspace.warnings()) terminal.note(warning)
  const server = await serveToolsOverHttp(workspace.tools(name), { host, port, secret: await workspace.toolsSecret() })
  const address = `http://${host ?? '127.0.0.1'}:${server.port}`
  terminal.note(
    `${name} tools of ${workspace.dir} are at ${address}${toolsPath}, and ${address}${healthPath} says whether they are. Ctrl-C stops.`,
  )
  await untilStopped(
    () => terminal.note('Stopping after the calls that are running; once more to stop at once.'),
    signal => new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true })),
  )
  await server.close(drainTimeoutMs)
}

function printToken(call: Call, [holder = '', directory = '.', ...more]: readonly string[]): Promise<ExitCode> {
  if (more.length > 0) throw new Failure('USAGE', `Expected token HOLDER [DIR], found ${call.words.join(' ')}.`)
  const known = tokenHolders.find(each => each === holder)
  if (known === undefined) throw unknown('holder of a token', holder, tokenHolders)
  return withWorkspace(call, directory, async workspace => {
    const token = tokenOf(known, await workspace.toolsSecret())
    call.terminal.answer({ holder: known, token }, () => token)
    return exitCodes.done
  })
}

function unknown(what: string, name: string, known: readonly string[]): Failure {
  const meant = nearest(name, known)
  return new Failure(
    'USAGE',
    `There is no ${what} ${name || 'without a name'}; ${meant ? `did you mean ${meant}?` : `there are ${known.join(', ')}.`}`,
  )
}

const isServer = (name: string): name is ServerName => (serverNames as readonly string[]).includes(name)
