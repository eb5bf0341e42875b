/**
 * The versions of one kind of document, a file each: `feeds/<vendor>/<table>/<kind>.vN.yaml`.
 *
 * It owns those files together with the people who add versions by hand.
 * 1. A file is created once, whole and durable, and never written again; a name is never taken from another writer.
 * 2. The latest version is the highest number in a file name. A document must say the feed and version that its place says.
 * 3. Nothing outside the root is read or written: names are checked, and links that lead out are refused.
 * 4. Nothing is held open or locked. A crash leaves at most a hidden draft, which no reader looks at and a later version takes away.
 */
import { readdir, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { Feed, feedKey } from '../../contracts/data/common.ts'
import { Failure } from '../../contracts/failures.ts'
import type { PutResult } from './catalog.ts'
import { sameContent } from './digest.ts'
import { checkDocument } from './document.ts'
import { type DocumentCache, missingAsUndefined } from './document-cache.ts'
import { writeNew } from './durable.ts'

export type VersionedDocument = Feed & { version: number; createdAt: string }

/** How the files of one kind are named, read and written. */
export interface FileKind<T extends VersionedDocument> {
  /** contract, mapping … */
  readonly word: string
  readonly file: (version: number) => string
  /** The name of a version's file, its number as the first group. */
  readonly pattern: RegExp
  readonly parse: (text: string, name: string) => T
  readonly text: (document: T) => string
  readonly check: (document: T) => T
}

export class VersionStore<T extends VersionedDocument> {
  readonly #root: string
  readonly #cache: DocumentCache
  readonly #kind: FileKind<T>

  constructor(root: string, cache: DocumentCache, kind: FileKind<T>) {
    this.#root = root
    this.#cache = cache
    this.#kind = kind
  }

  async get(feed: Feed, version?: number): Promise<T | undefined> {
    const folder = feedFolder(feed)
    const wanted = version ?? (await this.#versions(folder)).at(-1)
    return wanted === undefined ? undefined : this.#read(feed, wanted)
  }

  async list(): Promise<(Feed & { version: number })[]> {
    const feeds: Feed[] = []
    for (const vendor of await namesIn(join(this.#root, 'feeds'))) {
      for (const table of await namesIn(join(this.#root, 'feeds', vendor))) {
        const feed = Feed.safeParse({ vendor, table })
        if (feed.success) feeds.push(feed.data)
      }
    }
    const lists = feeds.map(async feed =>
      (await this.#versions(feedFolder(feed))).map(version => ({ ...feed, version })),
    )
    return (await Promise.all(lists)).flat()
  }

  async put(given: T): Promise<PutResult> {
    const document = this.#kind.check(given)
    const folder = feedFolder(document)
    const file = join(this.#root, folder, this.#kind.file(document.version))
    const text = this.#kind.text(document)
    await this.#assertWritable(folder)
    if (await writeNew(file, heading(this.#kind.word) + text)) return 'written'
    const there = await this.#read(document, document.version)
    if (there && sameContent(there, this.#kind.parse(text, this.#cache.name(file)))) return 'unchanged'
    const next = ((await this.#versions(folder)).at(-1) ?? 0) + 1
    const taken = `${this.#kind.word} version ${document.version} of ${feedKey(document)} says something else`
    throw new Failure('CONTRACT_VERSION_TAKEN', `${taken}; the next free version is ${next}`)
  }

  #read(feed: Feed, version: number): Promise<T | undefined> {
    const file = join(this.#root, feedFolder(feed), this.#kind.file(version))
    return this.#cache.read(file, (text, name) => {
      const document = this.#kind.parse(text, name)
      if (feedKey(document) === feedKey(feed) && document.version === version) return document
      const says = `${feedKey(document)} version ${document.version}`
      throw new Failure('DOCUMENT_INVALID', `${name} says that it is ${says}; expected what its place says`)
    })
  }

  async #versions(folder: string): Promise<number[]> {
    const names = await namesIn(join(this.#root, folder))
    const numbers = names.map(name => Number(this.#kind.pattern.exec(name)?.[1]))
    return numbers.filter(Number.isSafeInteger).sort((a, b) => a - b)
  }

  /** The catalog is there, and no folder on the way is a link. */
  async #assertWritable(folder: string): Promise<void> {
    const root = await missingAsUndefined(realpath(this.#root))
    if (root === undefined) throw new Failure('CATALOG_MISSING', `${this.#root} is not there`)
    const steps = folder.split(sep)
    for (let length = steps.length; length > 0; length--) {
      const path = join(root, ...steps.slice(0, length))
      const real = await missingAsUndefined(realpath(path))
      if (real === path) return
      if (real !== undefined) {
        throw new Failure('PATH_OUTSIDE_ROOT', `${this.#cache.name(path)} is a link; versions go to real folders only`)
      }
    }
  }
}

/** `feeds/<vendor>/<table>`, of checked names: nothing in them can lead elsewhere. */
function feedFolder(feed: Feed): string {
  const { vendor, table } = checkDocument(Feed, { vendor: feed.vendor, table: feed.table }, 'feed')
  return join('feeds', vendor, table)
}

const heading = (word: string) =>
  `# A version never changes. To change this ${word}, copy the file to the next version number and edit the copy.\n`

async function namesIn(folder: string): Promise<string[]> {
  return ((await missingAsUndefined(readdir(folder))) ?? []).sort()
}
