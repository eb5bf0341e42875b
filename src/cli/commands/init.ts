import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Failure } from '../../../contracts/failures.ts'
import { scaffoldWorkspace } from '../../catalog/scaffold.ts'
import { defineCommand, exitCodes } from '../command.ts'
import { counted } from '../render/text.ts'
import { typedCommands } from '../typed.ts'

export const init = defineCommand({
  synopsis: ['init DIR [--json]'],
  about:
    'Makes DIR a workspace: landing/ for what vendors send, catalog/ with the product standard, rules and policies to make your own, prompts/, and aiworkflow.yaml. What is there already stays as it is.',
  options: {},
  async run({ words, terminal, environment }) {
    const [directory, ...more] = words
    if (directory === undefined || more.length > 0)
      throw new Failure('USAGE', 'init takes one folder: aiworkflow init DIR.')
    const found = await stat(directory).catch(() => undefined)
    if (found && !found.isDirectory())
      throw new Failure('PATH_UNKNOWN', `${directory} is a file.`, { wayOut: 'Name a folder, new or not.' })
    const { created, kept } = await scaffoldWorkspace(resolve(directory))
    const command = typedCommands(environment, directory)
    terminal.answer({ directory: resolve(directory), created, kept }, () =>
      [
        created.length === 0
          ? `${directory} is a workspace already; nothing was missing.`
          : `${directory} is a workspace now.`,
        ...created.map(path => `  ${terminal.colors.green('+')} ${path}`),
        ...(kept.length > 0 && created.length > 0
          ? [terminal.colors.dim(`  ${counted(kept.length, 'file')} stayed as they were`)]
          : []),
        '',
        `Put files into ${join(directory, 'landing', '<vendor>')}/ and then:`,
        `  ${command('run')}`,
      ].join('\n'),
    )
    return exitCodes.done
  },
})
