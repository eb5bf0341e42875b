/**
 * A real Iceberg REST catalog over a folder or an S3-compatible store, the reference implementation of the project's own tests. It asks
 * for nothing: for tests only.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, isListening, startServer } from './process.ts'

export interface RigRestCatalog {
  readonly url: string
  pause(): void
  resume(): void
  stop(): Promise<void>
}

const jars = join(import.meta.dirname, '../../.cache/iceberg-rest')

/** The store that its files are in. */
export interface RestCatalogStore {
  readonly url: string
  readonly endpoint?: string | undefined
  readonly region: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

export async function startRestCatalog(store?: RestCatalogStore): Promise<RigRestCatalog> {
  if (!existsSync(join(jars, '.pom')))
    throw new Error(`The REST catalog is missing in ${jars}: get it with \`bash scripts/parts/iceberg-rest.sh\``)
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-rest-'))
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer('The Iceberg REST catalog', {
    command: 'java',
    arguments: [
      '-Xmx512m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-cp',
      `${jars}/*`,
      'org.apache.iceberg.rest.RESTCatalogServer',
    ],
    environment: {
      CATALOG_WAREHOUSE: join(folder, 'warehouse'),
      ...(store && filesIn(store)),
      CATALOG_URI: `jdbc:sqlite:${join(folder, 'catalog.sqlite')}`,
      CATALOG_CATALOG__IMPL: 'org.apache.iceberg.jdbc.JdbcCatalog',
      CATALOG_JDBC_SCHEMA__VERSION: 'V1',
      CATALOG_REST_PORT: String(port),
    },
    isReady: () => isListening(port),
  })
  return {
    url: `http://127.0.0.1:${port}/`,
    pause: () => server.pause(),
    resume: () => server.resume(),
    stop: async () => {
      // What it has is thrown away: it need not leave it tidy.
      await server.kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const filesIn = ({ url, endpoint, region, credentials }: RestCatalogStore) => ({
  CATALOG_WAREHOUSE: url,
  CATALOG_IO__IMPL: 'org.apache.iceberg.aws.s3.S3FileIO',
  ...(endpoint !== undefined && { CATALOG_S3_ENDPOINT: endpoint }),
  CATALOG_S3_PATH__STYLE__ACCESS: 'true',
  AWS_REGION: region,
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
})
