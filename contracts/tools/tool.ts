import type { z } from 'zod'

/** MCP tool annotations: what a client may believe of a tool without calling it. */
export interface ToolAnnotations {
  readonly readOnlyHint: boolean
  readonly destructiveHint: boolean
  readonly idempotentHint: boolean
  readonly openWorldHint: boolean
}

/** What is said between an agent and one tool. Server and host read the same contract. */
export interface ToolContract<I extends z.ZodObject = z.ZodObject, O extends z.ZodObject = z.ZodObject> {
  readonly title: string
  readonly description: string
  readonly input: I
  readonly output: O
  readonly annotations: ToolAnnotations
}

const reads: ToolAnnotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
}
const writes: ToolAnnotations = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
}

export const readingTool = <I extends z.ZodObject, O extends z.ZodObject>(
  tool: Omit<ToolContract<I, O>, 'annotations'>,
): ToolContract<I, O> => ({ ...tool, annotations: reads })

/** Every writing tool is idempotent: it is told a write key, or its arguments are one. */
export const writingTool = <I extends z.ZodObject, O extends z.ZodObject>(
  tool: Omit<ToolContract<I, O>, 'annotations'>,
): ToolContract<I, O> => ({ ...tool, annotations: writes })
