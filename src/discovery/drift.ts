/** How a delivery differs from its contract, and the contract that follows from it. Pure. */
import type { Doubt, Reading } from '../../contracts/data/doubt.ts'
import type { DiscoveredSpec, FeedColumn, FeedContract, FeedFormat } from '../../contracts/data/feed-contract.ts'
import type { AutonomyPolicy } from '../../contracts/data/policy.ts'
import { fitsColumn } from './fits.ts'
import { wordsOf } from './words.ts'

export interface Change {
  readonly kind: keyof AutonomyPolicy['drift']
  /** The contract's column, or for an added one the column of the delivery. */
  readonly column?: string
  readonly before?: string
  readonly after?: string
}

export interface Comparison {
  /** The delivery can be read and typed as the contract says; single values that do not fit are errors of their records. */
  readonly fits: boolean
  readonly changes: readonly Change[]
}

interface Pair {
  readonly agreed: FeedColumn
  readonly found: FeedColumn
}

/** A column of the contract that somebody says the delivery brings under another name. */
export type Rename = Extract<Reading, { kind: 'renamed' }>

export function compare(contract: FeedContract, spec: DiscoveredSpec, renames: readonly Rename[] = []): Comparison {
  const { pairs, removed, added, renamed } = pair(contract, spec, renames)
  const ordered = contract.format.kind === 'delimited' && spec.format.kind === 'delimited'
  const changes: Change[] = [
    ...formatChanges(contract.format, spec.format),
    ...removed.map(({ name, sourceName }): Change => ({ kind: 'columnRemoved', column: name, before: sourceName })),
    ...renamed.map(
      ({ agreed, found }): Change => ({
        kind: 'columnRenamed',
        column: agreed.name,
        before: agreed.sourceName,
        after: found.sourceName,
      }),
    ),
    ...added.map(({ name, sourceName }): Change => ({ kind: 'columnAdded', column: name, after: sourceName })),
    ...(ordered ? orderChanges(pairs, spec.columns) : []),
    ...[...pairs, ...renamed].flatMap(typeChanges),
  ]
  return { fits: changes.length === 0, changes }
}

/** Where the next contract comes from. */
export interface Origin {
  readonly createdAt: string
  readonly deliveryId: string
  readonly file: string
}

/**
 * The next version of a contract. Columns stand in the order of the delivery; what it no longer brings is kept at the end, retired. A column whose
 * values no longer fit its type is retired too, and followed by one of the new type under a new name: a column of a table never changes its type,
 * except to a wider one.
 */
export function evolve(
  contract: FeedContract,
  spec: DiscoveredSpec,
  changes: readonly Change[],
  origin: Origin,
  renames: readonly Rename[] = [],
): FeedContract {
  const { pairs, removed, added, renamed } = pair(contract, spec, renames)
  const has = (kind: Change['kind'], column?: string) =>
    changes.some(change => change.kind === kind && (column === undefined || change.column === column))
  const version = contract.version + 1
  const names = new Set(contract.columns.map(({ name }) => name))
  const byFound = new Map<FeedColumn, FeedColumn>()
  const retired: FeedColumn[] = []
  for (const { agreed, found } of [...pairs, ...renamed]) {
    const seen = { ...agreed, sourceName: found.sourceName, ...pathOf(found), ...qualityOf(found) }
    if (has('typeChanged', agreed.name)) {
      retired.push(retire(agreed))
      byFound.set(found, { ...found, name: freeName(names, `${agreed.name}_v${version}`), nullable: true })
    } else if (has('typeWidened', agreed.name)) byFound.set(found, { ...seen, type: widest(agreed.type, found.type) })
    else byFound.set(found, seen)
  }
  const back = new Set<FeedColumn>()
  for (const found of added) {
    const former = contract.columns.find(
      column => column.retired && !back.has(column) && column.sourceName === found.sourceName && holds(column, found),
    )
    if (former === undefined) byFound.set(found, { ...found, name: freeName(names, found.name), nullable: true })
    else {
      back.add(former)
      const { retired: _, ...again } = former
      byFound.set(found, { ...again, ...qualityOf(found) })
    }
  }
  const old = contract.columns.filter(column => column.retired && !back.has(column))
  const now = (found: FeedColumn) => byFound.get(found) ?? []
  const present = contract.format.kind === 'delimited' ? spec.columns.flatMap(now) : inAgreedOrder()
  const columns = [...present, ...removed.map(retire), ...retired, ...old]
  const usable = (column: string) => columns.some(({ name, retired }) => name === column && !retired)
  const keys = contract.keys.filter(key => key.columns.every(usable))
  const mapped = spec.keys.map(key => ({ ...key, columns: key.columns.map(column => renameIn(byFound, column)) }))
  return {
    ...contract,
    version,
    status: 'active',
    format: has('formatChanged') ? spec.format : contract.format,
    columns,
    keys: keys.length > 0 ? keys : mapped.filter(key => key.columns.every(usable)),
    partitionCandidates: contract.partitionCandidates.filter(({ column }) => usable(column)),
    rowCount: spec.rowCount,
    sizeBytes: spec.sizeBytes,
    quality: spec.quality,
    confidence: spec.confidence,
    createdAt: origin.createdAt,
    createdFrom: { deliveryId: origin.deliveryId, file: origin.file },
  }

  /** Keys of JSON have no places: columns stay where they are, new ones come last. */
  function inAgreedOrder(): FeedColumn[] {
    const found = new Map([...pairs, ...renamed].map(({ agreed, found }) => [agreed, found] as const))
    const kept = contract.columns.filter(column => !column.retired && !removed.includes(column))
    return [
      ...kept.flatMap(agreed => (found.has(agreed) ? now(found.get(agreed) as FeedColumn) : agreed)),
      ...added.flatMap(now),
    ]
  }
}

