import type { z } from 'zod'
import { filesystem } from './filesystem.ts'
import { lakehouse } from './lakehouse.ts'
import { metadata } from './metadata.ts'

/** Every tool of every server. An agent names a tool `server.tool`. */
export const toolServers = { filesystem, lakehouse, metadata } as const
export type ServerName = keyof typeof toolServers
export const serverNames = Object.keys(toolServers) as ServerName[]

type Tools = typeof toolServers
export type ToolId = { [S in ServerName]: `${S}.${Extract<keyof Tools[S], string>}` }[ServerName]
type ContractOf<Id extends ToolId> = Id extends `${infer S extends ServerName}.${infer T}`
  ? Tools[S][T & keyof Tools[S]]
  : never

export type ToolInput<Id extends ToolId> =
  ContractOf<Id> extends { input: infer I extends z.ZodType } ? z.input<I> : never
export type ToolOutput<Id extends ToolId> =
  ContractOf<Id> extends { output: infer O extends z.ZodType } ? z.output<O> : never
