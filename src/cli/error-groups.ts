import { z } from 'zod'
import type { Lakehouse } from '../lakehouse/lakehouse.ts'

/** Errors of one kind in one feed: how many, one of them, and whose they are. */
export interface ErrorGroup {
  readonly feed: string
  readonly stage: string
  readonly code: string
  readonly column: string | null
  readonly errors: number
  readonly message: string
  readonly example: string | null
  readonly owner: string
}

const row = z.tuple([
  z.string(),
  z.string(),
  z.string(),
  z.string().nullable(),
  z.coerce.number(),
  z.string(),
  z.string().nullable(),
  z.string(),
])

const exampleCharacters = 120
const errorsTable = { namespace: 'product_raw', name: 'ingest_errors' }

/** The most frequent kinds of errors in `product_raw.ingest_errors` of these deliveries, at most `limit`. */
export async function errorGroups(
  lakehouse: Pick<Lakehouse, 'query' | 'tableExists'>,
  deliveryIds: readonly string[],
  limit: number,
): Promise<ErrorGroup[]> {
  if (deliveryIds.length === 0 || !(await lakehouse.tableExists(errorsTable))) return []
  const { rows } = await lakehouse.query(`
    SELECT vendor_name || '/' || table_name AS feed, stage, error_code, column_name, count(*) AS errors,
      min(error_message) AS message, min(left(raw_record, ${exampleCharacters})) AS example, coalesce(min(owner), '') AS owner
    FROM product_raw.ingest_errors
    WHERE delivery_id IN (${deliveryIds.map(id => `'${id}'`).join(', ')})
    GROUP BY ALL
    ORDER BY errors DESC, feed, stage, error_code, column_name
    LIMIT ${limit}`)
  return rows.map(cells => {
    const [feed, stage, code, column, errors, message, example, owner] = row.parse(cells)
    return { feed, stage, code, column, errors, message, example, owner }
  })
}
