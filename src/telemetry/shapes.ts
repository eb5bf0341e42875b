/**
 * The spans of aiworkflow, each as the name and options that `withSpan` takes: `withSpan(...toolSpan({…}), work)`. What the
 * conventions want for sampling (operation, agent, tool, model) is there from the start.
 */
import type { RunScope } from './context.ts'
import { cloudEvents, genAi, mcp, messaging, operations, own, spanNames } from './names.ts'
import type { SpanOptions } from './tracer.ts'

export type SpanShape = readonly [name: string, options: SpanOptions]

/** The root of a run. A flow whose steps the application writes is a workflow, to the conventions. */
export function runSpan(run: RunScope & { readonly workflow?: string }): SpanShape {
  const { workflow = 'product_feed', ...scope } = run
  const attributes = { [genAi.operationName]: operations.workflow, [genAi.agentName]: workflow }
  return [spanNames.workflow(workflow), { scope, attributes }]
}

/** One turn of an agent, from a message or decision taken to the checkpoint that ends it. */
export function agentSpan(agent: string, details: { threadId?: string; attempt?: number } = {}): SpanShape {
  return [
    spanNames.agent(agent),
    {
      scope: { agent },
      attributes: {
        [genAi.operationName]: operations.agent,
        [genAi.agentName]: agent,
        [genAi.conversationId]: details.threadId,
        [own.retryAttempt]: details.attempt,
      },
    },
  ]
}

/** One node of an agent's graph. */
export const nodeSpan = (node: string): SpanShape => [spanNames.node(node), { attributes: { [own.node]: node } }]

export interface ToolCallShape {
  /** The tool as the agent knows it. */
  readonly tool: string
  readonly agent?: string
  readonly server?: string
  readonly callId?: string
  /** Tells calls apart without keeping what may be secret. */
  readonly argumentsDigest?: string
  readonly writeKey?: string
  /** `pipe` for stdio, `tcp` for HTTP; absent in memory. */
  readonly transport?: 'pipe' | 'tcp'
  readonly protocolVersion?: string
  /** From 1; absent where a call is not tried again. */
  readonly attempt?: number
}

/** A tool call on the caller's side. It carries the MCP attributes itself, so no second client span is wanted below it. */
export const toolSpan = (call: ToolCallShape): SpanShape => [
  spanNames.tool(call.tool),
  {
    attributes: {
      [genAi.operationName]: operations.tool,
      [genAi.toolName]: call.tool,
      [genAi.toolType]: 'function',
      [genAi.toolCallId]: call.callId,
      [genAi.agentName]: call.agent,
      [mcp.methodName]: 'tools/call',
      [mcp.networkTransport]: call.transport,
      [mcp.protocolVersion]: call.protocolVersion,
      [own.toolServer]: call.server,
      [own.toolArgumentsDigest]: call.argumentsDigest,
      [own.writeKey]: call.writeKey,
      [own.retryAttempt]: call.attempt,
    },
  },
]

/** A program on Spark, below the tool call that submitted it, and each of its steps. */
export const sparkJobSpan = (): SpanShape => [spanNames.sparkJob, { kind: 'client' }]
export const sparkStepSpan = (step: string): SpanShape => [spanNames.sparkStep(step), {}]

/** A tool call on the server's side; pass the request's `_meta` as the parent. */
export const toolServerSpan = (call: {
  tool: string
  server: string
  requestId?: string
  caller?: string
}): SpanShape => [
  spanNames.toolServer(call.tool),
  {
    kind: 'server',
    attributes: {
      [mcp.methodName]: 'tools/call',
      [genAi.operationName]: operations.tool,
      [genAi.toolName]: call.tool,
      [mcp.requestId]: call.requestId,
      [own.toolServer]: call.server,
      [own.toolCaller]: call.caller,
    },
  },
]

/** A call of a language model; `inputTokens` and `outputTokens` are set when it has answered. */
export const modelSpan = (call: {
  operation?: 'chat' | 'generate_content' | 'text_completion'
  provider: string
  model: string
}): SpanShape => [
  spanNames.model(call.operation ?? operations.chat, call.model),
  {
    kind: 'client',
    attributes: {
      [genAi.operationName]: call.operation ?? operations.chat,
      [genAi.providerName]: call.provider,
      [genAi.requestModel]: call.model,
    },
  },
]

export interface MessageShape {
  /** `kafka`, or `aiworkflow` for the local bus. */
  readonly system: string
  readonly topic: string
  readonly key?: string
  readonly event?: { readonly id: string; readonly source: string; readonly type: string; readonly subject?: string }
  readonly group?: string
  readonly partition?: number
  readonly offset?: string
}

/** Publishing one message: its context is what goes into the message's headers. */
export const sendSpan = (message: MessageShape): SpanShape => [
  spanNames.send(message.topic),
  { kind: 'producer', attributes: messageAttributes('send', message) },
]

/** Processing exactly one message; pass its headers as the parent and as a link, so that both kinds of readers find it. */
export const processSpan = (message: MessageShape): SpanShape => [
  spanNames.process(message.topic),
  { kind: 'consumer', attributes: messageAttributes('process', message) },
]

const messageAttributes = (operation: 'send' | 'process', message: MessageShape) => ({
  [messaging.systemName]: message.system,
  [messaging.operationType]: operation,
  [messaging.operationName]: operation,
  [messaging.destinationName]: message.topic,
  [messaging.messageId]: message.event?.id,
  [messaging.consumerGroup]: message.group,
  [messaging.partitionId]: message.partition === undefined ? undefined : String(message.partition),
  [messaging.kafkaKey]: message.key,
  [messaging.kafkaOffset]: message.offset === undefined ? undefined : Number(message.offset),
  [cloudEvents.id]: message.event?.id,
  [cloudEvents.source]: message.event?.source,
  [cloudEvents.type]: message.event?.type,
  [cloudEvents.subject]: message.event?.subject,
  [cloudEvents.specVersion]: message.event && '1.0',
})
