import { type Feed, feedKey } from '../../../contracts/data/common.ts'
import { Failure } from '../../../contracts/failures.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import { takeDirectory, takeFeed, takeNumber } from '../arguments.ts'
import { defineCommand, exitCodes } from '../command.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import { contractChanges, mappingChanges } from '../render/version-changes.ts'

interface VersionLine {
  readonly kind: 'contract' | 'mapping'
  readonly version: number
  readonly createdAt: string
  readonly owner: string
  readonly changes: readonly string[]
}

export const versions = defineCommand({
  synopsis: ['versions [DIR] VENDOR/TABLE [--revert N] [--json]'],
  about:
    'Every version of the contract and the mapping of a feed, oldest first, with what each changed and who decided it. --revert writes a next version of the mapping that says what version N said; the next `run` makes the rows of core again by it. No version is ever changed or removed.',
  options: {
    revert: { value: 'N', about: 'go back to what this version of the mapping said' },
    ...settingOptions,
  },
  async run(call) {
    const {
      directory,
      words: [key],
    } = takeDirectory(call.words, 'VENDOR/TABLE')
    const feed = takeFeed(key!)
    const wanted = takeNumber('revert', call.options.revert)
    return withWorkspace(call, directory, async ({ catalog }) => {
      const reverted = wanted === undefined ? undefined : await revert(catalog, feed, wanted)
      const [contracts, mappings] = [of(await catalog.contracts(), feed), of(await catalog.mappings(), feed)]
      const lines = [
        ...(await linesOf('contract', contracts, version => catalog.contract(feed, version), contractChanges)),
        ...(await linesOf('mapping', mappings, version => catalog.mapping(feed, version), mappingChanges)),
      ]
      if (lines.length === 0)
        throw new Failure('CONTRACT_MISSING', `${feedKey(feed)} has neither a contract nor a mapping.`)
      call.terminal.answer({ feed: feedKey(feed), reverted: reverted ?? null, versions: lines }, () =>
        lines
          .map(({ kind, version, createdAt, owner, changes }) =>
            [`${kind} v${version}  ${createdAt}  ${owner}`, ...changes.map(change => `  ${change}`)].join('\n'),
          )
          .join('\n\n'),
      )
      return exitCodes.done
    })
  },
})

/** @throws Failure MAPPING_MISSING; USAGE where that version is in force. */
async function revert(catalog: Catalog, feed: Feed, version: number): Promise<number> {
  const [then, now] = [await catalog.mapping(feed, version), await catalog.mapping(feed)]
  if (then === undefined || now === undefined)
    throw new Failure('MAPPING_MISSING', `${feedKey(feed)} has no mapping v${version}.`, {
      wayOut: `List its versions with \`aiworkflow versions DIR ${feedKey(feed)}\`.`,
    })
  if (mappingChanges(now, then).length === 0)
    throw new Failure('USAGE', `Mapping v${now.version}, which is in force, says what v${version} said.`)
  const next = now.version + 1
  await catalog.putMapping({ ...then, version: next, createdAt: new Date().toISOString() })
  return next
}

/** Every version of one kind of document, each with what it changed. */
async function linesOf<T extends { readonly version: number; readonly createdAt: string; readonly owner: string }>(
  kind: VersionLine['kind'],
  versions: readonly { readonly version: number }[],
  read: (version: number) => Promise<T | undefined>,
  changesOf: (before: T | undefined, after: T) => string[],
): Promise<VersionLine[]> {
  const lines: VersionLine[] = []
  let before: T | undefined
  for (const reference of versions) {
    const document = await read(reference.version)
    if (document === undefined) continue
    const { version, createdAt, owner } = document
    lines.push({ kind, version, createdAt, owner, changes: changesOf(before, document) })
    before = document
  }
  return lines
}

const of = <T extends Feed & { readonly version: number }>(references: readonly T[], feed: Feed): T[] =>
  references.filter(each => feedKey(each) === feedKey(feed)).toSorted((a, b) => a.version - b.version)
