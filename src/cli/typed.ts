/** Commands as a person can type them from where they are: the program as they called it, the workspace as they named it. */
export type TypedCommands = (name: string, ...words: readonly string[]) => string

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
  const place = directory === '.' ? [] : [directory]
  return (name, ...words) => [program, name, ...[...place, ...words].map(quoted)].join(' ')
}

/** A word as a shell takes it literally. */
export function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word
  return word === '' || /["$`\\!]/.test(word) ? `'${word.replaceAll("'", "'\\''")}'` : `"${word}"`
}
