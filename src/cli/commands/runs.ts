import type { RunView } from '../../runtime/run-records.ts'
import { takeAction } from '../arguments.ts'
import { type Call, defineCommand, type ExitCode, exitCodes } from '../command.ts'
import { findRun } from '../find-run.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import { runDetails, runTable } from '../render/runs.ts'
import { replay } from '../replay.ts'
import { typedCommands } from '../typed.ts'
import type { Workspace } from '../workspace.ts'

export const runs = defineCommand({
  synopsis: ['runs [DIR] [--json]', 'runs [DIR] show RUN [--json]', 'runs [DIR] replay RUN'],
  about:
    'Every run, oldest first, and how it ended. `show` says all that is known of one; `replay` starts the delivery of a failed or refused one again, or one that was taken back.',
  options: settingOptions,
  async run(call) {
    const action = takeAction(call.words, ['show', 'replay'])
    const command = typedCommands(call.environment, action.directory)
    return withWorkspace(call, action.directory, async workspace => {
      if (action.kind === 'list') return list(call, await workspace.stores.runs.all(), command('run'))
      const view = await findRun(workspace.stores.runs, action.id)
      if (action.verb === 'replay') return again(call, workspace, view.run.id, command('run'))
      call.terminal.answer(documentOf(view), () => runDetails(view, command, call.terminal))
      return exitCodes.done
    })
  },
})

function list({ terminal }: Call, views: readonly RunView[], runCommand: string): ExitCode {
  terminal.answer({ runs: views.map(documentOf) }, () =>
    views.length === 0 ? `No runs yet. Put files into landing/ and type: ${runCommand}` : runTable(views, terminal),
  )
  return exitCodes.done
}

/** Shared with dead letters: to replay one is to replay its run. */
export async function again(
  { terminal }: Call,
  workspace: Workspace,
  runId: string,
  runCommand: string,
): Promise<ExitCode> {
  const replayed = await replay(workspace, runId)
  if (replayed.kind === 'message') {
    const { topic } = replayed
    terminal.answer({ replayed: runId, topic }, () => `The message is on ${topic} again. Type: ${runCommand}`)
  } else {
    const { id } = replayed.run
    terminal.answer({ replayed: runId, run: id }, () => `Run ${id} is ready to go. Type: ${runCommand}`)
  }
  return exitCodes.done
}

function documentOf({ run, delivery, state, rollback, progress, decisions, waitingFor, failure }: RunView) {
  return {
    id: run.id,
    traceId: run.traceId,
    cause: run.cause,
    ...(rollback && { rollback }),
    startedAt: run.budget.startedAt,
    state,
    delivery: delivery.id,
    vendor: delivery.feed.vendor,
    table: delivery.feed.table,
    file: delivery.file,
    progress,
    decisions,
    waitingFor,
    ...(failure && { failure }),
  }
}
