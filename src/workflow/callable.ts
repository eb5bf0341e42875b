/** Tools as a person hands them to execute(): named, described, and bound to the place where they are called. */
import { z } from 'zod'
import type { ToolDescription } from '../model/client.ts'
import type { ToolContracts } from '../tools/server.ts'

export interface CallableTool {
  /** `server.tool`. */
  readonly id: string
  readonly title: string
  readonly description: string
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>
  readonly readOnly: boolean
  /** The workspace it belongs to: execute() finds its host by it. */
  readonly workspace: object
}

/** What the essay's `filesystem` is: a server whose tools can be handed on. */
export interface CallableServer {
  readonly name: string
  getCallableTools(): readonly CallableTool[]
}

/** @param parameters of tools whose contract does not know its arguments: a user's own server checks them itself */
export function callableServer(
  name: string,
  contracts: ToolContracts,
  workspace: object,
  parameters: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {},
): CallableServer {
  const tools = Object.entries(contracts).map(
    ([tool, contract]): CallableTool => ({
      id: `${name}.${tool}`,
      title: contract.title,
      description: contract.description,
      parameters: parameters[tool] ?? z.toJSONSchema(contract.input, { io: 'input', target: 'draft-7' }),
      readOnly: contract.annotations.readOnlyHint,
      workspace,
    }),
  )
  return { name, getCallableTools: () => tools }
}

/** Providers allow letters, digits, `_` and `-` in a tool's name, and no dot. */
export const wireName = (id: string): string => id.replaceAll('.', '__')

export const describeTool = ({ id, description, parameters }: CallableTool): ToolDescription => ({
  name: wireName(id),
  description,
  parameters,
})
