import { expect, test } from 'vitest'
import { catalogConfiguration } from '../../src/lakehouse/engine/spark/catalog-configuration.ts'
import { storeAt } from './store.ts'

const store = storeAt('http://store:9000', 's3://lake/shop', {
  accessKeyId: 'who',
  secretAccessKey: 'hush',
  sessionToken: 'hush-for-now',
})

test.each([
  ['the catalog of a warehouse', { name: 'aiworkflow', warehouseDir: '/shop/warehouse', store }],
  ['a REST catalog', { name: 'aiworkflow', warehouseDir: '/shop/warehouse', store, rest: { url: 'http://rest' } }],
])('%s: Spark finds the store, and what is secret stands apart', (_, catalog) => {
  const { open, secret } = catalogConfiguration(catalog)
  expect(open).toMatchObject({
    'spark.sql.catalog.aiworkflow.io-impl': 'org.apache.iceberg.aws.s3.S3FileIO',
    'spark.sql.catalog.aiworkflow.s3.endpoint': 'http://store:9000',
    'spark.sql.catalog.aiworkflow.client.region': 'eu-central-1',
  })
  expect(JSON.stringify(open)).not.toMatch(/who|hush/)
  expect(secret).toEqual({
    'spark.sql.catalog.aiworkflow.s3.access-key-id': 'who',
    'spark.sql.catalog.aiworkflow.s3.secret-access-key': 'hush',
    'spark.sql.catalog.aiworkflow.s3.session-token': 'hush-for-now',
  })
})
