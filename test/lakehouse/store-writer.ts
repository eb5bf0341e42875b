/** A process that appends rows to a table of a store, to be killed at it. Usage: store-writer.ts OPTIONS TABLE SELECT WRITE_KEY */
import { type LakehouseOptions, openLakehouse, type TableName } from '../../src/lakehouse/lakehouse.ts'

const [options = '', table = '', select = '', writeKey = ''] = process.argv.slice(2)
const lake = openLakehouse(JSON.parse(options) as LakehouseOptions)
await lake.append(JSON.parse(table) as TableName, { select, writeKey })
await lake.close()
