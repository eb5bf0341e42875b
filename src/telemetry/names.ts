/**
 * Every span name and attribute key that aiworkflow writes. Nothing else spells one out.
 *
 * Followed: OpenTelemetry core semantic conventions 1.45.0 (messaging, Kafka, CloudEvents, RPC, exceptions; mostly of
 * status Development) and the GenAI conventions 0.1.0, which hold agents, tools, models and MCP. Unstable names are copied
 * here on purpose: the packages that ship them may rename them in any minor release.
 *
 * What the product's own queries depend on has a second name under `aiworkflow.`, which no convention can rename.
 */
export const conventions = { core: '1.45.0', genAi: '0.1.0' } as const

/** Set on tracers; it covers the core names only, the GenAI conventions publish no schema of their own. */
export const coreSchemaUrl = `https://opentelemetry.io/schemas/${conventions.core}`

/** The span names, by what the span is. The part in place of an argument stays of low cardinality. */
export const spanNames = {
  workflow: (workflow: string) => `invoke_workflow ${workflow}`,
  agent: (agent: string) => `invoke_agent ${agent}`,
  node: (node: string) => `node ${node}`,
  tool: (tool: string) => `execute_tool ${tool}`,
  toolServer: (tool: string) => `tools/call ${tool}`,
  model: (operation: string, model: string) => `${operation} ${model}`,
  sparkJob: 'spark job',
  sparkStep: (step: string) => `spark ${step}`,
  send: (topic: string) => `send ${topic}`,
  process: (topic: string) => `process ${topic}`,
} as const

/** Names of span events. */
export const eventNames = {
  decision: 'aiworkflow.decision',
  waiting: 'aiworkflow.waiting',
  exception: 'exception',
} as const

export const service = {
  name: 'service.name',
  namespace: 'service.namespace',
  version: 'service.version',
} as const

export const genAi = {
  operationName: 'gen_ai.operation.name',
  agentName: 'gen_ai.agent.name',
  conversationId: 'gen_ai.conversation.id',
  providerName: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  toolName: 'gen_ai.tool.name',
  toolType: 'gen_ai.tool.type',
  toolCallId: 'gen_ai.tool.call.id',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  finishReasons: 'gen_ai.response.finish_reasons',
} as const

/** Values of `gen_ai.operation.name`; a model call has one of the last three. */
export const operations = {
  workflow: 'invoke_workflow',
  agent: 'invoke_agent',
  tool: 'execute_tool',
  chat: 'chat',
  generateContent: 'generate_content',
  textCompletion: 'text_completion',
} as const

export const mcp = {
  methodName: 'mcp.method.name',
  protocolVersion: 'mcp.protocol.version',
  requestId: 'jsonrpc.request.id',
  networkTransport: 'network.transport',
} as const

export const messaging = {
  systemName: 'messaging.system.name',
  operationType: 'messaging.operation.type',
  operationName: 'messaging.operation.name',
  destinationName: 'messaging.destination.name',
  partitionId: 'messaging.destination.partition.id',
  consumerGroup: 'messaging.consumer.group.name',
  messageId: 'messaging.message.id',
  kafkaOffset: 'kafka.offset',
  kafkaKey: 'kafka.message.key',
} as const

export const cloudEvents = {
  id: 'cloudevents.event_id',
  source: 'cloudevents.event_source',
  type: 'cloudevents.event_type',
  subject: 'cloudevents.event_subject',
  specVersion: 'cloudevents.event_spec_version',
} as const

export const errors = {
  type: 'error.type',
  exceptionType: 'exception.type',
  exceptionMessage: 'exception.message',
  exceptionStack: 'exception.stacktrace',
} as const

