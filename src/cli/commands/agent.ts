import { once } from 'node:events'
import { type AgentName, agentNames } from '../../../contracts/chain.ts'
import { Failure } from '../../../contracts/failures.ts'
import { nearest } from '../../catalog/nearest.ts'
import { takeDirectory } from '../arguments.ts'
import { drainTimeoutMs, startAgent, watchLanding } from '../chain.ts'
import { type Call, defineCommand, exitCodes } from '../command.ts'
import { healthOptions, startHealth } from '../health.ts'
import { stopping, untilStopped } from '../interrupt.ts'
import { refuseLostWarehouse } from '../lost-warehouse.ts'
import { observeAgent, observeIntake } from '../observed.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import { log } from '../render/progress.ts'
import type { Workspace } from '../workspace.ts'

export const agent = defineCommand({
  synopsis: ['agent NAME [DIR] [--health PORT [--host HOST]]'],
  about: `One agent as a process of its own, on the bus of the workspace: ${agentNames.join(', ')}. Any number of them share the work. SIGTERM ends it after its running steps.`,
  options: { ...healthOptions, ...settingOptions },
  async run(call) {
    const [name = '', directory = '.', ...more] = call.words
    if (more.length > 0) throw new Failure('USAGE', `Expected NAME [DIR], found ${call.words.join(' ')}.`)
    if (!isAgent(name)) {
      const meant = nearest(name, agentNames)
      throw new Failure(
        'USAGE',
        `There is no agent ${name || 'without a name'}; ${meant ? `did you mean ${meant}?` : `there are ${agentNames.join(', ')}.`}`,
      )
    }
    return withWorkspace(call, directory, async workspace => {
      await begin(workspace, call)
      const view = log(call.terminal)
      const health = await startHealth(call.options, call.terminal)
      const actor = await startAgent(workspace, name, { onProgress: progress => view.show(progress) })
      health?.ready()
      observeAgent(workspace, name)
      call.terminal.note(`${name} takes messages of ${workspace.dir}. Ctrl-C stops.`)
      await untilStopped(
        () => call.terminal.note(stopping),
        signal => Promise.race([once(signal, 'abort'), actor.ended]),
      )
      health?.stopping()
      await actor.drain(drainTimeoutMs)
      await health?.close()
      return exitCodes.done
    })
  },
})

export const intake = defineCommand({
  synopsis: ['intake [DIR] [--health PORT [--host HOST]]'],
  about:
    'The intake as a process of its own: what lies in landing/ becomes deliveries, and deliveries become runs. SIGTERM ends it.',
  options: { ...healthOptions, ...settingOptions },
  async run(call) {
    const { directory } = takeDirectory(call.words)
    return withWorkspace(call, directory, async workspace => {
      await begin(workspace, call)
      const view = log(call.terminal)
      const health = await startHealth(call.options, call.terminal)
      observeIntake(workspace)
      health?.ready()
      call.terminal.note(`Watching ${workspace.dir}/landing. Ctrl-C stops.`)
      await untilStopped(
        () => call.terminal.note(stopping),
        signal => watchLanding(workspace, { onProgress: progress => view.show(progress), signal }),
      )
      await health?.close()
      return exitCodes.done
    })
  },
})

/** Says what there is to warn of, and looks whether the warehouse is there, where it is this process's to write. */
async function begin(workspace: Workspace, { terminal }: Call): Promise<void> {
  for (const warning of await workspace.warnings()) terminal.note(warning)
  // Where its server is elsewhere, that server looks.
  if (workspace.settings.tools.lakehouse.kind === 'local') await refuseLostWarehouse(workspace)
}

const isAgent = (name: string): name is AgentName => (agentNames as readonly string[]).includes(name)
