import type { RunView } from '../runtime/run-records.ts'
import type { Progress } from './chain.ts'
import { openApprovals } from './open-approvals.ts'
import { approvalLines } from './render/approval.ts'
import { stateMark } from './render/report.ts'
import { counted, visible } from './render/text.ts'
import type { Terminal } from './terminal.ts'
import type { TypedCommands } from './typed.ts'
import type { Workspace } from './workspace.ts'

const lookEveryMs = 500

export interface FollowedRuns {
  /** A run that moves is followed until it has ended or waits. */
  note(progress: Progress): void
  end(): Promise<void>
}

/** Says on stdout what becomes of runs that move: a line when one ends, the question and its command when one waits. */
export function followRuns(workspace: Workspace, command: TypedCommands, terminal: Terminal): FollowedRuns {
  const moving = new Set<string>()
  const asked = new Set<string>()
  const look = async () => {
    for (const id of moving) {
      const view = await workspace.stores.runs.get(id)
      if (view === undefined || view.state === 'running') continue
      moving.delete(id)
      terminal.say(outcomeLine(view, terminal))
    }
    for (const approval of await openApprovals(workspace)) {
      if (asked.has(approval.id)) continue
      asked.add(approval.id)
      terminal.say(approvalLines(approval, command, terminal.colors).join('\n'))
    }
  }
  let looking: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    looking = looking.then(look).catch(error => terminal.note(String(error)))
  }, lookEveryMs)
  return {
    note(progress) {
      if (progress.kind !== 'trouble') moving.add(progress.runId)
    },
    async end() {
      clearInterval(timer)
      await looking
      await look()
    },
  }
}

function outcomeLine({ delivery, state, progress: { bronze, core }, failure }: RunView, { colors }: Terminal): string {
  const inError = (bronze?.rejected ?? 0) + (core?.rejected ?? 0)
  const rows = bronze ? `  ${counted(bronze.read, 'row')}, ${inError} in error` : ''
  const why = failure ? `  ${failure.code} ${visible(failure.message)}` : ''
  return `${stateMark(state, colors)}  ${delivery.feed.vendor}/${delivery.feed.table}  ${visible(delivery.file)}${rows}${why}`
}
