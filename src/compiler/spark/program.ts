/**
 * The load of one delivery as a PySpark program: the texts of `load.ts` and the few calls between them, in the order in which they happen.
 * It runs by `spark-submit` on any master and over Spark Connect, and asks for nothing but a catalog. The same inputs give the same bytes.
 */
import type { FeedContract } from '../../../contracts/data/feed-contract.ts'
import type { DeliveryFacts } from '../load-plan.ts'
import { bronzeTable, errorTable, type TableDefinition } from '../tables.ts'
import { renderSparkTable, sparkTable } from './ddl.ts'
import { renderSparkLoad } from './load.ts'
import { renderSource, type SparkSource } from './source.ts'

export interface SparkProgram {
  readonly contract: FeedContract
  readonly facts: DeliveryFacts
  /** How the raw table is divided. */
  readonly partition: TableDefinition['partition']
  readonly source: SparkSource
  /** The name of the catalog, in Spark and in the catalog's own rows. */
  readonly catalog: string
  /** What every snapshot says of where its rows came from, besides the write key. */
  readonly summary: Readonly<Record<string, string>>
}

/** Begins each line that the program says to whoever submitted it; a JSON document follows. */
export const programMark = 'aiworkflow '

export function renderProgram({ contract, facts, partition, source, catalog, summary }: SparkProgram): string {
  const bronze = { ...bronzeTable(contract), partition }
  const texts = renderSparkLoad(contract, bronze, facts)
  const how = source.kind === 'lines' ? readLines(contract) : readPrepared
  const origin =
    source.kind === 'lines'
      ? 'The delivery as it came.'
      : 'The records of the delivery as text, taken apart before this program and gone after it.'
  return `${remark(`Load of ${facts.file} into ${bronze.table.namespace}.${bronze.table.name}.`)}
${remark(`Contract ${contract.vendor}/${contract.table} version ${contract.version}, owner ${contract.owner}.`)}
# Generated: change the contract, never this text.
#
# By hand:  spark-submit --properties-file load.conf load.py
# aiworkflow adds --branch, and publishes the branch itself once every record is accounted for.
import argparse
import json
import re
import time

from pyspark.sql import Observation, SparkSession
from pyspark.sql.functions import count, count_if, expr

TABLE = ${quoted(sparkTable(catalog, bronze.table))}
ERRORS = ${quoted(sparkTable(catalog, errorTable.table))}
WRITE_KEY = ${quoted(facts.writeKey)}
SUMMARY = {
${Object.entries(summary)
  .map(([name, value]) => `    ${quoted(name)}: ${quoted(value)},\n`)
  .join('')}}
# ${origin}
SOURCE_FILE = ${quoted(source.file)}

NAMESPACE = ${quoted(`CREATE NAMESPACE IF NOT EXISTS ${sparkTable(catalog, bronze.table).split('.').slice(0, 2).join('.')}`)}
CREATE_TABLE = ${sql(renderSparkTable(catalog, bronze))}
CREATE_ERRORS = ${sql(renderSparkTable(catalog, errorTable))}
SOURCE = ${sql(renderSource(contract, source))}
FITTED = ${sql(texts.fitted)}
ROWS = ${sql(texts.rows)}
REJECTED = ${sql(texts.rejected)}

parser = argparse.ArgumentParser()
parser.add_argument("--branch", help="append to this branch of the tables, made anew, instead of to the tables")
parser.add_argument("--configuration", help="what a session of Spark Connect is given, as JSON")
parser.add_argument("--source", default=SOURCE_FILE, help="read this file instead")
arguments = parser.parse_args()


def say(event, **what):
    print(${quoted(programMark)} + json.dumps({"event": event, "atMs": round(time.time() * 1000), **what}), flush=True)


builder = SparkSession.builder
if arguments.configuration:
    with open(arguments.configuration, encoding="utf-8") as file:
        for name, value in json.load(file).items():
            builder = builder.config(name, value)
spark = builder.getOrCreate()
spark.conf.set("spark.sql.session.timeZone", "UTC")
spark.conf.set("spark.sql.ansi.enabled", "true")
# A text with a dollar and braces is that text.
spark.conf.set("spark.sql.variable.substitute", "false")
# Expressions over many columns make methods that the JVM never compiles, where a stage is one of them.
spark.conf.set("spark.sql.codegen.wholeStage", "false")
say("started", version=spark.version, application=spark.conf.get("spark.app.id", ""))


def append(step, rows, table, write_key):
    """One commit. Rows stay in the order of the source, each task in a file of its own."""
    say("begin", step=step)
    target = table
    if arguments.branch:
        # Not OR REPLACE, which wants a main that has rows.
        spark.sql(f"ALTER TABLE {table} DROP BRANCH IF EXISTS \`{arguments.branch}\`")
        spark.sql(f"ALTER TABLE {table} CREATE BRANCH \`{arguments.branch}\`")
        target = f"{table}.\`branch_{arguments.branch}\`"
    writer = rows.writeTo(target).option("distribution-mode", "none").option("fanout-enabled", "true")
    for name, value in {**SUMMARY, "aiworkflow.write-key": write_key}.items():
        writer = writer.option(f"snapshot-property.{name}", value)
    writer.append()
    say("end", step=step)


def written_before(table, write_key):
    snapshots = spark.sql(f"SELECT summary['aiworkflow.write-key'] AS write_key FROM {table}.snapshots")
    return not arguments.branch and snapshots.where(expr(f"write_key = '{write_key}'")).count() > 0


for statement in (NAMESPACE, CREATE_TABLE, CREATE_ERRORS):
    spark.sql(statement)

# Brackets, braces and stars would be a pattern.
path = re.sub(r"([{}\\[\\]*?\\\\])", r"\\\\\\1", arguments.source)
${how}
spark.sql(SOURCE).createOrReplaceTempView("source")
spark.sql(FITTED).createOrReplaceTempView("fitted")

if written_before(TABLE, WRITE_KEY):
    say("done")
else:
    # What fits is written in the pass that counts what does not.
    seen = Observation("records")
    rows = spark.sql(ROWS)
    rows = rows.observe(seen, count(expr("*")).alias("read"), count_if(expr("NOT _fits")).alias("rejected"))
    append("append rows", rows.where("_fits").drop("_fits"), TABLE, WRITE_KEY)
    counts = seen.get
    if counts["rejected"] > 0 and not written_before(ERRORS, WRITE_KEY + ":errors"):
        append("append errors", spark.sql(REJECTED), ERRORS, WRITE_KEY + ":errors")
    say("done", counts=counts)
spark.stop()
`
}

function readLines({ format }: FeedContract): string {
  const lineEnd = format.kind === 'delimited' && format.lineTerminator === 'crlf' ? '\\r\\n' : '\\n'
  return `lines = spark.read.option("lineSep", "${lineEnd}").text(path)
# The first lines of the file are the first of the first task.
lines = lines.withColumn("_line_number", expr("monotonically_increasing_id()"))
lines.createOrReplaceTempView("lines")`
}

const readPrepared = `spark.read.parquet(path).createOrReplaceTempView("prepared")`

/** A text in Python, which takes the escapes of JSON as they are. */
const quoted = (text: string): string => JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029]/g, escapedUnit)

const escapedUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

/** A statement as it is; only a comment can have three double quotes. */
const sql = (text: string): string => `r"""\n${text.replaceAll('"""', "'''")}\n"""`

/** One line, whatever the names in it are. */
const remark = (text: string): string => `# ${text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')}`
