import type { AskedOptions, OptionTable } from './arguments.ts'
import type { Terminal } from './terminal.ts'

/** What the process ends with; every command keeps to it. */
export const exitCodes = { done: 0, failed: 1, usage: 2, waiting: 3 } as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** One call of a command: what was typed, and where answers go. */
export interface Call<O extends OptionTable = OptionTable> {
  /** Words after the command's name, options taken out. */
  readonly words: readonly string[]
  readonly options: AskedOptions<O>
  readonly terminal: Terminal
  readonly environment: Readonly<Record<string, string | undefined>>
}

export interface Command<O extends OptionTable = OptionTable> {
  /** How it is typed, without the program's name; several lines where it is typed in several ways. */
  readonly synopsis: readonly string[]
  /** What it does, in sentences; printed by `--help`. */
  readonly about: string
  readonly options: O
  run(call: Call<O>): Promise<ExitCode>
}

/** Keeps the option types of a command; what it returns is the same for all, so that commands fit one table. */
export function defineCommand<const O extends OptionTable>(command: Command<O>): Command {
  return command as unknown as Command
}