interface Paired {
  readonly pairs: readonly Pair[]
  readonly removed: readonly FeedColumn[]
  readonly added: readonly FeedColumn[]
  readonly renamed: readonly Pair[]
}

/** Columns of contract and delivery that are the same, by source name; equal names are taken in order. */
function pair(contract: FeedContract, spec: DiscoveredSpec, renames: readonly Rename[] = []): Paired {
  const free = [...spec.columns]
  const pairs: Pair[] = []
  const missing: FeedColumn[] = []
  for (const agreed of contract.columns.filter(({ retired }) => !retired)) {
    const at = free.findIndex(found => sameSource(agreed, found))
    if (at === -1) missing.push(agreed)
    else pairs.push({ agreed, found: free.splice(at, 1)[0] as FeedColumn })
  }
  const renamed = missing.flatMap((agreed): Pair[] => {
    const said = renames.find(({ column }) => column === agreed.name)
    const found = free.find(column =>
      said === undefined
        ? isRename(agreed, column, contract, spec)
        : column.sourceName === said.sourceName && holds(agreed, column),
    )
    if (found === undefined) return []
    free.splice(free.indexOf(found), 1)
    return [{ agreed, found }]
  })
  const gone = missing.filter(column => !renamed.some(({ agreed }) => agreed === column))
  // A key that no record of a JSON delivery has is a value that is not there.
  const removed = spec.format.kind === 'delimited' ? gone : []
  return { pairs, removed, added: free, renamed }
}

/** What a delivery leaves in doubt where columns are gone and others are new: whether one of these is one of those, as far as its values allow. */
export function renameDoubts(contract: FeedContract, spec: DiscoveredSpec): Doubt[] {
  const { removed, added } = pair(contract, spec)
  return removed.flatMap((agreed): Doubt[] => {
    const fitting = added.filter(found => holds(agreed, found) && (found.quality?.samples.length ?? 0) > 0)
    if (fitting.length === 0) return []
    return [
      {
        subject: `renamed:${agreed.name}`,
        kind: 'renamed',
        about: agreed.sourceName,
        samples: agreed.quality?.samples ?? [],
        text: `Is the column ${agreed.sourceName}, which is gone, one of the new ones under another name?`,
        options: fitting.map(({ name, sourceName, quality }) => ({
          answer: name,
          text: sourceName,
          samples: quality?.samples ?? [],
          reading: { kind: 'renamed', column: agreed.name, sourceName },
        })),
      },
    ]
  })
}

const normal = (name: string): string => name.trim().toLowerCase()

const sameSource = (a: FeedColumn, b: FeedColumn): boolean =>
  a.sourcePath !== undefined && b.sourcePath !== undefined
    ? a.sourcePath.join('\0') === b.sourcePath.join('\0')
    : normal(a.sourceName) === normal(b.sourceName)

