import type { OptionTable } from './arguments.ts'
import type { Command } from './command.ts'
import { wrap } from './render/text.ts'
import { settingNames } from './settings.ts'

const lineWidth = 96

/** `aiworkflow --help`. */
export function programHelp(commands: Readonly<Record<string, { readonly summary: string }>>): string {
  return [
    'Vendor product feeds in, a governed lakehouse out: contracts, rules and prompts instead of hand-written pipelines.',
    '',
    'Usage: aiworkflow COMMAND [DIR] …        DIR is a workspace; the current folder where it is left out',
    '',
    ...columns(Object.entries(commands).map(([name, { summary }]) => [name, summary])),
    '',
    'aiworkflow COMMAND --help says more. With --json one JSON document is all that stdout gets.',
    'Exit: 0 done, 1 failed, 2 wrong usage, 3 waiting for people.',
  ].join('\n')
}

/** `aiworkflow COMMAND --help`; `shared` are the options that every command takes. */
export function commandHelp(command: Command, shared: OptionTable): string {
  return [
    ...command.synopsis.map((line, at) => `${at === 0 ? 'Usage:' : '      '} aiworkflow ${line}`),
    '',
    ...wrap(command.about, lineWidth),
    ...section(
      'Options',
      only(command.options, name => !isSetting(name)),
    ),
    ...section('Settings, which win over the environment and aiworkflow.yaml', only(command.options, isSetting)),
    ...section('For every command', shared),
  ].join('\n')
}

const isSetting = (name: string): boolean => (settingNames as readonly string[]).includes(name)

const only = (options: OptionTable, wanted: (name: string) => boolean): OptionTable =>
  Object.fromEntries(Object.entries(options).filter(([name]) => wanted(name)))

function section(title: string, options: OptionTable): string[] {
  const rows = Object.entries(options).map(
    ([name, { value, about }]) => [value ? `--${name} ${value}` : `--${name}`, about] as const,
  )
  return rows.length === 0 ? [] : ['', `${title}:`, ...columns(rows)]
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}
