import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import type { FeedColumn, KeyCandidate } from '../../contracts/data/feed-contract.ts'
import type { DiscoveryPolicy } from '../../contracts/data/policy.ts'
import { asFailure, Failure } from '../../contracts/failures.ts'
import { inspectFile } from '../discovery/shell.ts'
import { identify, isIgnored, safeName, suggestFeed } from '../intake/identity.ts'

type Described = Awaited<ReturnType<typeof describeFile>>

/** The document of `aiworkflow discover --json`. */
export interface Discovery {
  readonly files: readonly Described[]
  readonly errors: readonly {
    readonly path: string
    readonly code: string
    readonly message: string
    readonly owner: string
    readonly way_out: string
  }[]
}

/** Describes every file named, and every file below a folder named. One file's trouble is its own entry under `errors`. */
export async function discoverFiles(paths: readonly string[], policy: DiscoveryPolicy): Promise<Discovery> {
  const files: Described[] = []
  const errors: Discovery['errors'][number][] = []
  for (const path of paths) {
    for (const entry of await filesBelow(path)) {
      try {
        if (entry.kind === 'trouble') throw entry.failure
        files.push(await describeFile(entry.path, path, policy))
      } catch (error) {
        const { code, message, wayOut, owner } = asFailure(error)
        errors.push({ path: entry.path, code, message, owner: owner ?? policy.owner, way_out: wayOut })
      }
    }
  }
  return { files, errors }
}

type Entry =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'trouble'; readonly path: string; readonly failure: Failure }

/** A file is itself; of a folder every file below it that could be a delivery, in order of their paths. Links to folders are not followed. */
async function filesBelow(path: string): Promise<Entry[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [{ kind: 'file', path }]
    const entries = await readdir(path, { withFileTypes: true })
    const found: Entry[] = []
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const inside = join(path, entry.name)
      if (isIgnored(entry.name)) continue
      if (entry.isDirectory()) found.push(...(await filesBelow(inside)))
      else if (entry.isFile() || (entry.isSymbolicLink() && (await isFile(inside))))
        found.push({ kind: 'file', path: inside })
    }
    return found
  } catch (error) {
    return [{ kind: 'trouble', path, failure: pathFailure(path, error) }]
  }
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    found => found.isFile(),
    () => false,
  )

function pathFailure(path: string, error: unknown): Failure {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EACCES' || code === 'EPERM')
    return new Failure('FILE_UNREADABLE', `${path} cannot be opened: permission denied.`, { cause: error })
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new Failure('PATH_UNKNOWN', `There is no ${path}.`, { cause: error })
  return asFailure(error)
}

/** In the words of a feed contract, spelled as JSON documents of data tools are. */
async function describeFile(path: string, askedFor: string, policy: DiscoveryPolicy) {
  const spec = await inspectFile(path, policy)
  const { kind: format, ...dialect } = spec.format
  const keys = (kind: KeyCandidate['kind']) =>
    spec.keys.filter(key => key.kind === kind).map(({ kind: _, ...key }) => key)
  return {
    path,
    ...namesOf(path, askedFor),
    format,
    columns: spec.columns.map(describeColumn),
    primary_keys: keys('primary'),
    natural_keys: keys('natural'),
    partition_candidates: spec.partitionCandidates,
    row_count: spec.rowCount,
    size_bytes: spec.sizeBytes,
    dialect: snakeCased(dialect),
    null_tokens: spec.nullTokens,
    quality: spec.quality,
    confidence: spec.confidence,
  }
}

function describeColumn({ name, sourceName, sourcePath, type, nullable, format, semantic, quality }: FeedColumn) {
  return {
    name,
    source_name: sourceName,
    ...(sourcePath && { source_path: sourcePath }),
    type,
    nullable,
    ...(format && { format }),
    ...(semantic !== undefined && { semantic }),
    ...(quality && { quality: snakeCased(quality) }),
  }
}

/** Below a landing folder, or in a folder below the one asked for, the place decides as it does for intake; else the file's own name. */
function namesOf(path: string, askedFor: string): { vendor_name: string; table_name: string } {
  const parts = path.split(sep)
  const landing = parts.lastIndexOf('landing')
  const inside = landing === -1 ? relative(askedFor, path).split(sep) : parts.slice(landing + 1)
  const identity = inside.length > 1 ? identify(inside.join('/'), { patterns: [] }) : undefined
  if (identity?.kind === 'feed') return { vendor_name: identity.feed.vendor, table_name: identity.feed.table }
  const { vendor = safeName(basename(dirname(path))), table = safeName(basename(path)) } = suggestFeed(path)
  return { vendor_name: vendor ?? 'unknown', table_name: table ?? 'unknown' }
}

type Snake<S extends string> = S extends `${infer Head}${infer Tail}`
  ? Head extends Lowercase<Head>
    ? `${Head}${Snake<Tail>}`
    : `_${Lowercase<Head>}${Snake<Tail>}`
  : S
type SnakeCased<T> = T extends unknown ? { [K in keyof T as K extends string ? Snake<K> : never]: T[K] } : never

const snakeCased = <T extends object>(value: T): SnakeCased<T> =>
  Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`), entry]),
  ) as SnakeCased<T>