/** In the same place, of values that fit, and alike in name or in values. */
function isRename(agreed: FeedColumn, found: FeedColumn, contract: FeedContract, spec: DiscoveredSpec): boolean {
  const present = contract.columns.filter(({ retired }) => !retired)
  const [before, after] = [present.indexOf(agreed), spec.columns.indexOf(found)]
  const neighbour = (by: number) => {
    const [a, b] = [present[before + by], spec.columns[after + by]]
    return (a === undefined && b === undefined) || (a !== undefined && b !== undefined && sameSource(a, b))
  }
  if (spec.format.kind === 'delimited' && !(neighbour(-1) && neighbour(1)) && before !== after) return false
  if (!holds(agreed, found)) return false
  const [left, right] = [wordsOf(agreed.sourceName), wordsOf(found.sourceName)]
  const shared = left.filter(word =>
    right.some(other => other === word || (word.length > 3 && (other.startsWith(word) || word.startsWith(other)))),
  )
  const values = found.quality?.samples.filter(value => agreed.quality?.samples.includes(value)) ?? []
  return shared.length > 0 || values.length > 0
}

/** Most of the values found fit the type agreed. */
function holds(agreed: FeedColumn, found: FeedColumn): boolean {
  const samples = found.quality?.samples ?? []
  return samples.length === 0 || samples.filter(value => fitsColumn(agreed, value)).length * 2 > samples.length
}

function formatChanges(agreed: FeedFormat, found: FeedFormat): Change[] {
  const differ = (a: Record<string, unknown>, b: Record<string, unknown>) =>
    Object.keys({ ...a, ...b }).filter(
      key => JSON.stringify(a[key]) !== JSON.stringify(b[key]) && !sameToReader(key, a[key], b[key]),
    )
  const keys = differ(agreed, found)
  if (keys.length === 0) return []
  const told = (format: Record<string, unknown>) => keys.map(key => `${key} ${JSON.stringify(format[key])}`).join(', ')
  return [{ kind: 'formatChanged', before: told(agreed), after: told(found) }]
}

/** LF and CR LF are read alike; so are names of one encoding. */
function sameToReader(key: string, a: unknown, b: unknown): boolean {
  if (key === 'lineTerminator') return a !== 'cr' && b !== 'cr'
  return key === 'encoding' && normal(String(a)).replaceAll(/[-_]/g, '') === normal(String(b)).replaceAll(/[-_]/g, '')
}

function orderChanges(pairs: readonly Pair[], order: readonly FeedColumn[]): Change[] {
  const agreed = pairs.map(({ found }) => found)
  const now = order.filter(column => agreed.includes(column))
  if (agreed.every((column, index) => column === now[index])) return []
  const told = (columns: readonly FeedColumn[]) => columns.map(({ sourceName }) => sourceName).join(', ')
  return [{ kind: 'columnsReordered', before: told(agreed), after: told(now) }]
}

function typeChanges({ agreed, found }: Pair): Change[] {
  if (holds(agreed, found)) return []
  const change = { column: agreed.name, before: agreed.type, after: found.type }
  return [{ ...change, kind: widest(agreed.type, found.type) === agreed.type ? 'typeChanged' : 'typeWidened' }]
}

/** The type that holds both, where a table can take it without being written again: a longer integer, a decimal of more digits and equal scale. */
function widest(agreed: string, found: string): string {
  if (agreed === 'int' && found === 'long') return found
  const [a, b] = [agreed, found].map(type => /^decimal\((\d+),(\d+)\)$/.exec(type))
  return a && b && a[2] === b[2] && Number(b[1]) > Number(a[1]) ? found : agreed
}

const retire = (column: FeedColumn): FeedColumn => ({ ...column, retired: true, nullable: true })
const pathOf = ({ sourcePath }: FeedColumn) => (sourcePath === undefined ? {} : { sourcePath })
const qualityOf = ({ quality }: FeedColumn) => (quality === undefined ? {} : { quality })

function freeName(names: Set<string>, wanted: string): string {
  let name = wanted
  for (let n = 2; names.has(name); n++) name = `${wanted}_${n}`
  names.add(name)
  return name
}

function renameIn(byFound: ReadonlyMap<FeedColumn, FeedColumn>, name: string): string {
  for (const [found, column] of byFound) if (found.name === name) return column.name
  return name
}
