/**
 * Which feed a file belongs to, decided by its path below landing before anything is read. Pure.
 *
 * A pattern of the vendor register decides first; else the first folder is the vendor and the file name, without dates, sequence numbers and
 * extensions, the table: `acme/products_2026-11-24_001.csv.gz` is `acme/products`. A file that lies directly in landing is of the vendor `landing`.
 */
import { type Feed, Feed as FeedSchema, feedKey } from '../../contracts/data/common.ts'
import type { VendorRegister } from '../../contracts/data/rule.ts'
import { Failure } from '../../contracts/failures.ts'
import { bronzeRef, errorTable } from '../compiler/tables.ts'
import { tableText } from '../lakehouse/identifiers.ts'
import { globToRegExp } from './glob.ts'

/** The vendor of files that lie in no folder. */
export const landingVendor = 'landing'

/** Files that nobody means as a delivery: hidden, temporary, half-copied, or left by an operating system. */
export function isIgnored(path: string): boolean {
  const parts = path.split('/')
  const file = parts.at(-1) ?? ''
  if (parts.some(part => part.startsWith('.')) || parts.includes('__MACOSX')) return true
  return (
    /^[~#]|~$|#$|\.(tmp|temp|part|partial|filepart|crdownload|download|swp|swx|lock|lck|bak|done|ready)$/i.test(file) ||
    /^(thumbs\.db|desktop\.ini)$/i.test(file)
  )
}

export type Identity =
  | { readonly kind: 'feed'; readonly feed: Feed }
  /** Nobody means it as a delivery. */
  | { readonly kind: 'ignored' }
  /** FEED_KEY_INVALID: nothing of a name is left, or a pattern gives a name that is none. */
  | { readonly kind: 'problem'; readonly failure: Failure }

/** Whose a file is; `path` is below landing, with `/` between folders. */
export function identify(path: string, register: Pick<VendorRegister, 'patterns'>): Identity {
  if (isIgnored(path)) return { kind: 'ignored' }
  const pattern = register.patterns.find(({ glob }) => globToRegExp(glob).test(path))
  if (pattern !== undefined) {
    const feed = FeedSchema.safeParse({ vendor: pattern.vendor, table: pattern.table })
    if (feed.success) return feedOf(path, feed.data)
    return problem(
      `The pattern ${pattern.glob} names ${path} ${pattern.vendor}/${pattern.table}, which is no vendor/table.`,
    )
  }
  const folders = path.split('/')
  const file = folders.pop() ?? ''
  const [folder] = folders
  const vendor = folder === undefined ? landingVendor : safeName(folder)
  const table = tableOf(file)
  if (vendor !== undefined && table !== undefined) return feedOf(path, { vendor, table })
  return problem(
    `Nothing in ${JSON.stringify(path)} can be the name of a ${vendor === undefined ? 'vendor' : 'table'}.`,
  )
}

/** The raw table of `ingest/errors` would be the one that holds the errors of all feeds. */
function feedOf(path: string, feed: Feed): Identity {
  const errors = tableText(errorTable.table)
  if (tableText(bronzeRef(feed)) !== errors) return { kind: 'feed', feed }
  return problem(`${path} would be the feed ${feedKey(feed)}, but ${errors} holds the errors of all feeds.`)
}

const problem = (message: string): Identity => ({ kind: 'problem', failure: new Failure('FEED_KEY_INVALID', message) })

/** Names that the name of a file suggests: `acme_products.csv` in a folder of no meaning is `products` of `acme`. */
export function suggestFeed(path: string): { vendor?: string; table?: string } {
  const file = path.split(/[/\\]/).at(-1) ?? ''
  const table = tableOf(file)
  if (table === undefined) return {}
  const [first, ...rest] = table.split('_')
  const vendor = first === undefined ? undefined : safeName(first)
  const named = safeName(rest.join('_'))
  return vendor === undefined || named === undefined ? { table } : { vendor, table: named }
}

const extensions =
  /\.(gz|gzip|zip|bz2|zst|csv|tsv|tab|psv|txt|dat|asc|json|jsonl|ndjson|jsonlines|xml|xls|xlsx|parquet|[a-z]{1,5}|\d{3})$/i
/** Dates and times, epochs and counters, with what sets them off from the name. */
const marks: readonly RegExp[] = [
  /(?<![A-Za-z0-9])(19|20)\d{2}[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])([-_. T]?([01]\d|2[0-3])[-_.:h]?[0-5]\d([-_.:m]?[0-5]\d)?([-_.]?\d{3})?Z?)?(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])(0[1-9]|[12]\d|3[01])[-_.](0[1-9]|1[0-2])[-_.](19|20)\d{2}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])(19|20)\d{2}[-_.]?((0[1-9]|1[0-2])|[Ww]\d{2}|[Qq][1-4])(?![A-Za-z0-9])/g,
  /(?<=[A-Za-z])(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\d{4}|\d{6})?(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])\d{10}(\d{3})?(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])(part|seq|no|nr|v|rev|delta|chunk)?[-_.]?\d{1,6}(of\d{1,6})?(?=$|[-_. ()]*$)/gi,
  /\s*\(\d{1,3}\)\s*$/g,
]

