/**
 * `product_meta`: contracts, mappings and decisions as tables, for people who want to query them beside the data. A copy: the catalog
 * and the decision book are what counts, and nothing reads these tables back. Each version of a document is appended once, and the
 * decisions of a run once per run, when it stages.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { type Feed, feedKey } from '../../../contracts/data/common.ts'
import type { Decision } from '../../../contracts/data/decision.ts'
import type { FeedContract } from '../../../contracts/data/feed-contract.ts'
import type { Mapping } from '../../../contracts/data/mapping.ts'
import type { Lakehouse } from '../../lakehouse/lakehouse.ts'
import { ensureTable } from './create-table.ts'

type Row = Readonly<Record<string, string | number>>

interface Projection {
  readonly name: 'contracts' | 'mappings' | 'decisions'
  /** Column and type; the same names in Iceberg and in DuckDB, but for text. */
  readonly columns: Readonly<Record<string, 'string' | 'int' | 'long' | 'double' | 'timestamptz'>>
  readonly writeKey: string
  readonly rows: readonly Row[]
}

export interface RunDocuments {
  readonly runId: string
  readonly contract: FeedContract
  readonly mapping: Mapping
  readonly decisions: readonly Decision[]
}

export async function projectRun(lakehouse: Lakehouse, documents: RunDocuments): Promise<void> {
  const { contract, mapping, decisions, runId } = documents
  await append(lakehouse, documentRows('contracts', contract))
  await append(lakehouse, documentRows('mappings', mapping))
  await append(lakehouse, decisionRows(runId, decisions))
}

function documentRows(
  name: 'contracts' | 'mappings',
  document: Feed & { version: number; owner: string; createdAt: string },
): Projection {
  const { vendor, table, version, owner, createdAt } = document
  return {
    name,
    columns: {
      vendor_name: 'string',
      table_name: 'string',
      version: 'int',
      owner: 'string',
      created_at: 'timestamptz',
      document: 'string',
    },
    writeKey: `${feedKey(document)} v${version}`,
    rows: [
      {
        vendor_name: vendor,
        table_name: table,
        version,
        owner,
        created_at: createdAt,
        document: JSON.stringify(document),
      },
    ],
  }
}

function decisionRows(runId: string, decisions: readonly Decision[]): Projection {
  return {
    name: 'decisions',
    columns: {
      decision_id: 'string',
      run_id: 'string',
      vendor_name: 'string',
      table_name: 'string',
      agent: 'string',
      question: 'string',
      answer: 'string',
      step: 'string',
      confidence: 'double',
      evidence: 'string',
      decided_by: 'string',
      cost_micros: 'long',
      decided_at: 'timestamptz',
    },
    writeKey: `decisions of ${runId}`,
    rows: decisions.map(({ id, feed, evidence, by, costMicros, at, ...decision }) => ({
      decision_id: id,
      run_id: decision.runId,
      vendor_name: feed.vendor,
      table_name: feed.table,
      agent: decision.agent,
      question: decision.question,
      answer: decision.answer,
      step: decision.step,
      confidence: decision.confidence,
      evidence: JSON.stringify(evidence),
      decided_by: by,
      cost_micros: costMicros,
      decided_at: at,
    })),
  }
}

async function append(lakehouse: Lakehouse, { name, columns, writeKey, rows }: Projection): Promise<void> {
  if (rows.length === 0) return
  const table = { namespace: 'product_meta', name }
  if ((await lakehouse.tableExists(table)) && (await lakehouse.findWrite(table, writeKey)) !== undefined) return
  const definition = Object.entries(columns).map(([column, type]) => ({ name: column, type, required: false }))
  await ensureTable(lakehouse, { table, columns: definition, partition: [] })
  const shape = Object.entries(columns).map(([column, type]) => `${column} ${duckdbTypes[type]}`)
  await lakehouse.append(table, {
    writeKey,
    prepare: async (connection: DuckDBConnection) => {
      await connection.run(`CREATE OR REPLACE TEMP TABLE projected (${shape.join(', ')})`)
      // Texts of people and vendors travel as a parameter, never as SQL.
      await connection.run(`INSERT INTO projected BY NAME SELECT unnest(from_json($1, $2), recursive := true)`, [
        JSON.stringify(rows),
        JSON.stringify([
          Object.fromEntries(Object.entries(columns).map(([column, type]) => [column, duckdbTypes[type]])),
        ]),
      ])
    },
    select: 'SELECT * FROM projected',
  })
}

const duckdbTypes = { string: 'VARCHAR', int: 'INTEGER', long: 'BIGINT', double: 'DOUBLE', timestamptz: 'TIMESTAMPTZ' }
