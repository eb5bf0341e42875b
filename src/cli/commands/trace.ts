import { renderStack, stackDocument } from '../../telemetry/render.ts'
import { stackOf } from '../../telemetry/stack.ts'
import { takeDirectory } from '../arguments.ts'
import { defineCommand, exitCodes } from '../command.ts'
import { findRun } from '../find-run.ts'
import { settingOptions, withWorkspace } from '../open.ts'

export const trace = defineCommand({
  synopsis: ['trace [DIR] RUN [--json]'],
  about:
    'The agent stack trace of one run: agents, steps, decisions with the step of the ladder that made them, tool calls with their arguments as a digest, retries, and where it failed, why, and whose it is. RUN is the id of a run, a delivery, a trace or a call of execute(), or the name of a file: then its latest run.',
  options: settingOptions,
  async run(call) {
    const { terminal, words } = call
    const {
      directory,
      words: [name],
    } = takeDirectory(words, 'RUN')
    return withWorkspace(call, directory, async ({ stores, telemetry }) => {
      // What execute() did is a run of its own, and of no delivery.
      const executed = telemetry.journal.spansOfRun(name!)
      const spans =
        executed.length > 0 ? executed : telemetry.journal.spansOfRun((await findRun(stores.runs, name!)).run.id)
      const stack = stackOf(spans)
      terminal.answer(stackDocument(stack), () =>
        renderStack(stack, { colour: terminal.colors.isColorSupported }).trimEnd(),
      )
      return exitCodes.done
    })
  },
})
