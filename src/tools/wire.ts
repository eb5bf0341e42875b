/**
 * How a Failure crosses MCP. A tool that fails answers with `isError`, a sentence a person can read, and the Failure as data
 * under one key of `_meta`; the other side makes the same Failure of it. `structuredContent` stays what the output schema says.
 */
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'
import { asFailure, Failure, failureCodes } from '../../contracts/failures.ts'

const failureKey = 'aiworkflow/failure'

const WireFailure = z.object({
  code: z.enum(failureCodes),
  kind: z.enum(['terminal', 'transient', 'cancelled']),
  message: z.string(),
  wayOut: z.string(),
  owner: z.string().optional(),
})

export function successResult(output: Record<string, unknown>): CallToolResult {
  return { content: [{ type: 'text', text: JSON.stringify(output) }], structuredContent: output }
}

export function failureResult(error: unknown): CallToolResult {
  const { code, kind, message, wayOut, owner } = asFailure(error)
  const wire: z.infer<typeof WireFailure> = { code, kind, message, wayOut, ...(owner !== undefined && { owner }) }
  return {
    isError: true,
    content: [{ type: 'text', text: `${code}: ${message} ${wayOut}` }],
    _meta: { [failureKey]: wire },
  }
}

/** The output of a result, or the Failure it carries, thrown. A foreign server's error is TOOL_OUTPUT_INVALID: nothing is known of it. */
export function readResult(tool: string, result: CallToolResult): unknown {
  if (!result.isError) return result.structuredContent
  const wire = WireFailure.safeParse(result._meta?.[failureKey])
  if (!wire.success) {
    const said = result.content.map(part => (part.type === 'text' ? part.text : part.type)).join(' ')
    throw new Failure('TOOL_OUTPUT_INVALID', `${tool} failed without a failure that is known: ${said}`)
  }
  const { code, message, wayOut, owner } = wire.data
  throw new Failure(code, message, { wayOut, ...(owner !== undefined && { owner }) })
}
