import { type ParseArgsConfig, parseArgs } from 'node:util'
import type { Feed } from '../../contracts/data/common.ts'
import { Failure } from '../../contracts/failures.ts'
import { nearest } from '../catalog/nearest.ts'

/** An option as `--help` shows it; `value` is the word for its value (`--version N`), and without one it is a switch. */
export interface OptionRow {
  readonly value?: string
  readonly about: string
}
export type OptionTable = Readonly<Record<string, OptionRow>>

/** What was given of a table: text for options with a value, true for switches. */
export type AskedOptions<O extends OptionTable> = string extends keyof O
  ? Readonly<Record<string, string | true>>
  : { readonly [K in keyof O]?: O[K] extends { readonly value: string } ? string : true }

export interface ParsedArguments {
  readonly words: string[]
  readonly options: Record<string, string | true>
}

/** Splits what was typed into words and known options, in any order. @throws Failure USAGE, naming the nearest known option. */
export function parseArguments(typed: readonly string[], table: OptionTable): ParsedArguments {
  const options: NonNullable<ParseArgsConfig['options']> = Object.fromEntries(
    Object.entries(table).map(([name, row]) => [
      name,
      { type: row.value === undefined ? 'boolean' : 'string' } as const,
    ]),
  )
  // Not strict: Node's own errors know neither our words nor the nearest option.
  const { tokens } = parseArgs({ args: [...typed], options, strict: false, allowPositionals: true, tokens: true })
  const parsed: ParsedArguments = { words: [], options: {} }
  for (const token of tokens) {
    if (token.kind === 'positional') parsed.words.push(token.value)
    if (token.kind !== 'option') continue
    const row = table[token.name]
    if (!row || !token.rawName.startsWith('--')) throw unknownOption(token.rawName, Object.keys(table))
    if (token.name in parsed.options) throw new Failure('USAGE', `--${token.name} is given twice.`)
    parsed.options[token.name] = optionValue(token.name, row, token.value)
  }
  return parsed
}

function optionValue(name: string, row: OptionRow, value: string | undefined): string | true {
  if (row.value === undefined) {
    if (value !== undefined)
      throw new Failure('USAGE', `--${name} takes no value, but was given ${JSON.stringify(value)}.`)
    return true
  }
  if (value === undefined) throw new Failure('USAGE', `--${name} needs a value: --${name} ${row.value}.`)
  return value
}

function unknownOption(typed: string, known: readonly string[]): Failure {
  const meant = nearest(typed, known)
  return new Failure('USAGE', `There is no option ${typed}${meant ? `; did you mean --${meant}?` : '.'}`)
}

/** Words that start with a DIR which may be left out: the workspace, and the words that must follow it. */
export interface DirectoryAndWords {
  readonly directory: string
  readonly words: readonly string[]
}

/** Takes `[DIR] WORD…` apart: `names` are the words that must be there, for the message. @throws Failure USAGE */
export function takeDirectory(words: readonly string[], ...names: readonly string[]): DirectoryAndWords {
  if (words.length === names.length) return { directory: '.', words }
  if (words.length === names.length + 1) return { directory: words[0]!, words: words.slice(1) }
  const expected = ['[DIR]', ...names].join(' ')
  throw new Failure('USAGE', `Expected ${expected}, found ${words.length === 0 ? 'nothing' : words.join(' ')}.`)
}

/** A list that can be acted upon: `[DIR]`, or `[DIR] VERB ID` with verb and DIR in either order. */
export type Action<Verb extends string> =
  | { readonly kind: 'list'; readonly directory: string }
  | { readonly kind: 'act'; readonly directory: string; readonly verb: Verb; readonly id: string }

/** @throws Failure USAGE where the words are neither, naming the verbs. */
export function takeAction<Verb extends string>(words: readonly string[], verbs: readonly Verb[]): Action<Verb> {
  const at = words.slice(0, 2).findIndex(word => (verbs as readonly string[]).includes(word))
  if (at === -1) {
    if (words.length > 1) throw unknownVerb(words, verbs)
    return { kind: 'list', directory: words[0] ?? '.' }
  }
  const rest = words.filter((_, index) => index !== at)
  const {
    directory,
    words: [id],
  } = takeDirectory(rest, 'ID')
  return { kind: 'act', directory, verb: words[at] as Verb, id: id! }
}

function unknownVerb(words: readonly string[], verbs: readonly string[]): Failure {
  const meant = words
    .slice(0, 2)
    .map(word => nearest(word, verbs))
    .find(verb => verb !== undefined)
  const hint = meant ? `did you mean ${meant}?` : `it takes ${verbs.join(' or ')}.`
  return new Failure('USAGE', `There is nothing to do for "${words.join(' ')}": ${hint}`)
}

/** A whole number given to an option, above zero unless `least` says otherwise. @throws Failure USAGE */
export function takeNumber(name: string, typed: string | undefined, least: 0 | 1 = 1): number | undefined {
  if (typed === undefined) return undefined
  const value = Number(typed)
  if (typed.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value
  throw new Failure(
    'USAGE',
    `--${name} takes a whole number${least > 0 ? ' above zero' : ''}, not ${JSON.stringify(typed)}.`,
  )
}

/** @throws Failure USAGE for a word that is not VENDOR/TABLE. */
export function takeFeed(word: string): Feed {
  const [vendor = '', table = '', ...more] = word.split('/')
  if (vendor === '' || table === '' || more.length > 0)
    throw new Failure('USAGE', `${word} names no feed: expected VENDOR/TABLE.`)
  return { vendor, table }
}
