/** A model that carries out the three prompts of the example as they ask: it lists, inspects, builds, counts, and answers with what it was told. */
import type { ChatBody, Reply, Script } from './model.ts'

/** What tools returned so far, by the tool's wire name, in order. */
function results(body: ChatBody): { readonly name: string; readonly text: string; readonly value: unknown }[] {
  const names = new Map(
    body.messages.flatMap(({ tool_calls: calls = [] }) =>
      calls.map(({ id, function: { name } }) => [id, name] as const),
    ),
  )
  return body.messages.flatMap(({ role, content, tool_call_id: id = '' }) =>
    role === 'tool' ? [{ name: names.get(id) ?? '', text: content ?? '', value: dataIn(content ?? '') }] : [],
  )
}

/** The value inside the first data mark; undefined where it was cut. */
export function dataIn(text: string): unknown {
  const [, json = ''] = /<data name="[^"]*">([\s\S]*?)<\/data>/.exec(text) ?? []
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

const call = (name: string, args: object = {}): Reply => ({ toolCalls: [{ name, arguments: args }] })
const say = (value: unknown): Reply => ({ content: JSON.stringify(value) })
const promptOf = (body: ChatBody): string => body.messages.find(({ role }) => role === 'user')?.content ?? ''

interface Listed {
  files: { path: string }[]
}
interface Inspected {
  spec: {
    format: { kind: string }
    columns: { name: string; sourceName: string; type: string }[]
    keys: { columns: string[] }[]
    rowCount: number | null
    confidence: number
  }
}

function discover(body: ChatBody): Reply {
  const done = results(body)
  const [listed, ...inspected] = done
  if (listed === undefined) return call('filesystem__list_files', { folder: 'landing' })
  const paths = (listed.value as Listed).files.map(({ path }) => path).filter(path => !path.endsWith('.md'))
  if (inspected.length === 0)
    return { toolCalls: paths.map(path => ({ name: 'filesystem__inspect_file', arguments: { path } })) }
  const files: unknown[] = []
  const errors: unknown[] = []
  for (const [index, { text, value }] of inspected.entries()) {
    const path = paths[index]!.replace(/^landing\//, '')
    const [vendor = '', file = ''] = path.split('/')
    const table = file
      .replace(/\..*$/, '')
      .replace(/[-_]?\d[\d-]*$/, '')
      .replaceAll('-', '_')
    const [code = ''] = /^[A-Z_]+(?=:)/.exec(text) ?? []
    if (code !== '') errors.push({ file: path, code, message: text, wayOut: 'Ask the vendor.' })
    const spec = (value as Inspected | undefined)?.spec
    if (code === '')
      files.push({
        path,
        vendor,
        table,
        format: spec?.format.kind ?? 'unknown',
        columns: (spec?.columns ?? []).map(({ name, sourceName, type }) => ({ name, sourceName, type })),
        keys: (spec?.keys ?? []).map(({ columns }) => columns),
        rowCount: spec?.rowCount ?? null,
        confidence: spec?.confidence ?? 0.5,
      })
  }
  return say({ files, errors })
}

function buildBronze(body: ChatBody): Reply {
  const [built, counted] = results(body)
  const files = (dataIn(promptOf(body)) as { path: string }[]).map(({ path }) => path)
  if (built === undefined) return call('skills__build_bronze', { files })
  const { tables } = built.value as { tables: { table: string }[] }
  const sql = tables.map(({ table }) => `SELECT '${table}' AS t, count(*) FROM ${table}`).join(' UNION ALL ')
  if (counted === undefined) return call('lakehouse__query', { sql })
  return say(built.value)
}

function buildCore(body: ChatBody): Reply {
  const [standard, built, counted] = results(body)
  if (standard === undefined) return call('metadata__get_standard')
  if (built === undefined) return call('skills__build_core')
  const { table } = built.value as { table: string }
  if (counted === undefined) return call('lakehouse__query', { sql: `SELECT count(*) FROM ${table}` })
  return say(built.value)
}

/** Does what it is asked. */
export const compliant: Script = body => {
  const prompt = promptOf(body)
  if (prompt.includes('what our vendors have dropped')) return discover(body)
  if (prompt.includes('Build the raw layer')) return buildBronze(body)
  return buildCore(body)
}
