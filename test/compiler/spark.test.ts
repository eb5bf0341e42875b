/** The Spark dialect by its exact text; that it gives what DuckDB's gives is tested in spark/differential. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { renderSparkTable } from '../../src/compiler/spark/ddl.ts'
import { renderSparkLoad } from '../../src/compiler/spark/load.ts'
import { sparkIdentifier, sparkLiteral } from '../../src/compiler/spark/names.ts'
import { renderProgram } from '../../src/compiler/spark/program.ts'
import { renderSource } from '../../src/compiler/spark/source.ts'
import { fittedValue } from '../../src/compiler/spark/values.ts'
import { bronzeTable } from '../../src/compiler/tables.ts'
import { anyContract, column, contractOf, facts } from './contracts.ts'

const contract = contractOf([
  column('sku', 'string', { nullable: false, sourceName: 'SKU', description: 'Number of the "item".' }),
  column('listed', 'date', { format: { kind: 'date', pattern: '%d.%m.%Y' } }),
  column('colour', 'string', { retired: true }),
])
const texts = renderSparkLoad(contract, bronzeTable(contract), facts)
const spaces = String.raw`'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000'`

describe('the load in Spark SQL', () => {
  test('reads like the sentence it is: given, typed, fitted', () => {
    const date = String.raw`(?i)^([0-9]{2})[.]([0-9]{2})[.]([0-9]{4})\\z`
    const day = `concat(substring(\`listed\`, 7, 4), '-', substring(\`listed\`, 4, 2), '-', substring(\`listed\`, 1, 2))`
    expect(texts.fitted).toBe(`-- Records and what fits of acme/products for product_raw.acme_products
-- Contract acme/products version 3, owner feeds-team
-- Generated: change the documents named above, never this text.
WITH given AS (
  SELECT
    _record_number,
    _line,
    _byte_offset,
    _raw,
    _error_code,
    _error_message,
    CASE WHEN \`sku\` < '!' OR endswith(\`sku\`, ' ') OR octet_length(\`sku\`) <= 3 THEN CASE WHEN trim(BOTH ${spaces} FROM \`sku\`) IN ('', 'N/A') THEN NULL ELSE \`sku\` END ELSE \`sku\` END AS \`sku\`,
    CASE WHEN \`listed\` >= '0' AND \`listed\` < ':' AND NOT endswith(\`listed\`, ' ') THEN \`listed\` WHEN trim(BOTH ${spaces} FROM \`listed\`) IN ('', 'N/A') THEN NULL ELSE trim(BOTH ${spaces} FROM \`listed\`) END AS \`listed\`
  FROM source
), typed AS (
  SELECT
    *,
    CASE WHEN \`listed\` RLIKE '${date}' AND ${day} >= '0001' THEN try_cast(${day} AS DATE) END AS \`listed as date\`
  FROM given
)
SELECT
  *,
  _error_code IS NULL
    AND \`sku\` IS NOT NULL
    AND (\`listed\` IS NULL OR \`listed as date\` IS NOT NULL) AS _fits
FROM typed`)
  })

  test('gives rows in the order of the table, with definitions and where they came from', () => {
    expect(texts.rows).toBe(`-- Records in the shape of the table of acme/products for product_raw.acme_products
-- Contract acme/products version 3, owner feeds-team
-- Generated: change the documents named above, never this text.
SELECT
  -- sku string: Number of the "item".
  \`sku\` AS \`sku\`,
  -- listed date: source column listed
  \`listed as date\` AS \`listed\`,
  -- colour string: source column colour
  CAST(NULL AS STRING) AS \`colour\`,
  'acme' AS vendor_name,
  DATE '2026-01-31' AS ingestion_date,
  'd_1' AS _delivery_id,
  'r_1' AS _run_id,
  'acme/products.csv' AS _source_file,
  TIMESTAMP '2026-01-31T12:00:00Z' AS _ingested_at,
  _fits
FROM fitted`)
    expect(texts.accepted).toBe(`SELECT * EXCEPT (_fits)\nFROM (\n${texts.rows}\n)\nWHERE _fits`)
  })

  test('makes the table that the lakehouse makes', () => {
    expect(
      renderSparkTable('aiworkflow', bronzeTable(contract)),
    ).toContain(`CREATE TABLE IF NOT EXISTS \`aiworkflow\`.\`product_raw\`.\`acme_products\` (
  \`sku\` STRING NOT NULL COMMENT 'Number of the \\"item\\".',
  \`listed\` DATE COMMENT 'Source column listed.',
  \`colour\` STRING COMMENT 'Source column colour.',
  \`vendor_name\` STRING NOT NULL COMMENT 'Vendor of the feed.',`)
  })

  test('cuts lines without quotes itself, and says what is wrong with them as the reader of records does', () => {
    expect(renderSource(contract, { kind: 'lines', file: '/x.csv', quoted: false })).toContain(
      `CASE WHEN NOT is_valid_utf8(value) THEN 'INVALID_ENCODING' WHEN size(_fields) < 2 THEN 'TOO_FEW_FIELDS' WHEN size(_fields) > 2 AND exists(slice(_fields, 3, size(_fields)), field -> field <> '') THEN 'TOO_MANY_FIELDS' END AS _error_code`,
    )
  })

  test('refuses a pattern with a field that only the embedded engine knows, with the way out', () => {
    expect(() => fittedValue('`a`', 'date', { kind: 'date', pattern: '%j %Y' })).toThrow(/%j %Y has a field/)
  })
})

describe('names and texts', () => {
  test('end no statement, whatever is in them', () => {
    expect(sparkIdentifier('a`b')).toBe('`a``b`')
    expect(sparkLiteral(`it's "\\n"`)).toBe(`'it\\'s \\"\\\\n\\"'`)
    fc.assert(
      fc.property(fc.string(), text => {
        const inside = sparkLiteral(text).slice(1, -1)
        expect(inside.replace(/\\[\\'"]/g, '')).not.toMatch(/['"\\]/)
        expect(inside.replace(/\\([\\'"])/g, '$1')).toBe(text)
      }),
    )
  })

  test('same inputs, same bytes; and no text of a contract ends the text it stands in', () => {
    fc.assert(
      fc.property(anyContract, any => {
        const source = { kind: 'prepared', file: '/x.parquet' } as const
        const inputs = { contract: any, facts, partition: [], source, catalog: 'aiworkflow', summary: {} }
        const program = renderProgram(inputs)
        expect(renderProgram(structuredClone(inputs))).toBe(program)
        expect(program.match(/"""/g)).toHaveLength(14)
      }),
      { numRuns: 50 },
    )
  })
})
