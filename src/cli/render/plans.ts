import type { DeliveryPlan, Plans } from '../plan-waiting.ts'
import type { Terminal } from '../terminal.ts'
import { table } from './table.ts'
import { bytes, count, visible, wrap } from './text.ts'

/** What people read of the plans: one line each, and below them the reasons. */
export function plansText({ deliveries, errors }: Plans, terminal: Terminal): string {
  if (deliveries.length === 0 && errors.length === 0) return 'Nothing in landing/ waits to be loaded.'
  const right = (title: string) => ({ title, align: 'right' as const })
  const columns = [{ title: 'file' }, right('size'), right('records'), { title: 'engine' }]
  const shape = [right('workers'), right('cores'), right('memory'), right('shuffle'), right('files')]
  const reasons = deliveries.flatMap(plan => [
    visible(plan.file),
    ...wrap(reasonOf(plan), terminal.columns - 4).map(line => `    ${visible(line)}`),
  ])
  const troubles = errors.flatMap(({ file, message, wayOut, owner }) => [
    `${terminal.colors.red('✗')} ${visible(file)}: ${visible(message)}`,
    `    ${visible(wayOut)} (${visible(owner)})`,
  ])
  return [
    ...(deliveries.length > 0 ? [table([...columns, ...shape], deliveries.map(rowOf), terminal), '', ...reasons] : []),
    ...troubles,
  ].join('\n')
}

const rowOf = (plan: DeliveryPlan): string[] => [
  visible(plan.file),
  bytes(plan.source.sizeBytes),
  plan.source.rows === null ? '?' : `${plan.rowsAre === 'estimated' ? '~' : ''}${count(plan.source.rows)}`,
  plan.engine,
  count(plan.workers.most),
  orOpen(plan.coresPerWorker, count),
  orOpen(plan.memoryBytesPerWorker, bytes),
  orOpen(plan.shufflePartitions, count),
  orOpen(plan.files, count),
]

const orOpen = (value: number | null, text: (value: number) => string): string => (value === null ? '–' : text(value))

function reasonOf({ reason, partition, contractVersion }: DeliveryPlan): string {
  const by = partition.map(({ column, transform }) => (transform === 'identity' ? column : `${transform}(${column})`))
  const governed = contractVersion === null ? 'no contract yet' : `contract v${contractVersion}`
  return `${reason}. The table is divided by ${by.join(', ')}; ${governed}.`
}
