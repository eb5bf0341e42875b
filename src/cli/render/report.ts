/** What a person wants to know when a run has ended, in the order in which they ask. */
import { decisionSteps } from '../../../contracts/data/common.ts'
import type { RunSummary } from '../chain.ts'
import type { ErrorGroup } from '../error-groups.ts'
import type { Terminal } from '../terminal.ts'
import type { TypedCommands } from '../typed.ts'
import { approvalLines } from './approval.ts'
import { table } from './table.ts'
import { count, counted, visible } from './text.ts'

type Delivery = RunSummary['deliveries'][number]
type Look = Pick<Terminal, 'columns' | 'colors'>

export interface Report {
  readonly summary: RunSummary
  readonly errors: readonly ErrorGroup[]
  readonly command: TypedCommands
  /** Nothing was taken in and nothing moved: what there is to say is what still waits. */
  readonly quiet: boolean
}

export function runReport({ summary, errors, command, quiet }: Report, look: Look): string {
  const { colors } = look
  const open = summary.deliveries.filter(({ state }) => state !== 'duplicate')
  const approvals = summary.approvals.toSorted((a, b) => Number(b.blocking) - Number(a.blocking))
  return [
    ...(quiet ? [nothingNew(summary, open), ''] : []),
    ...(open.length > 0 ? [deliveryTable(open, look), ''] : []),
    ...(quiet ? [] : totals(summary, open, look)),
    ...section('Rows in error', errorRows(errors), look),
    ...section('Failed or refused', troubles(summary, look), look),
    ...section(
      'Waiting for a person',
      approvals.flatMap(approval => approvalLines(approval, command, colors)),
      look,
    ),
    ...section(
      'Tables',
      summary.tables.map(({ name, rows }) => `${name}  ${colors.dim(counted(rows, 'row'))}`),
      look,
    ),
    ...section('Next', nextCommands(summary, command), look),
  ]
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
}

function nothingNew({ deliveries, errors }: RunSummary, open: readonly Delivery[]): string {
  const files = deliveries.length + errors.length
  const known = files === 0 ? 'landing is empty' : `${counted(files, 'file')} known before`
  return `Nothing new: ${known}; nothing was read, nothing was written.${open.length > 0 ? ' Still open:' : ''}`
}

const section = (title: string, lines: readonly string[], { colors }: Look): string[] =>
  lines.length === 0 ? [] : ['', colors.bold(title), ...lines.map(line => `  ${line}`)]

function deliveryTable(deliveries: readonly Delivery[], look: Look): string {
  return table(
    [
      { title: '' },
      { title: 'feed' },
      { title: 'file' },
      { title: 'read', align: 'right' },
      { title: 'loaded', align: 'right' },
      { title: 'published', align: 'right' },
      { title: 'in error', align: 'right' },
      { title: 'run' },
    ],
    deliveries.map(delivery => [
      stateMark(delivery.state, look.colors),
      `${delivery.vendor}/${delivery.table}`,
      visible(delivery.file),
      count(delivery.rowsRead),
      count(delivery.rowsLoaded),
      count(delivery.rowsPublished),
      count(delivery.rowsInError + delivery.rowsRejectedInCore),
      delivery.runId,
    ]),
    look,
  )
}

export function stateMark(state: string, colors: Look['colors']): string {
  if (state === 'published') return colors.green('✓ published')
  if (state === 'waiting') return colors.yellow('? waiting')
  if (state === 'rolled-back') return colors.yellow('↩ rolled back')
  if (state === 'duplicate') return colors.dim('= duplicate')
  return colors.red(`✗ ${state}`)
}

function totals(summary: RunSummary, fresh: readonly Delivery[], { colors }: Look): string[] {
  const known = summary.deliveries.length - fresh.length
  const sum = (pick: (delivery: Delivery) => number) =>
    count(fresh.reduce((total, delivery) => total + pick(delivery), 0))
  const states = ['published', 'waiting', 'refused', 'failed', 'rolled-back']
    .map(state => [state, fresh.filter(delivery => delivery.state === state).length] as const)
    .filter(([, number]) => number > 0)
    .map(([state, number]) => `${number} ${state}`)
  const decided = decisionSteps.map(
    step => `${step} ${count(fresh.reduce((total, { decisions }) => total + decisions[step], 0))}`,
  )
  return [
    `${colors.bold('Deliveries')}     ${fresh.length}: ${states.join(', ')}${known > 0 ? `, ${known} known before` : ''}`,
    `${colors.bold('Rows')}           ${sum(d => d.rowsRead)} in, ${sum(d => d.rowsLoaded)} loaded, ${sum(d => d.rowsPublished)} published, ${sum(d => d.rowsSuperseded)} superseded`,
    `${colors.bold('Rows in error')}  ${sum(d => d.rowsInError)} on loading, ${sum(d => d.rowsRejectedInCore)} by rules`,
    `${colors.bold('Decisions')}      ${decided.join(' · ')}`,
  ]
}

function errorRows(groups: readonly ErrorGroup[]): string[] {
  return groups.flatMap(({ feed, stage, code, column, errors, example, message, owner }) => [
    `${count(errors)} × ${code}${column ? ` in ${column}` : ''}  ${feed}, stage ${stage}, owner ${visible(owner)}`,
    `    ${visible(message)}`,
    ...(example ? [`    e.g. ${visible(example)}`] : []),
  ])
}

function troubles({ deliveries, errors }: RunSummary, { colors }: Look): string[] {
  const lines = (
    what: string,
    { code, message, wayOut, owner }: { code: string; message: string; wayOut: string; owner: string },
  ) => [`${visible(what)}  ${colors.red(code)} ${visible(message)}`, `    owner ${visible(owner)} · ${visible(wayOut)}`]
  return [
    ...errors.flatMap(error => lines(error.file, error)),
    ...deliveries.flatMap(({ file, failure, reasons }) => [
      ...(failure ? lines(file, failure) : []),
      ...(reasons ?? []).flatMap(reason => lines(file, reason)),
    ]),
  ]
}

/** The three commands most worth typing now: answer what waits, look into what went wrong, read what came out. */
function nextCommands({ deliveries, approvals, tables }: RunSummary, command: TypedCommands): string[] {
  const wrong = deliveries.find(({ state }) => state === 'failed' || state === 'refused')
  const inError = deliveries.some(({ rowsInError, rowsRejectedInCore }) => rowsInError + rowsRejectedInCore > 0)
  const core = tables.find(({ name }) => name.startsWith('product_core.')) ?? tables[0]
  const run = wrong ?? deliveries.find(({ state }) => state !== 'duplicate')
  return [
    ...(approvals[0] ? [command('approvals')] : []),
    ...(wrong ? [command('trace', wrong.runId)] : []),
    ...(inError ? [command('query', 'SELECT * FROM product_raw.ingest_errors')] : []),
    ...(core ? [command('query', `SELECT * FROM ${core.name} LIMIT 20`)] : []),
    ...(run && run !== wrong ? [command('trace', run.runId)] : []),
    command('runs'),
    command('decisions'),
    command('up'),
  ].slice(0, 3)
}
