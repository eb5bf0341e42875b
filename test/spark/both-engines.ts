/** One contract and one file through both engines: what each makes of it, in a form that can be compared. */
import { DuckDBInstance } from '@duckdb/node-api'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import { compileLoad } from '../../src/compiler/load-plan.ts'
import { renderSparkLoad } from '../../src/compiler/spark/load.ts'
import { renderSource } from '../../src/compiler/spark/source.ts'
import { bronzeTable } from '../../src/compiler/tables.ts'
import { quoteIdentifier, quoteLiteral } from '../../src/lakehouse/lakehouse.ts'
import { writeCanonical } from '../../src/records/canonical.ts'
import { duckdbReadCanonical } from '../../src/records/duckdb.ts'
import { linesOf } from '../../src/tools/lakehouse/load-spark.ts'
import { facts } from '../compiler/contracts.ts'
import type { SparkSession } from './session.ts'

export interface Outcome {
  /** Typed rows in the order of the file: numbers of floating point as such, all other values as texts. */
  readonly rows: unknown[][]
  /** Code, column and raw record, sorted. */
  readonly errors: string[]
}

const limits = { maxRecordBytes: 16_000_000 }

/** `form` makes a value of a type comparable; both engines write what comes of it alike. */
const compared = (
  contract: FeedContract,
  accepted: string,
  quote: (name: string) => string,
  form: (name: string, type: string) => string,
) =>
  `SELECT ${contract.columns.map(({ name, type }) => form(quote(name), type)).join(', ')} FROM (\n${accepted}\n) AS accepted`

export async function throughDuckdb(contract: FeedContract, file: string): Promise<Outcome> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  try {
    const written = await writeCanonical(file, contract, `${file}.canonical`, limits)
    await connection.run(
      `SET TimeZone = 'UTC'; CREATE VIEW source AS SELECT * FROM ${duckdbReadCanonical(contract.columns, `${file}.canonical`, written)}`,
    )
    await connection.run(`COPY (SELECT * FROM source) TO ${quoteLiteral(`${file}.parquet`)} (FORMAT parquet)`)
    const texts = compileLoad(contract, facts)
    const select = compared(contract, texts.accepted, quoteIdentifier, (name, type) =>
      type.startsWith('timestamp') ? `epoch_us(${name})` : name,
    )
    const rows = (await connection.runAndReadAll(select)).getRowsJson()
    const errors = await connection.runAndReadAll(
      `SELECT error_code, column_name, raw_record FROM (\n${texts.rejected}\n)`,
    )
    return {
      rows: rows.map(row =>
        row.map((value, at) => (value === null || contract.columns[at]?.type === 'double' ? value : String(value))),
      ),
      errors: errors
        .getRowsJson()
        .map(row => JSON.stringify(row))
        .sort(),
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

const reading = `
from pyspark.sql.functions import expr
if kind == "lines":
    lines = spark.read.option("lineSep", line_end).text(file).withColumn("_line_number", expr("monotonically_increasing_id()"))
    lines.createOrReplaceTempView("lines")
else:
    spark.read.parquet(file).createOrReplaceTempView("prepared")
spark.sql(source).createOrReplaceTempView("source")
spark.sql(fitted).createOrReplaceTempView("fitted")
result = {
    "rows": [[shown(value) for value in row] for row in spark.sql(accepted).collect()],
    "errors": [[row.error_code, row.column_name, row.raw_record] for row in spark.sql(rejected).collect()],
}
`

/** After `throughDuckdb`, which leaves the records as Parquet where Spark does not read the file itself. */
export async function throughSpark(
  spark: SparkSession,
  contract: FeedContract,
  file: string,
): Promise<Outcome & { readonly kind: string }> {
  const source = (await linesOf({ contract, file, limits })) ?? { kind: 'prepared' as const, file: `${file}.parquet` }
  const texts = renderSparkLoad(contract, bronzeTable(contract), facts)
  const { format } = contract
  const answer = await spark.run<{ rows: unknown[][]; errors: unknown[][] }>(reading, {
    kind: source.kind,
    file: source.file,
    line_end: format.kind === 'delimited' && format.lineTerminator === 'crlf' ? '\r\n' : '\n',
    source: renderSource(contract, source),
    fitted: texts.fitted,
    accepted: compared(
      contract,
      texts.accepted,
      name => `\`${name}\``,
      (name, type) =>
        type.startsWith('timestamp')
          ? `unix_micros(CAST(${name} AS TIMESTAMP))`
          : type === 'boolean' || type.startsWith('decimal')
            ? `CAST(${name} AS STRING)`
            : name,
    ),
    rejected: texts.rejected,
  })
  return {
    kind: source.kind === 'prepared' ? source.kind : source.quoted ? 'quoted' : 'plain',
    rows: answer.rows,
    errors: answer.errors.map(row => JSON.stringify(row)).sort(),
  }
}