function tableOf(file: string): string | undefined {
  let stem = file
  for (let cut = stem.replace(extensions, ''); cut !== stem && cut !== ''; cut = stem.replace(extensions, ''))
    stem = cut
  let bare = stem
  for (let before = ''; before !== bare; ) {
    before = bare
    for (const mark of marks) bare = bare.replaceAll(mark, ' ').trim()
  }
  return safeName(bare) ?? safeName(stem)
}

const spelled: Readonly<Record<string, string>> = {
  ä: 'ae',
  ö: 'oe',
  ü: 'ue',
  ß: 'ss',
  æ: 'ae',
  ø: 'o',
  å: 'a',
  ł: 'l',
  œ: 'oe',
}

/** A name made safe, or undefined: nothing is left of it. */
export function safeName(text: string): string | undefined {
  const safe = text
    .normalize('NFC')
    .replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1_$2')
    .toLowerCase()
    .replaceAll(/[äöüßæøåłœ]/g, c => spelled[c] ?? c)
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
  if (!/[a-z]/.test(safe)) return undefined
  const named = /^\d/.test(safe) ? `n${safe}` : safe
  return named.slice(0, 63).replace(/_+$/, '')
}

/** What the order of a feed's deliveries is told from. */
export interface Arrival {
  readonly path: string
  readonly feed: Feed
  readonly modifiedAtMs: number
}

/** Deliveries feed by feed, each feed's in order: by date and counter in the name, then by time of change, then by name. */
export function inFeedOrder<T extends Arrival>(arrivals: readonly T[]): T[] {
  const ranked = arrivals.map(arrival => ({ arrival, key: feedKey(arrival.feed), rank: rankOf(arrival.path) }))
  return ranked
    .sort(
      (a, b) =>
        compareTexts(a.key, b.key) ||
        compareRanks(a.rank, b.rank) ||
        a.arrival.modifiedAtMs - b.arrival.modifiedAtMs ||
        compareTexts(a.arrival.path, b.arrival.path),
    )
    .map(({ arrival }) => arrival)
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

interface Rank {
  readonly date: string
  readonly numbers: readonly number[]
}

function rankOf(path: string): Rank {
  const name = path.replace(/(\.(gz|csv|tsv|txt|json|jsonl|ndjson))+$/i, '')
  const european = name.replaceAll(
    /(?<!\d)(0[1-9]|[12]\d|3[01])[-_.](0[1-9]|1[0-2])[-_.]((?:19|20)\d{2})(?!\d)/g,
    '$3$2$1',
  )
  const dated = /(?<!\d)((?:19|20)\d{2})[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(.*)$/.exec(european)
  const rest = dated?.[4] ?? european.split('/').at(-1) ?? ''
  return {
    date: dated === null ? '' : `${dated[1]}${dated[2]}${dated[3]}`,
    numbers: (rest.match(/\d+/g) ?? []).map(Number),
  }
}

/** Names are compared only in what both have. */
function compareRanks(a: Rank, b: Rank): number {
  if (a.date === '' || b.date === '') return a.date === b.date ? compareNumbers(a.numbers, b.numbers) : 0
  return a.date < b.date ? -1 : a.date > b.date ? 1 : compareNumbers(a.numbers, b.numbers)
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return 0
  for (const [index, number] of a.entries()) if (number !== b[index]) return number - (b[index] ?? 0)
  return 0
}
