import { describe, expect, test } from 'vitest'
import { compileChecks, compileContractChecks } from '../../src/compiler/core-plan.ts'
import { coreTable } from '../../src/compiler/tables.ts'
import { column, contractOf } from './contracts.ts'
import { contract, documents, standard } from './core-fixture.ts'
import { testEngine } from './engine.ts'

const engine = await testEngine()

describe('checks over what stands', () => {
  test('say how many rows break each, and the keys of five of them', async () => {
    await engine.run(
      `CREATE OR REPLACE TABLE staged AS SELECT 'A' || i AS id, CASE WHEN i < 8 THEN 'x' ELSE 'Lamp' END AS title, CAST(NULL AS DECIMAL(18,2)) AS price, 1 AS stock, 'EUR' AS currency, NULL AS colour FROM range(10) AS numbers(i)`,
    )
    const rows = await engine.rows(compileChecks(documents))
    expect(rows.map(({ id, broken, rows: shown }) => [id, Number(broken), JSON.parse(String(shown))])).toEqual([
      ['price.positive', 0, []],
      ['title.long', 8, ['A0', 'A1', 'A2', 'A3', 'A4']],
      ['some.price', 1, []],
    ])
  })

  test('of the contract itself name records', async () => {
    const checked = contractOf([column('artnr', 'string')], {
      checks: [{ id: 'long', expression: 'length(artnr) > 1', severity: 'warn', message: 'short' }],
    })
    await engine.run(
      `CREATE OR REPLACE TABLE bronze AS SELECT * FROM (VALUES ('AA', 1), ('A', 2)) AS given(artnr, _record_number)`,
    )
    expect(await engine.rows(compileContractChecks(checked)!)).toEqual([
      { id: 'long', broken: '1', rows: '["record 2"]' },
    ])
    expect(compileContractChecks(contract)).toBeUndefined()
  })
})

test('only the key is required physically, and the definition stands beside each column', () => {
  const { columns, partition, table } = coreTable(standard)
  expect(table).toEqual({ namespace: 'product_core', name: 'product' })
  expect(columns.slice(0, 2)).toEqual([
    { name: 'id', type: 'string', required: true, doc: 'Article number.' },
    { name: 'title', type: 'string', required: false, doc: 'Name.' },
  ])
  expect(partition).toEqual([{ column: '_vendor_name', transform: 'identity' }])
})
