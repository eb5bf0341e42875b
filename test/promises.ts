/**
 * The promises of the product as data, and how a test says which of them it would notice the breaking of. `promises.test.ts` sees
 * to it that none goes without a test; `npx vitest run -t P3` runs those of one.
 */
import { test } from 'vitest'

export interface ProductPromise {
  readonly id: `P${number}`
  readonly text: string
  /** Tests of other rooms that would notice, by file below test/ and the words in the test's name. */
  readonly provenBy?: readonly { readonly file: string; readonly name: string }[]
  /** What of it is not kept yet, and why. */
  readonly open?: string
}

export const promises = [
  {
    id: 'P1',
    text: 'Nothing is lost: source = bronze + bronze errors; bronze = core + superseded + core errors; counted by the validator itself.',
  },
  {
    id: 'P2',
    text: 'Nothing is doubled: a crash, redelivery or replay changes no count; the same file twice loads once.',
  },
  {
    id: 'P3',
    text: 'Order per feed, parallel across feeds: a poisonous or waiting feed blocks only itself.',
  },
  {
    id: 'P4',
    text: 'Effects run once: every change is keyed, recorded before and after, and reconciled when its outcome is unknown.',
  },
  {
    id: 'P5',
    text: 'One trace: each run is one connected trace across agents, tools, restarts and pauses, without an orphan span.',
  },
  {
    id: 'P6',
    text: 'People decide: policy says what waits; a wait survives restarts, resumes exactly there and is not asked again.',
  },
  {
    id: 'P7',
    text: 'No hidden rules: changing the catalog changes the result with no code change; no synonym or threshold in code.',
  },
  {
    id: 'P8',
    text: 'Bounded spend: tokens, money, tool calls and time are reserved before use; known feeds cost no model call.',
  },
  {
    id: 'P9',
    text: 'Same result on every engine: equal typed columns and equal errors; generated code readable, deterministic, kept.',
    provenBy: [{ file: 'spark/differential.test.ts', name: 'DuckDB and Spark give the same' }],
  },
  {
    id: 'P10',
    text: 'Open tables: everything written is Apache Iceberg that other engines read as it is.',
    provenBy: [{ file: 'lakehouse/pyiceberg.test.ts', name: 'PyIceberg' }],
  },
  {
    id: 'P11',
    text: 'Least privilege: an agent reaches only its tools, a tool only its paths; file contents are data.',
  },
  {
    id: 'P12',
    text: 'Drift is data: a changed feed gives a new contract version and a diff by policy; code never changes.',
  },
] as const satisfies readonly ProductPromise[]

export type PromiseId = (typeof promises)[number]['id']

/** `keeps('P1', 'P2')('a delivery twice: …', body)`: a test that would notice the breaking of P1 or P2; its name says so. */
export const keeps =
  (...ids: readonly PromiseId[]) =>
  (name: string, body: () => Promise<void> | void, timeoutMs?: number): void =>
    test(`${ids.join(' ')}: ${name}`, body, timeoutMs)
