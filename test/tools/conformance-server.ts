/**
 * What the public conformance suite of MCP asks of a server: tools, resources and prompts of fixed names with fixed answers. It is
 * served by the wrapper and the HTTP listener of the product's own tools.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import {
  type CallToolResult,
  CompleteRequestSchema,
  type ContentBlock,
  CreateMessageResultSchema,
  type ElicitRequestFormParams,
  ElicitResultSchema,
  GetPromptRequestSchema,
  type GetPromptResult,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  type LoggingLevel,
  ReadResourceRequestSchema,
  type ReadResourceResult,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { Failure } from '../../contracts/failures.ts'
import { type Extra, type PlainTool, serveTools, type ToolServer } from '../../src/tools/server.ts'

/** One red pixel. */
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='
/** A sound of no length. */
const wav = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA='

const text = (said: string): ContentBlock => ({ type: 'text', text: said })
const picture: ContentBlock = { type: 'image', data: png, mimeType: 'image/png' }
const resource = (uri: string, mimeType: string, said: string): ContentBlock => ({
  type: 'resource',
  resource: { uri, mimeType, text: said },
})

const withoutArguments = { type: 'object' as const, properties: {} }
const tool = (description: string, call: PlainTool['call']): PlainTool => ({
  listing: { description, inputSchema: withoutArguments },
  call,
})
const saying = (description: string, ...content: ContentBlock[]): PlainTool =>
  tool(description, (): CallToolResult => ({ content }))

/** A tool that asks its client something before it answers with a text. */
const asking = (
  properties: Readonly<Record<string, object>>,
  answer: (args: Readonly<Record<string, unknown>>, extra: Extra) => Promise<string>,
): PlainTool => ({
  listing: {
    description: 'Asks its client.',
    inputSchema: { type: 'object', properties, required: Object.keys(properties) },
  },
  call: async (args, extra) => ({ content: [text(await answer(args, extra))] }),
})

async function elicit(
  sendRequest: Extra['sendRequest'],
  message: string,
  properties: ElicitRequestFormParams['requestedSchema']['properties'],
  required?: string[],
): Promise<string> {
  const requestedSchema = { type: 'object' as const, properties, ...(required && { required }) }
  const params = { mode: 'form' as const, message, requestedSchema }
  const { action, content } = await sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema)
  return `action=${action}, content=${JSON.stringify(content)}`
}

const tools: Record<string, PlainTool> = {
  test_simple_text: saying('Says a text.', text('This is a simple text response for testing.')),
  test_image_content: saying('Shows a picture.', picture),
  test_audio_content: saying('Plays a sound.', { type: 'audio', data: wav, mimeType: 'audio/wav' }),
  test_embedded_resource: saying(
    'Brings a resource along.',
    resource('test://embedded-resource', 'text/plain', 'This is an embedded resource content.'),
  ),
  test_multiple_content_types: saying(
    'Says, shows and brings along.',
    text('Multiple content types test:'),
    picture,
    resource('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
  ),
  test_tool_with_logging: tool('Logs while it works.', async (_args, { sendNotification }) => {
    const level: LoggingLevel = 'info'
    const log = (data: string) => sendNotification({ method: 'notifications/message', params: { level, data } })
    await log('Tool execution started')
    await delay(50)
    await log('Tool processing data')
    await delay(50)
    await log('Tool execution completed')
    return { content: [text('Logged three times.')] }
  }),
  test_tool_with_progress: tool('Tells how far it is.', async (_args, { sendNotification, _meta }) => {
    const progressToken = _meta?.progressToken
    for (const progress of [0, 50, 100]) {
      if (progressToken !== undefined)
        await sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } })
      await delay(50)
    }
    return { content: [text('Done in three steps.')] }
  }),
  test_sampling: asking({ prompt: { type: 'string' } }, async ({ prompt }, { sendRequest }) => {
    const asked = { role: 'user' as const, content: { type: 'text' as const, text: String(prompt) } }
    const { content } = await sendRequest(
      { method: 'sampling/createMessage', params: { messages: [asked], maxTokens: 100 } },
      CreateMessageResultSchema,
    )
    return `LLM response: ${content.type === 'text' ? content.text : content.type}`
  }),
  test_elicitation: asking({ message: { type: 'string' } }, async ({ message }, { sendRequest }) => {
    const said = (description: string) => ({ type: 'string' as const, description })
    const properties = { username: said("User's response"), email: said("User's email address") }
    return `User response: ${await elicit(sendRequest, String(message), properties, ['username', 'email'])}`
  }),
  test_elicitation_sep1034_defaults: asking({}, async (_args, { sendRequest }) => {
    const answered = await elicit(sendRequest, 'Everything has a default.', {
      name: { type: 'string', default: 'John Doe' },
      age: { type: 'integer', default: 30 },
      score: { type: 'number', default: 95.5 },
      status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean', default: true },
    })
    return `Elicitation completed: ${answered}`
  }),
  test_elicitation_sep1330_enums: asking({}, async (_args, { sendRequest }) => {
    const plain = ['option1', 'option2', 'option3']
    const titles = ['First', 'Second', 'Third']
    const titled = (end: string) => titles.map((title, at) => ({ const: `value${at + 1}`, title: `${title} ${end}` }))
    const answered = await elicit(sendRequest, 'Choose.', {
      untitledSingle: { type: 'string', enum: plain },
      titledSingle: { type: 'string', oneOf: titled('Option') },
      legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: titles },
      untitledMulti: { type: 'array', items: { type: 'string', enum: plain } },
      titledMulti: { type: 'array', items: { anyOf: titled('Choice') } },
    })
    return `Elicitation completed: ${answered}`
  }),
  test_error_handling: tool('Always fails.', () => {
    throw new Failure('INTERNAL', 'This tool intentionally returns an error for testing.')
  }),
  json_schema_2020_12_tool: {
    listing: {
      description: 'Its schema uses words of JSON Schema 2020-12.',
      inputSchema: {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        $defs: {
          address: { type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } },
        },
        properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' } },
        additionalProperties: false,
      },
    },
    call: () => ({ content: [text('Nobody calls it.')] }),
  },
}

