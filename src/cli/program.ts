/**
 * The command line: finds the command, reads its options, and turns whatever it throws into a sentence and an exit code.
 * With `--json` stdout carries exactly one JSON document, on failure too: `{"error": {code, message, wayOut, owner?}}`.
 */
import { readFileSync } from 'node:fs'
import { asFailure, Failure } from '../../contracts/failures.ts'
import { nearest } from '../catalog/nearest.ts'
import { type OptionTable, parseArguments } from './arguments.ts'
import { type ExitCode, exitCodes } from './command.ts'
import { commands } from './commands/index.ts'
import { commandHelp, programHelp } from './help.ts'
import { failureText } from './render/failure.ts'
import { createTerminal, type Streams, type Terminal } from './terminal.ts'

const everywhere: OptionTable = {
  json: { about: 'one JSON document on stdout' },
  help: { about: 'this text' },
}

type Environment = Readonly<Record<string, string | undefined>>

/** Runs what was typed, to its exit code; throws nothing. */
export async function program(
  typed: readonly string[],
  environment: Environment,
  streams?: Streams,
): Promise<ExitCode> {
  const terminal = createTerminal({ json: typed.includes('--json'), environment }, streams)
  try {
    return await dispatch(typed, terminal, environment)
  } catch (error) {
    return report(asFailure(error), terminal)
  }
}

/** What broke outside of everything that could have caught it. */
export function reportFault(error: unknown, typed: readonly string[], environment: Environment): ExitCode {
  return report(asFailure(error), createTerminal({ json: typed.includes('--json'), environment }))
}

async function dispatch(typed: readonly string[], terminal: Terminal, environment: Environment): Promise<ExitCode> {
  const at = typed.findIndex(word => !word.startsWith('-'))
  const name = typed[at] ?? ''
  if (name === 'help') return dispatch([...typed.toSpliced(at, 1), '--help'], terminal, environment)
  if (at === -1) return withoutCommand(typed, terminal)
  const row = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!row) {
    const meant = nearest(name, Object.keys(commands))
    throw new Failure('USAGE', `There is no command ${name}${meant ? `; did you mean ${meant}?` : '.'}`)
  }
  const command = await row.load()
  const { words, options } = parseArguments(typed.toSpliced(at, 1), { ...command.options, ...everywhere })
  if (options['help']) {
    const text = commandHelp(command, everywhere)
    terminal.answer({ help: text }, () => text)
    return exitCodes.done
  }
  return await command.run({ words, options, terminal, environment })
}

function withoutCommand(typed: readonly string[], terminal: Terminal): ExitCode {
  const { options } = parseArguments(typed, { ...everywhere, version: { about: 'the version' } })
  if (options['version']) {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    terminal.answer({ version }, () => version)
    return exitCodes.done
  }
  if (!options['help'] && typed.length > 0) throw new Failure('USAGE', 'No command is named.')
  const text = programHelp(commands)
  terminal.answer({ help: text }, () => text)
  return options['help'] ? exitCodes.done : exitCodes.usage
}

function report(failure: Failure, terminal: Terminal): ExitCode {
  const { code, message, wayOut, owner } = failure
  if (terminal.json)
    terminal.answer({ error: { code, message, wayOut, ...(owner !== undefined && { owner }) } }, () => '')
  else terminal.note(failureText(failure, terminal.colors))
  // Nothing was begun: what was asked for makes no sense.
  return code === 'USAGE' || code === 'SETTING_INVALID' ? exitCodes.usage : exitCodes.failed
}
