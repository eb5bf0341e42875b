import { takeDirectory } from '../arguments.ts'
import { type Progress, type RunSummary, runOnce } from '../chain.ts'
import { defineCommand, type ExitCode, exitCodes } from '../command.ts'
import { errorGroups } from '../error-groups.ts'
import { stopping, untilStopped } from '../interrupt.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import { progressView } from '../render/progress.ts'
import { runReport } from '../render/report.ts'
import { typedCommands } from '../typed.ts'

/** Kinds of errors in the report; the table of errors has them all. */
const errorKinds = 8

export const run = defineCommand({
  synopsis: ['run [DIR] [--json]'],
  about:
    'Takes everything in landing/ through planner, ingestion, modeling and validator, resumes what a person has decided meanwhile, and stops when nothing moves any more. Ends with 3 while a delivery waits for a person, with 1 when one failed or was refused.',
  options: settingOptions,
  async run(call) {
    const { terminal, environment, words } = call
    const { directory } = takeDirectory(words)
    return withWorkspace(call, directory, async workspace => {
      const view = progressView(terminal)
      let quiet = true
      const onProgress = (progress: Progress) => {
        quiet = false
        view.show(progress)
      }
      const { summary, stopped } = await untilStopped(
        () => terminal.note(stopping),
        async signal => ({ summary: await runOnce(workspace, { onProgress, signal }), stopped: signal.aborted }),
      ).finally(() => view.end())
      // What was decided meanwhile may have been carried out without a step of the chain.
      quiet &&= !summary.deliveries.some(({ state }) => state === 'rolled-back')
      const moved = summary.deliveries.filter(({ state }) => state !== 'duplicate').map(({ id }) => id)
      const errors = terminal.json || quiet ? [] : await errorGroups(workspace.lakehouse, moved, errorKinds)
      const command = typedCommands(environment, directory)
      terminal.answer(summary, () => runReport({ summary, errors, command, quiet }, terminal))
      if (stopped) terminal.note('Stopped before everything was done; the same command goes on from here.')
      return stopped ? exitCodes.failed : outcome(summary)
    })
  },
})

/** A failure outweighs a question: whoever looks at the code alone must not miss it. */
function outcome({ deliveries, errors }: RunSummary): ExitCode {
  if (errors.length > 0 || deliveries.some(({ state }) => state === 'failed' || state === 'refused'))
    return exitCodes.failed
  return deliveries.some(({ state }) => state === 'waiting') ? exitCodes.waiting : exitCodes.done
}
