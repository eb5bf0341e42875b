import { type Feed, feedKey } from '../../../contracts/data/common.ts'
import { Failure } from '../../../contracts/failures.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import { contractText } from '../../catalog/contract-file.ts'
import { nearest } from '../../catalog/nearest.ts'
import { takeDirectory, takeFeed, takeNumber } from '../arguments.ts'
import { defineCommand, exitCodes } from '../command.ts'
import { settingOptions, withWorkspace } from '../open.ts'

export const contract = defineCommand({
  synopsis: ['contract [DIR] VENDOR/TABLE [--version N]'],
  about:
    'The feed contract as Open Data Contract Standard YAML on stdout: the latest version, or the one named. With --json the contract as aiworkflow keeps it.',
  options: { version: { value: 'N', about: 'that version instead of the latest' }, ...settingOptions },
  async run(call) {
    const { terminal, words, options } = call
    const {
      directory,
      words: [key],
    } = takeDirectory(words, 'VENDOR/TABLE')
    const feed = takeFeed(key!)
    const version = takeNumber('version', options.version)
    return withWorkspace(call, directory, async ({ catalog }) => {
      const found = await catalog.contract(feed, version)
      if (!found) throw await missing(catalog, feed, version)
      terminal.answer(found, () => contractText(found).trimEnd())
      return exitCodes.done
    })
  },
})

async function missing(catalog: Catalog, feed: Feed, version: number | undefined): Promise<Failure> {
  const all = await catalog.contracts()
  const versions = all.filter(reference => feedKey(reference) === feedKey(feed)).map(reference => reference.version)
  if (versions.length > 0)
    return new Failure(
      'CONTRACT_MISSING',
      `${feedKey(feed)} has no version ${version}; it has ${versions.join(', ')}.`,
      {
        wayOut: 'Name one of them, or none for the latest.',
      },
    )
  const known = [...new Set(all.map(feedKey))]
  const meant = nearest(feedKey(feed), known)
  const hint = known.length === 0 ? '' : meant ? `; did you mean ${meant}?` : `; there are ${known.join(', ')}.`
  return new Failure('CONTRACT_MISSING', `There is no contract for ${feedKey(feed)}${hint}`)
}
