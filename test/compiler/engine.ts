/** An engine in memory for the tests of generated SQL. */
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll } from 'vitest'

export interface Engine {
  run(sql: string): Promise<void>
  /** Rows as objects of JSON values: numbers too large or too exact for JavaScript as texts. */
  rows(sql: string): Promise<Record<string, unknown>[]>
}

export async function testEngine(): Promise<Engine> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  // A session's own zone must not change a result: none of the tests may see it.
  await connection.run("SET TimeZone = 'America/New_York'")
  afterAll(() => {
    connection.closeSync()
    instance.closeSync()
  })
  return {
    run: async sql => {
      await connection.run(sql)
    },
    rows: async sql => (await connection.runAndReadAll(sql)).getRowObjectsJson() as Record<string, unknown>[],
  }
}

export const literal = (text: string | null): string => (text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`)
