import { type Feed, feedKey } from '../../../contracts/data/common.ts'

interface Versioned extends Feed {
  readonly version: number
}

/** The newest document of every feed that has one, by feed. */
export async function latestOfEachFeed<T>(
  references: readonly Versioned[],
  read: (feed: Feed, version: number) => Promise<T | undefined>,
): Promise<{ feed: Feed; document: T }[]> {
  const newest = new Map<string, Versioned>()
  for (const reference of references) {
    const known = newest.get(feedKey(reference))
    if (known === undefined || known.version < reference.version) newest.set(feedKey(reference), reference)
  }
  const found: { feed: Feed; document: T }[] = []
  for (const [, { vendor, table, version }] of [...newest].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const document = await read({ vendor, table }, version)
    if (document !== undefined) found.push({ feed: { vendor, table }, document })
  }
  return found
}
