/**
 * An Iceberg REST catalog (the REST specification of Apache Iceberg, by iceberg-js): the server keeps the metadata, and writes it.
 *
 * A commit is a request of requirements and updates; the server refuses it with 409 where the table has moved. An answer that says neither,
 * or none at all, leaves it open: then nothing is removed, and who tries again finds the write by its key.
 */
import { IcebergError, IcebergRestCatalog } from 'iceberg-js'
import { Failure } from '../../../contracts/failures.ts'
import { plainJson } from '../iceberg/json.ts'
import { currentSchema, currentSpec } from '../iceberg/metadata.ts'
import type { TableName } from '../identifiers.ts'
import type { IcebergCatalog } from './catalog.ts'
import { commitRequest } from './updates.ts'

export interface RestCatalogOptions {
  /** Where its `v1/config` is. */
  readonly url: string
  /** What the server calls the warehouse, where it has several. */
  readonly warehouse?: string | undefined
  /** Sent as a bearer token. */
  readonly token?: string | undefined
}

const callTimeoutMs = 60_000
const pageSize = 1_000

export function openRestCatalog({ url, warehouse, token }: RestCatalogOptions): IcebergCatalog {
  const rest = new IcebergRestCatalog({
    baseUrl: url,
    ...(warehouse === undefined ? {} : { warehouse }),
    ...(token === undefined ? {} : { auth: { type: 'bearer' as const, token } }),
    fetch: (input, init) => fetch(input, { ...init, signal: AbortSignal.timeout(callTimeoutMs) }),
  })
  const asked = guardFor(url)
  const id = ({ namespace, name }: TableName) => ({ namespace: [namespace], name })

  const load = (table: TableName) =>
    asked(async () => {
      const found = await orMissing(rest.loadTableResult(id(table), { snapshots: 'refs' }))
      return found?.['metadata-location'] ?? undefined
    })

  const pages = async <T>(
    page: (token: string | undefined) => Promise<{ items: readonly T[]; next: string | undefined }>,
  ) => {
    const all: T[] = []
    for (let at: string | undefined, first = true; first || at !== undefined; first = false) {
      const { items, next } = await page(at)
      all.push(...items)
      at = next
    }
    return all
  }

  return {
    load,
    create: (table, metadata) =>
      asked(async () => {
        const { namespace, name } = table
        await rest.createNamespaceIfNotExists({ namespace: [namespace] })
        const request = {
          name,
          location: metadata.location,
          schema: currentSchema(metadata),
          'partition-spec': currentSpec(metadata),
          properties: metadata.properties,
        }
        try {
          await rest.createTableResult({ namespace: [namespace] }, request as never)
          return true
        } catch (error) {
          if (error instanceof IcebergError && error.isConflict()) return false
          throw error
        }
      }),
    commit: (table, current, next) =>
      asked(async () => {
        const request = plainJson(commitRequest(current.metadata, next))
        try {
          await rest.commitTable(id(table), request as never)
          return true
        } catch (error) {
          if (!(error instanceof IcebergError)) throw error
          if (error.isConflict()) return false
          // Servers call it a bad request, too, when a branch that nothing was required of has moved the table's sequence on.
          if (error.status === 400 && (await load(table)) !== current.location) return false
          throw error
        }
      }),
    list: () =>
      asked(async () => {
        const namespaces = await pages(async pageToken => {
          const found = await rest.listNamespaces(paged(pageToken))
          return { items: found.namespaces, next: found.nextPageToken }
        })
        const tables = await Promise.all(
          namespaces.map(namespace =>
            pages(async pageToken => {
              const found = await rest.listTables(namespace, paged(pageToken))
              return { items: found.identifiers, next: found.nextPageToken }
            }),
          ),
        )
        return tables
          .flat()
          .filter(({ namespace }) => namespace.length === 1)
          .map(({ namespace, name }) => ({ namespace: namespace[0] as string, name }))
          .toSorted((a, b) => (`${a.namespace}.${a.name}` < `${b.namespace}.${b.name}` ? -1 : 1))
      }),
    drop: table =>
      asked(async () => {
        try {
          await rest.dropTable(id(table))
          return true
        } catch (error) {
          if (error instanceof IcebergError && error.isNotFound()) return false
          throw error
        }
      }),
    close: async () => {},
  }
}

const paged = (pageToken: string | undefined) => ({ pageSize, ...(pageToken === undefined ? {} : { pageToken }) })

async function orMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof IcebergError && error.isNotFound()) return undefined
    throw error
  }
}

/** What the server answers, as failures. A token is never among it. */
const guardFor =
  (url: string) =>
  async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof IcebergError)) throw error
      const { status, message } = error
      const said = `The Iceberg REST catalog ${url} ${status === 0 ? 'cannot be reached' : `answered ${status}`}: ${message}`
      const isAway = status === 0 || status === 429 || status >= 500
      throw new Failure(isAway ? 'LAKE_CATALOG_UNREACHABLE' : 'LAKE_CATALOG_REFUSED', said, { cause: error })
    }
  }
