import { Failure } from '../../../contracts/failures.ts'
import { type ServerName, serverNames } from '../../../contracts/tools/index.ts'
import { nearest } from '../../catalog/nearest.ts'
import { createToolServers } from '../../tools/servers.ts'
import { serveToolsOverStdio } from '../../tools/stdio.ts'
import { defineCommand, exitCodes } from '../command.ts'
import { untilStopped } from '../interrupt.ts'
import { settingOptions, withWorkspace } from '../open.ts'

export const tools = defineCommand({
  synopsis: ['tools NAME [DIR] --stdio'],
  about: `One MCP server for any MCP client, on stdin and stdout: ${serverNames.join(', ')}. It ends when stdin does.`,
  options: { stdio: { about: 'speak on stdin and stdout' }, ...settingOptions },
  async run(call) {
    const [name = '', directory = '.', ...more] = call.words
    if (more.length > 0) throw new Failure('USAGE', `Expected NAME [DIR], found ${call.words.join(' ')}.`)
    if (!isServer(name)) {
      const meant = nearest(name, serverNames)
      throw new Failure(
        'USAGE',
        `There is no tool server ${name || 'without a name'}; ${meant ? `did you mean ${meant}?` : `there are ${serverNames.join(', ')}.`}`,
      )
    }
    if (!call.options.stdio) throw new Failure('USAGE', `tools ${name} needs to know how to speak: --stdio.`)
    return withWorkspace(call, directory, async workspace => {
      const { dir, catalog, lakehouse, stores, telemetry } = workspace
      const servers = createToolServers({ workspace: dir, catalog, lakehouse, store: stores.store }, telemetry)
      await untilStopped(
        () => {},
        signal => serveToolsOverStdio(servers[name], signal),
      )
      return exitCodes.done
    })
  },
})

const isServer = (name: string): name is ServerName => (serverNames as readonly string[]).includes(name)
