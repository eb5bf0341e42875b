import { stat } from 'node:fs/promises'
import { Failure } from '../../contracts/failures.ts'
import type { OptionRow } from './arguments.ts'
import type { Call } from './command.ts'
import { readSecrets } from './secrets.ts'
import { environmentName, readSettings, type SettingName, type Settings, settingNames } from './settings.ts'
import { openWorkspace, type Workspace } from './workspace.ts'

/** Every setting as an option; an option wins over the environment and `aiworkflow.yaml`. */
export const settingOptions = Object.fromEntries(
  settingNames.map(name => [name, { value: 'VALUE', about: environmentName(name) }]),
) as Readonly<Record<SettingName, Required<OptionRow>>>

/** Opens a workspace for one command and closes it whatever happens. @throws Failure PATH_UNKNOWN, SETTING_INVALID, and what opening throws. */
export async function withWorkspace<T>(
  call: Pick<Call, 'options' | 'environment' | 'terminal'>,
  directory: string,
  work: (workspace: Workspace, settings: Settings) => Promise<T>,
): Promise<T> {
  const settings = await workspaceSettings(call, directory)
  const workspace = await openWorkspace(settings, {
    secrets: readSecrets(call.environment),
    onTrouble: message => call.terminal.note(message),
  })
  try {
    return await work(workspace, settings)
  } finally {
    await workspace.close()
  }
}

async function workspaceSettings(
  { options, environment }: Pick<Call, 'options' | 'environment'>,
  directory: string,
): Promise<Settings> {
  const found = await stat(directory).catch(() => undefined)
  if (!found?.isDirectory())
    throw new Failure('PATH_UNKNOWN', `There is no folder ${directory}.`, {
      wayOut: `Make a workspace with \`aiworkflow init ${directory}\`, or check the path.`,
    })
  const given = Object.fromEntries(
    settingNames.flatMap(name => {
      const value = (options as Readonly<Record<string, string | true | undefined>>)[name]
      return typeof value === 'string' ? [[name, value] as const] : []
    }),
  )
  return readSettings({ directory, options: given, environment })
}
