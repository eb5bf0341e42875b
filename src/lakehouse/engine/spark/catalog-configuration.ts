/** The configuration by which Spark opens the catalog that the lakehouse works on. What is secret stands apart, and is kept nowhere. */
import type { RestCatalogOptions } from '../../catalog/rest.ts'

export interface SparkConfiguration {
  readonly open: Readonly<Record<string, string>>
  readonly secret: Readonly<Record<string, string>>
}

export interface SparkCatalog {
  /** The name of the catalog: in the embedded one it is part of what its tables are known by. */
  readonly name: string
  readonly warehouseDir: string
  readonly rest?: RestCatalogOptions | undefined
}

export function catalogConfiguration({ name, warehouseDir, rest }: SparkCatalog): SparkConfiguration {
  const catalog = `spark.sql.catalog.${name}`
  const common = {
    'spark.sql.extensions': 'org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions',
    [catalog]: 'org.apache.iceberg.spark.SparkCatalog',
    // What others commit is seen at once.
    [`${catalog}.cache-enabled`]: 'false',
  }
  if (rest !== undefined) {
    return {
      open: {
        ...common,
        [`${catalog}.type`]: 'rest',
        [`${catalog}.uri`]: rest.url,
        ...(rest.warehouse !== undefined && { [`${catalog}.warehouse`]: rest.warehouse }),
      },
      secret: rest.token === undefined ? {} : { [`${catalog}.token`]: rest.token },
    }
  }
  return {
    open: {
      ...common,
      [`${catalog}.catalog-impl`]: 'org.apache.iceberg.jdbc.JdbcCatalog',
      [`${catalog}.uri`]: `jdbc:sqlite:${warehouseDir}/catalog.sqlite`,
      [`${catalog}.warehouse`]: `file://${warehouseDir}`,
      [`${catalog}.jdbc.schema-version`]: 'V1',
    },
    secret: {},
  }
}

/** The text of a properties file. */
export const propertiesText = (configuration: Readonly<Record<string, string>>): string =>
  Object.entries(configuration)
    .map(([key, value]) => `${key} ${value.replaceAll('\\', '\\\\')}\n`)
    .join('')
