/** The configuration by which Spark opens the catalog that the lakehouse works on. What is secret stands apart, and is kept nowhere. */
import type { RestCatalogOptions } from '../../catalog/rest.ts'
import type { StoreOptions } from '../../storage/s3.ts'

export interface SparkConfiguration {
  readonly open: Readonly<Record<string, string>>
  readonly secret: Readonly<Record<string, string>>
}

export interface SparkCatalog {
  /** The name of the catalog: in the embedded one it is part of what its tables are known by. */
  readonly name: string
  readonly warehouseDir: string
  /** Where the tables' files are, if not in the warehouse's folder. */
  readonly store?: StoreOptions | undefined
  readonly rest?: RestCatalogOptions | undefined
}

export function catalogConfiguration({ name, warehouseDir, store, rest }: SparkCatalog): SparkConfiguration {
  const catalog = `spark.sql.catalog.${name}`
  const common = {
    'spark.sql.extensions': 'org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions',
    [catalog]: 'org.apache.iceberg.spark.SparkCatalog',
    // What others commit is seen at once.
    [`${catalog}.cache-enabled`]: 'false',
    ...(store && filesIn(catalog, store)),
  }
  const keys = store === undefined ? {} : keysOf(catalog, store)
  if (rest !== undefined) {
    return {
      open: {
        ...common,
        [`${catalog}.type`]: 'rest',
        [`${catalog}.uri`]: rest.url,
        ...(rest.warehouse !== undefined && { [`${catalog}.warehouse`]: rest.warehouse }),
      },
      secret: { ...keys, ...(rest.token !== undefined && { [`${catalog}.token`]: rest.token }) },
    }
  }
  return {
    open: {
      ...common,
      [`${catalog}.catalog-impl`]: 'org.apache.iceberg.jdbc.JdbcCatalog',
      [`${catalog}.uri`]: `jdbc:sqlite:${warehouseDir}/catalog.sqlite`,
      [`${catalog}.warehouse`]: store?.url ?? `file://${warehouseDir}`,
      [`${catalog}.jdbc.schema-version`]: 'V1',
    },
    secret: keys,
  }
}

const filesIn = (catalog: string, { endpoint, region }: StoreOptions) => ({
  [`${catalog}.io-impl`]: 'org.apache.iceberg.aws.s3.S3FileIO',
  [`${catalog}.client.region`]: region,
  ...(endpoint !== undefined && {
    [`${catalog}.s3.endpoint`]: endpoint,
    [`${catalog}.s3.path-style-access`]: 'true',
  }),
})

const keysOf = (catalog: string, { credentials }: StoreOptions) => ({
  [`${catalog}.s3.access-key-id`]: credentials.accessKeyId,
  [`${catalog}.s3.secret-access-key`]: credentials.secretAccessKey,
  ...(credentials.sessionToken !== undefined && { [`${catalog}.s3.session-token`]: credentials.sessionToken }),
})

/** The text of a properties file. */
export const propertiesText = (configuration: Readonly<Record<string, string>>): string =>
  Object.entries(configuration)
    .map(([key, value]) => `${key} ${value.replaceAll('\\', '\\\\')}\n`)
    .join('')
