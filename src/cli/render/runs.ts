import { decisionSteps } from '../../../contracts/data/common.ts'
import type { RunView } from '../../runtime/run-records.ts'
import type { Terminal } from '../terminal.ts'
import type { TypedCommands } from '../typed.ts'
import { stateMark } from './report.ts'
import { table } from './table.ts'
import { bytes, count, visible } from './text.ts'

type Look = Pick<Terminal, 'columns' | 'colors'>

export function runTable(views: readonly RunView[], look: Look): string {
  return table(
    [
      { title: 'started' },
      { title: '' },
      { title: 'feed' },
      { title: 'file' },
      { title: 'read', align: 'right' },
      { title: 'in error', align: 'right' },
      { title: 'why' },
      { title: 'run' },
    ],
    views.map(({ run, delivery, state, rollback, progress: { bronze, core } }) => [
      startedText(run.budget.startedAt),
      stateMark(state, look.colors),
      `${delivery.feed.vendor}/${delivery.feed.table}`,
      visible(delivery.file),
      count(bronze?.read ?? 0),
      count((bronze?.rejected ?? 0) + (core?.rejected ?? 0)),
      rollback === undefined ? run.cause.kind : 'rollback',
      run.id,
    ]),
    look,
  )
}

export function runDetails(view: RunView, command: TypedCommands, { colors }: Look): string {
  const { run, delivery, state, rollback, progress, decisions, waitingFor, failure } = view
  const { bronze, core, judgement } = progress
  const line = (name: string, text: string) => `${colors.dim(name.padEnd(12))}${text}`
  return [
    `${colors.bold(run.id)}  ${stateMark(state, colors)}`,
    line('feed', `${delivery.feed.vendor}/${delivery.feed.table}`),
    line('file', `${visible(delivery.file)}  ${bytes(delivery.sizeBytes)}`),
    line('delivery', `${delivery.id}, received ${startedText(delivery.receivedAt)}`),
    line('trace', run.traceId),
    line('because', rollback === undefined ? causeText(run.cause) : `${visible(rollback.by)} asked to take it back`),
    line('contract', progress.contractVersion === undefined ? 'none yet' : `version ${progress.contractVersion}`),
    line('mapping', progress.mappingVersion === undefined ? 'none yet' : `version ${progress.mappingVersion}`),
    ...(bronze
      ? [
          line(
            'bronze',
            `${count(bronze.read)} read, ${count(bronze.loaded)} loaded, ${count(bronze.rejected)} in error`,
          ),
        ]
      : []),
    ...(core
      ? [
          line(
            'core',
            `${count(core.staged)} staged, ${count(core.superseded + core.supersededLater)} superseded, ${count(core.rejected)} rejected`,
          ),
        ]
      : []),
    line('decisions', decisionSteps.map(step => `${step} ${decisions[step]}`).join(' · ')),
    ...(failure
      ? [
          line(
            'failed',
            `${colors.red(failure.code)} ${visible(failure.message)} (${failure.agent}, owner ${visible(failure.owner)})`,
          ),
          line('way out', visible(failure.wayOut)),
        ]
      : []),
    ...(judgement?.reasons ?? []).map(({ code, message, wayOut }) =>
      line('refused', `${colors.red(code)} ${visible(message)} ${visible(wayOut)}`),
    ),
    ...(judgement?.checks ?? [])
      .filter(({ broken }) => broken > 0)
      .map(check =>
        line('check', `${check.id}: ${count(check.broken)} broken, ${check.severity}, owner ${visible(check.owner)}`),
      ),
    ...waitingFor.map(id => line('waits for', command('approve', id))),
    '',
    command('trace', run.id),
  ].join('\n')
}

const startedText = (instant: string): string => `${instant.slice(0, 10)} ${instant.slice(11, 19)}`

function causeText(cause: RunView['run']['cause']): string {
  switch (cause.kind) {
    case 'delivered':
      return 'the file was delivered'
    case 'replayed':
      return `a person replayed ${cause.of}`
    case 'rebuilt':
      return 'standard, rules or mapping changed'
  }
}
