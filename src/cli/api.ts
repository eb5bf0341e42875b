/**
 * The public API over a workspace: its tool servers as callables, execute(), and MCP servers of one's own. The composition of
 * `workspace.ts` for programs, as `commands/` is for people.
 */
import { join } from 'node:path'
import type { z } from 'zod'
import { Failure } from '../../contracts/failures.ts'
import { type ServerName, toolServers } from '../../contracts/tools/index.ts'
import { type KnownResponse, type KnownWorkflow, skills, skillsServer } from '../../contracts/workflows.ts'
import { type ConnectedForeign, connectForeign, type ForeignServer } from '../tools/foreign.ts'
import type { Host } from '../tools/host.ts'
import { reader } from '../tools/tokens.ts'
import { type CallableServer, callableServer } from '../workflow/callable.ts'
import { type CallingTools, type ExecuteOptions, type Execution, Executor } from '../workflow/execute.ts'
import { type PromptFile, readPrompt } from '../workflow/prompt-file.ts'
import { readSecrets } from './secrets.ts'
import { readSettings, type SettingName } from './settings.ts'
import { skillsOf } from './skills.ts'
import { openWorkspace } from './workspace.ts'

export interface OpenWorkspaceOptions {
  /** Over environment and `aiworkflow.yaml`. */
  readonly settings?: Partial<Record<SettingName, string>>
  /** Left out, the process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>
}

/** A workspace in the hands of a program. */
export interface OpenedWorkspace {
  readonly filesystem: CallableServer
  readonly lakehouse: CallableServer
  readonly metadata: CallableServer
  /** The standing agents' work as tools: by reference, deterministic. */
  readonly skills: CallableServer
  /** A prompt of `prompts/`, with its version. @throws Failure PROMPT_INVALID */
  prompt(name: string): Promise<PromptFile>
  /** Connects an MCP server of one's own, by stdio or HTTP, until the workspace is closed. */
  connect(server: ForeignServer): Promise<CallableServer>
  close(): Promise<void>
}

type Answering<O> = Omit<ExecuteOptions, 'response' | 'workflowId'> & O & { readonly workspace?: OpenedWorkspace }

const executors = new WeakMap<object, Executor>()

/** @throws Failure CATALOG_MISSING for a folder that is no workspace, SETTING_INVALID. */
export async function open(directory: string, options: OpenWorkspaceOptions = {}): Promise<OpenedWorkspace> {
  const { environment = process.env, settings: given = {} } = options
  const settings = await readSettings({ directory, options: given, environment })
  const workspace = await openWorkspace(settings, { secrets: readSecrets(environment) })
  const foreign: ConnectedForeign[] = []
  let host: Promise<Host> | undefined
  const hosted = () => {
    const servers = [skillsOf(workspace), ...foreign]
    host ??= workspace.host(reader, { servers, contracts: { [skillsServer]: skills } })
    return host
  }
  const own = (name: ServerName) => callableServer(name, toolServers[name], opened)
  const opened: OpenedWorkspace = {
    get filesystem() {
      return own('filesystem')
    },
    get lakehouse() {
      return own('lakehouse')
    },
    get metadata() {
      return own('metadata')
    },
    get skills() {
      return callableServer(skillsServer, skills, opened)
    },
    prompt: name => readPrompt(join(workspace.dir, 'prompts'), name),
    connect: async server => {
      if (host !== undefined)
        throw new Failure('USAGE', `${server.name} comes too late: connect servers before the first execute().`)
      const connected = await connectForeign(server)
      foreign.push(connected)
      return callableServer(connected.name, connected.contracts, opened, connected.parameters)
    },
    close: async () => {
      executors.delete(opened)
      await workspace.close()
      // Where nothing was executed, no host has them.
      for (const { client } of foreign) await client.close()
    },
  }
  const executor = new Executor({
    stores: workspace.stores,
    telemetry: workspace.telemetry,
    policies: () => workspace.catalog.policies(),
    // Arguments are checked by the tool's contract, whoever wrote them.
    tools: async agent => (await hosted()).forAgent(agent) as unknown as CallingTools,
    model: async name => workspace.model(name),
    owner: workspace.owner,
  })
  executors.set(opened, executor)
  return opened
}

/**
 * A prompt, tools, a model by name and a workflow id give a typed answer, durable and traced. The workspace is the one the tools are of.
 * @throws Failure of the prompt, the model, the tools or a budget
 */
export function execute<Id extends KnownWorkflow>(
  options: Answering<{ readonly workflowId: Id; readonly response?: undefined }>,
): Promise<Execution<KnownResponse<Id>>>
export function execute<S extends z.ZodType>(
  options: Answering<{ readonly workflowId: string; readonly response: S }>,
): Promise<Execution<z.output<S>>>
export function execute(options: Answering<{ readonly workflowId: string }>): Promise<Execution>
export async function execute(options: ExecuteOptions & { readonly workspace?: OpenedWorkspace }): Promise<Execution> {
  const { workspace = options.tools?.[0]?.workspace } = options
  const executor = workspace && executors.get(workspace)
  if (executor === undefined)
    throw new Failure('USAGE', 'execute() belongs to no open workspace.', {
      wayOut: 'Open one with open(DIR), and hand over tools of it or the workspace itself.',
    })
  const strange = options.tools?.find(tool => tool.workspace !== workspace)
  if (strange !== undefined)
    throw new Failure('USAGE', `The tool ${strange.id} belongs to another workspace than ${options.workflowId}.`)
  return executor.execute(options)
}
