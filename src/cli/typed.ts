import { relative, resolve } from 'node:path'

/** Commands as a person can type them from where they are: the program as they called it, the workspace as they named it. */
export type TypedCommands = (...words: readonly string[]) => string

/** npm's scripts call us by paths nobody typed; inside a clone `npx aiworkflow` is what works there. */
function programName(environment: Readonly<Record<string, string | undefined>>): string {
  if (environment['npm_command'] !== undefined) return 'npx aiworkflow'
  return environment['AIWORKFLOW_TYPED'] ?? 'npx aiworkflow'
}

/** `command` for one workspace: `command('approve', id)` is `aiworkflow approve DIR id`. */
export function typedCommands(
  environment: Readonly<Record<string, string | undefined>>,
  directory: string,
): TypedCommands {
  const program = programName(environment)
  const here = relative(process.cwd(), resolve(directory))
  const folder = here === '' ? [] : [here.startsWith('..') ? resolve(directory) : here]
  return (name, ...words) => [program, name!, ...folder.map(quoted), ...words.map(quoted)].join(' ')
}

/** A word as a shell takes it literally. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word)
    ? word
    : /["$`\\!]/.test(word) || word === ''
      ? `'${word.replaceAll("'", "'\\''")}'`
      : `"${word}"`
