/** PyIceberg as the tests call it: a process that shares no code with us and opens the same catalog. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { StoreOptions } from '../../src/lakehouse/lakehouse.ts'

const python = fileURLToPath(new URL('../../.cache/pyiceberg/bin/python', import.meta.url))
const reader = fileURLToPath(new URL('pyiceberg_reader.py', import.meta.url))
const mostBytes = 64 << 20

/** A table as PyIceberg reads it; `data` is every row, each value as Python spells it, sorted. */
export interface ReadByPyIceberg {
  rows: number
  columns: [id: number, name: string, type: string, required: boolean][]
  spec: [sourceId: number, name: string, transform: string][]
  partitions: [values: string, rows: number, files: number][]
  refs: Record<string, string>
  snapshots: Record<string, string>[]
  files: string[]
  data: string[][]
}

/** @throws Error saying how to get it. */
export function requirePyIceberg(): void {
  if (!existsSync(python)) throw new Error('PyIceberg is not installed for the tests: run scripts/parts/pyiceberg.sh')
}

/** Where the catalog is: a warehouse's folder or a server's address; and where the files are, if in a store. */
export interface TablesPlace {
  readonly catalog: string
  readonly store?: StoreOptions | undefined
}

/** One action of `pyiceberg_reader.py` on a warehouse. */
export async function pyiceberg<T>(place: string | TablesPlace, ...action: string[]): Promise<T> {
  const { catalog, store } = typeof place === 'string' ? { catalog: place } : place
  const { stdout } = await promisify(execFile)(python, ['-W', 'ignore', reader, catalog, ...action], {
    maxBuffer: mostBytes,
    env: { ...process.env, ...(store && storeEnvironment(store)) },
  })
  return JSON.parse(stdout)
}

/** A store as the standard names say it. */
export function storeEnvironment({ endpoint, region, credentials }: StoreOptions): Record<string, string> {
  return {
    ...(endpoint !== undefined && { AWS_ENDPOINT_URL_S3: endpoint }),
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  }
}
