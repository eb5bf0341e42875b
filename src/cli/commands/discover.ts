import { fileURLToPath } from 'node:url'
import { Failure } from '../../../contracts/failures.ts'
import { FileCatalog } from '../../catalog/files.ts'
import { defineCommand, exitCodes } from '../command.ts'
import { discoverFiles } from '../discover-files.ts'
import { discoveryText } from '../render/discovery.ts'

/** The catalog that new workspaces start from: its discovery policy is the one that is shipped. */
const shippedCatalog = fileURLToPath(new URL('../../../examples/product/catalog/', import.meta.url))

export const discover = defineCommand({
  synopsis: ['discover PATH... [--json]'],
  about:
    'What files are, without a workspace and without changing anything: format and dialect, columns with types, keys with their evidence, partition candidates, row count, quality signals. Folders are walked; a file that cannot be read is listed with the reason and the others go on.',
  options: {},
  async run({ words, terminal }) {
    if (words.length === 0) throw new Failure('USAGE', 'discover takes at least one file or folder.')
    const { discovery } = await new FileCatalog(shippedCatalog).policies()
    const found = await discoverFiles(words, discovery)
    terminal.answer(found, () => discoveryText(found, terminal))
    return found.files.length === 0 ? exitCodes.failed : exitCodes.done
  },
})
