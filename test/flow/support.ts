/** What the flow tests share: a made-up vendor's products, workspaces that go away, a person who answers, a trace to walk. */
import { afterAll } from 'vitest'
import type { OutgoingMessage } from '../../bus/bus.ts'
import type { RunSummary } from '../../src/cli/chain.ts'
import type { DeliverySummary } from '../../src/cli/summary.ts'
import { decideApproval } from '../../src/runtime/decide-approval.ts'
import type { SpanRecord } from '../../src/telemetry/record.ts'
import { type TestWorkspace, testWorkspace } from './workspace.ts'

/** A record of the feed, by column. */
export type Product = Readonly<Record<string, string>>

/** Article numbers have a leading zero, so that one taken for a number would show. */
export const skuOf = (number: number): string => `0${1000 + number}`

export const product = (number: number, more: Product = {}): Product => ({
  sku: skuOf(number),
  title: `Lamp number ${number}`,
  price: `${number}.50`,
  ...more,
})

export const products = (from: number, to: number, more: Product = {}): Product[] =>
  Array.from({ length: to - from + 1 }, (_, index) => product(from + index, more))

/** The records as comma-separated text; the columns are those of the first. */
export function csv(records: readonly Product[], columns = Object.keys(records[0] ?? {})): string {
  const lines = records.map(record => columns.map(column => record[column] ?? '').join(','))
  return `${[columns.join(','), ...lines].join('\n')}\n`
}

const workspaces: TestWorkspace[] = []
afterAll(async () => {
  for (const workspace of workspaces) await workspace.remove()
})

/** A workspace with these files in landing; it is gone after the tests of the file. */
export async function workspaceWith(files: Readonly<Record<string, string | Uint8Array>> = {}): Promise<TestWorkspace> {
  const workspace = await testWorkspace(files)
  workspaces.push(workspace)
  return workspace
}

/** A value in a document of the catalog, by its key; the key stands there once. */
export const setting =
  (key: string, value: string | number) =>
  (text: string): string =>
    text.replace(new RegExp(`(\\b${key}:) ({}|[^\\s,}]+)`), `$1 ${value}`)

/** One check more in a book of rules. */
export const withCheck = (rule: string) => (text: string) =>
  text.replace(/^checks:.*\n/m, line => `${line}  - ${rule}\n`)

/** What came of one file. */
export function deliveryOf(summary: RunSummary, file: string): DeliverySummary {
  const found = summary.deliveries.find(delivery => delivery.file === file)
  if (found) return found
  throw new Error(`no delivery of ${file}: ${JSON.stringify({ ...summary, tables: undefined })}`)
}

/** Every delivery's state by file, shortest way to say how a run went. */
export const statesOf = (summary: RunSummary): Record<string, string> =>
  Object.fromEntries(summary.deliveries.map(({ file, state }) => [file, state]))

export const rowsOf = (summary: RunSummary, table: string): number | undefined =>
  summary.tables.find(({ name }) => name === table)?.rows

/** A person answers the open question about a subject, in a process of their own. Returns the approval's id. */
export async function answer(
  workspace: TestWorkspace,
  subject: string,
  given: { readonly verdict?: 'approved' | 'rejected'; readonly answer?: string } = {},
): Promise<string> {
  return workspace.with(async place => {
    const open = await place.stores.approvals.open()
    const asked = open.find(({ approval }) => approval.question.subject === subject)
    if (asked === undefined) throw new Error(`nobody asks about ${subject}`)
    const { verdict = 'approved', answer: chosen } = given
    await decideApproval(place, asked.approval.id, { verdict, answer: chosen, by: 'ada' })
    return asked.approval.id
  })
}

/** The spans of a run, as the journal holds them. */
export const spansOf = (workspace: TestWorkspace, runId: string): Promise<SpanRecord[]> =>
  workspace.with(async ({ telemetry }) => telemetry.journal.spansOfRun(runId))

export const namesOf = (spans: readonly SpanRecord[]): string[] => spans.map(({ name }) => name)

/** The names of the spans above one, nearest first. */
export function pathOf(span: SpanRecord, spans: readonly SpanRecord[]): string[] {
  const above = spans.find(candidate => candidate.spanId === span.parentSpanId)
  return above === undefined ? [] : [above.name, ...pathOf(above, spans)]
}

/** What stands on `feed.delivered`, as anybody may write it. */
export const deliveredMessage = (id: string, data: unknown, version = 1, key = 'other/things'): OutgoingMessage => ({
  topic: 'feed.delivered',
  key,
  headers: {
    'content-type': 'application/json',
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: 'test',
    ce_type: `aiworkflow.feed.delivered.v${version}`,
  },
  value: Buffer.from(JSON.stringify(data)),
})