const resources = [
  { uri: 'test://static-text', name: 'text', description: 'A text.', mimeType: 'text/plain' },
  { uri: 'test://static-binary', name: 'picture', description: 'A picture.', mimeType: 'image/png' },
  { uri: 'test://watched-resource', name: 'watched', description: 'One to subscribe to.', mimeType: 'text/plain' },
]

function read(uri: string): ReadResourceResult {
  if (uri === 'test://static-binary') return { contents: [{ uri, mimeType: 'image/png', blob: png }] }
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1]
  if (id !== undefined) {
    const said = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` })
    return { contents: [{ uri, mimeType: 'application/json', text: said }] }
  }
  if (!resources.some(known => known.uri === uri)) throw new Error(`There is no ${uri}.`)
  return { contents: [{ uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }] }
}

const argument = (name: string) => ({ name, description: `The ${name}.`, required: true })
const prompts = [
  { name: 'test_simple_prompt', description: 'Says a text.', arguments: [] },
  { name: 'test_prompt_with_arguments', description: 'Repeats.', arguments: [argument('arg1'), argument('arg2')] },
  { name: 'test_prompt_with_embedded_resource', description: 'Embeds.', arguments: [argument('resourceUri')] },
  { name: 'test_prompt_with_image', description: 'Shows.', arguments: [] },
]

function prompt(name: string, args: Readonly<Record<string, string>>): GetPromptResult {
  const contents: Readonly<Record<string, () => ContentBlock[]>> = {
    test_simple_prompt: () => [text('This is a simple prompt for testing.')],
    test_prompt_with_arguments: () => [text(`Prompt with arguments: arg1='${args['arg1']}', arg2='${args['arg2']}'`)],
    test_prompt_with_embedded_resource: () => [
      resource(args['resourceUri'] ?? '', 'text/plain', 'Embedded resource content for testing.'),
      text('Please process the embedded resource above.'),
    ],
    test_prompt_with_image: () => [picture, text('Please analyze the image above.')],
  }
  const content = contents[name]
  if (content === undefined) throw new Error(`There is no prompt ${name}.`)
  return { messages: content().map(part => ({ role: 'user', content: part })) }
}

function configure(server: Server): void {
  server.setRequestHandler(SetLevelRequestSchema, () => ({}))
  server.setRequestHandler(CompleteRequestSchema, () => ({ completion: { values: [], total: 0, hasMore: false } }))
  server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources }))
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'data', mimeType: 'application/json' }],
  }))
  server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => read(params.uri))
  server.setRequestHandler(SubscribeRequestSchema, () => ({}))
  server.setRequestHandler(UnsubscribeRequestSchema, () => ({}))
  server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts }))
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => prompt(params.name, params.arguments ?? {}))
}

export function conformanceServer(): ToolServer {
  const capabilities = { logging: {}, completions: {}, resources: { subscribe: true }, prompts: {} }
  return serveTools('fixture', {}, {}, undefined, { beyond: { asksBack: true, tools, configure, capabilities } })
}
