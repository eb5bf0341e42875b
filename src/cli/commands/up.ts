import { agentNames } from '../../../contracts/chain.ts'
import { takeDirectory } from '../arguments.ts'
import { keepRunning, type Progress } from '../chain.ts'
import { defineCommand, exitCodes } from '../command.ts'
import { followRuns } from '../follow-runs.ts'
import { stopping, untilStopped } from '../interrupt.ts'
import { observeAgent, observeIntake } from '../observed.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import { log } from '../render/progress.ts'
import { typedCommands } from '../typed.ts'

export const up = defineCommand({
  synopsis: ['up [DIR]'],
  about:
    'The same chain, kept running: a file dropped into landing/ is taken up when it is whole, an approval given elsewhere resumes its run. Ctrl-C ends it after the steps that are running.',
  options: settingOptions,
  async run(call) {
    const { terminal, environment, words } = call
    const { directory } = takeDirectory(words)
    return withWorkspace(call, directory, async workspace => {
      const view = log(terminal)
      const outcomes = followRuns(workspace, typedCommands(environment, directory), terminal)
      const onProgress = (progress: Progress) => {
        view.show(progress)
        outcomes.note(progress)
      }
      for (const name of agentNames) observeAgent(workspace, name)
      observeIntake(workspace)
      terminal.note(`Watching ${workspace.dir}/landing. Ctrl-C stops.`)
      await untilStopped(
        () => terminal.note(stopping),
        signal => keepRunning(workspace, { onProgress, signal }),
      )
      await outcomes.end()
      return exitCodes.done
    })
  },
})
