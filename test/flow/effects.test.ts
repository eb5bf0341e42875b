/** A change that was made and whose answer was lost: it is tried again, and is there once. */
import { describe, expect } from 'vitest'

import { Failure, type FailureCode } from '../../contracts/failures.ts'
import { replay } from '../../src/cli/replay.ts'
import type { OpenOptions } from '../../src/cli/workspace.ts'
import type { Lakehouse } from '../../src/lakehouse/lakehouse.ts'
import { own } from '../../src/telemetry/names.ts'
import { orphans } from '../../src/telemetry/orphans.ts'
import type { SpanRecord } from '../../src/telemetry/record.ts'
import { keeps } from '../promises.ts'
import { csv, deliveryOf, namesOf, product, products, rowsOf, spansOf, workspaceWith } from './support.ts'
import { unbalanced } from './workspace.ts'

const file = 'acme/products-2026-01-10.csv'
const feed = csv([...products(1, 40), product(41, { price: 'call us' }), product(42, { price: '-5.00' })])

const isRoot = ({ parentSpanId }: SpanRecord) => parentSpanId === undefined

type Writing = 'append' | 'stage' | 'publish'

/** Each table's first write of a kind is done, and then its answer is lost. */
function losing(kind: Writing, code: FailureCode): OpenOptions {
  const lost = new Set<string>()
  const lose = <A extends unknown[], R>(write: (table: { name: string }, ...rest: A) => Promise<R>) => {
    return async (table: { name: string }, ...rest: A): Promise<R> => {
      const result = await write(table, ...rest)
      if (lost.has(table.name)) return result
      lost.add(table.name)
      throw new Failure(code, 'The answer was lost on its way.')
    }
  }
  return {
    lakehouse: lakehouse => ({ ...lakehouse, [kind]: lose(lakehouse[kind].bind(lakehouse) as never) }) as Lakehouse,
  }
}

const counts = { rowsRead: 42, rowsLoaded: 41, rowsInError: 1, rowsPublished: 40, rowsRejectedInCore: 1 }

describe.each<Writing>(['append', 'stage', 'publish'])('the answer to each first %s of a table is lost', kind => {
  keeps('P2', 'P4')('it may come through: tried again in the same run, nothing is there twice', async () => {
    const workspace = await workspaceWith({ [file]: feed })
    const summary = await workspace.run(losing(kind, 'ENGINE_FAILED'))
    expect(deliveryOf(summary, file)).toMatchObject({ state: 'published', ...counts })
    expect(unbalanced(summary)).toEqual([])
    expect(rowsOf(summary, 'product_raw.acme_products')).toBe(41)
    expect(rowsOf(summary, 'product_raw.ingest_errors')).toBe(2)
    expect(rowsOf(summary, 'product_core.product')).toBe(40)
  })

  keeps(
    'P2',
    'P4',
    'P5',
  )('it will not: the run fails, a replay finds what was written and ends it, in a trace of its own', async () => {
    const workspace = await workspaceWith({ [file]: feed })
    const options = losing(kind, 'DISK_FULL')
    let summary = await workspace.run(options)
    for (let failed = 0; deliveryOf(summary, file).state === 'failed' && failed < 5; failed += 1) {
      const { runId, failure } = deliveryOf(summary, file)
      expect(failure).toMatchObject({ code: 'DISK_FULL' })
      expect(orphans(await spansOf(workspace, runId))).toEqual([])
      await workspace.with(place => replay(place, runId))
      summary = await workspace.run(options)
      const failedRoot = (await spansOf(workspace, runId)).find(isRoot)
      const root = (await spansOf(workspace, deliveryOf(summary, file).runId)).find(isRoot)
      expect(root?.attributes).toMatchObject({ [own.runCause]: 'replayed', [own.replayOf]: runId })
      expect(root?.links).toMatchObject([{ traceId: failedRoot?.traceId, spanId: failedRoot?.spanId }])
    }
    expect(deliveryOf(summary, file)).toMatchObject({ state: 'published', ...counts })
    expect(rowsOf(summary, 'product_raw.acme_products')).toBe(41)
    expect(rowsOf(summary, 'product_core.product')).toBe(40)
    const bronze = `SELECT count(*), count(DISTINCT record_number) FROM product_raw.ingest_errors WHERE stage = 'bronze'`
    expect(await workspace.query(bronze)).toEqual([[1, 1]])
  })
})

keeps('P4', 'P5')(
  'a tool that fails for a while: every try is in the one trace, below the agent that tried',
  async () => {
    const workspace = await workspaceWith({ [file]: feed })
    let failures = 2
    const summary = await workspace.run({
      lakehouse: lakehouse => ({
        ...lakehouse,
        append: async (table, write) => {
          if (table.name === 'acme_products' && failures-- > 0) throw new Failure('ENGINE_FAILED', 'Not now.')
          return lakehouse.append(table, write)
        },
      }),
    })
    const { state, runId } = deliveryOf(summary, file)
    expect(state).toBe('published')
    const spans = await spansOf(workspace, runId)
    expect(orphans(spans)).toEqual([])
    expect(namesOf(spans).filter(name => name === 'execute_tool lakehouse.run_load_plan')).toHaveLength(3)
  },
)