/** The metrics, by what they are; seconds where they are times, as the conventions want it. */
export const metricNames = {
  runs: { name: 'aiworkflow.runs.ended', unit: '{run}', description: 'Runs that came to an end, by outcome.' },
  steps: { name: 'aiworkflow.step.duration', unit: 's', description: 'Nodes of agents, one run of each.' },
  turns: { name: 'gen_ai.invoke_agent.duration', unit: 's', description: 'Turns of agents.' },
  tools: { name: 'gen_ai.execute_tool.duration', unit: 's', description: 'Calls of tools by agents.' },
  inputTokens: {
    name: 'gen_ai.client.inference.usage.input_tokens',
    unit: '{token}',
    description: 'Tokens that models were sent and paid for.',
  },
  outputTokens: {
    name: 'gen_ai.client.inference.usage.output_tokens',
    unit: '{token}',
    description: 'Tokens that models answered.',
  },
  modelCost: {
    name: 'aiworkflow.model.cost',
    unit: '1e-6',
    description: 'What models cost, in millionths of the currency of the model policy.',
  },
  ledgerHits: {
    name: 'aiworkflow.ledger.hits',
    unit: '{call}',
    description: 'Calls that were answered from the ledger of effects.',
  },
  sent: { name: 'messaging.client.sent.messages', unit: '{message}', description: 'Messages sent.' },
  consumed: { name: 'messaging.client.consumed.messages', unit: '{message}', description: 'Messages processed.' },
  lag: { name: 'aiworkflow.bus.lag', unit: '{message}', description: 'Messages that a group has not finished.' },
  running: { name: 'aiworkflow.bus.running', unit: '{message}', description: 'Messages that this process works on.' },
  approvalsWaiting: {
    name: 'aiworkflow.approvals.waiting',
    unit: '{approval}',
    description: 'Questions that wait for a person.',
  },
  deadLettersOpen: {
    name: 'aiworkflow.dead_letters.open',
    unit: '{letter}',
    description: 'Dead letters that nobody has replayed or discarded.',
  },
} as const

/** The product's own names. */
export const own = {
  runId: 'aiworkflow.run.id',
  deliveryId: 'aiworkflow.delivery.id',
  feed: 'aiworkflow.feed',
  runCause: 'aiworkflow.run.cause',
  replayOf: 'aiworkflow.run.replayOf',
  file: 'aiworkflow.file',
  agent: 'aiworkflow.agent',
  node: 'aiworkflow.node',
  decisionQuestion: 'aiworkflow.decision.question',
  decisionKind: 'aiworkflow.decision.kind',
  decisionStep: 'aiworkflow.decision.step',
  decisionAnswer: 'aiworkflow.decision.answer',
  decisionAnswerDigest: 'aiworkflow.decision.answer.digest',
  decisionConfidence: 'aiworkflow.decision.confidence',
  decisionBy: 'aiworkflow.decision.by',
  decisionCostMicros: 'aiworkflow.decision.costMicros',
  toolServer: 'aiworkflow.tool.server',
  toolCaller: 'aiworkflow.tool.caller',
  toolArgumentsDigest: 'aiworkflow.tool.arguments.digest',
  toolFromLedger: 'aiworkflow.tool.fromLedger',
  sparkVersion: 'aiworkflow.spark.version',
  sparkApplication: 'aiworkflow.spark.application.id',
  promptTemplate: 'aiworkflow.prompt.template',
  promptDigest: 'aiworkflow.prompt.digest',
  modelRequestDigest: 'aiworkflow.model.request.digest',
  modelRecalled: 'aiworkflow.model.recalled',
  costMicros: 'aiworkflow.costMicros',
  writeKey: 'aiworkflow.writeKey',
  failureCode: 'aiworkflow.failure.code',
  failureKind: 'aiworkflow.failure.kind',
  failureMessage: 'aiworkflow.failure.message',
  failureOwner: 'aiworkflow.failure.owner',
  failureWayOut: 'aiworkflow.failure.wayOut',
  retryAttempt: 'aiworkflow.retry.attempt',
  outcome: 'aiworkflow.run.outcome',
  interrupted: 'aiworkflow.interrupted',
  waiting: 'aiworkflow.waiting',
  approvalId: 'aiworkflow.approval.id',
} as const
