/** Prompts with places in them: `{{ scan.response.files }}` stands for what an earlier call came to. Pure. */
import { Failure } from '../../contracts/failures.ts'

const place = /\{\{\s*([^{}]*?)\s*\}\}/g
const path = /^[A-Za-z_]\w*(?:\.(?:[A-Za-z_]\w*|\d+))*$/

/** What the places of a prompt name, each once. */
export const placesOf = (prompt: string): string[] => [
  ...new Set([...prompt.matchAll(place)].map(([, name = '']) => name)),
]

/**
 * Fills every place. Text stands as it is, anything else as JSON: what comes from files is marked as data, so that a model can tell it
 * from what a person wrote.
 * @throws Failure PROMPT_INVALID for a place that is no path, or that names what is not there.
 */
export function fillPrompt(prompt: string, input: Readonly<Record<string, unknown>>): string {
  return prompt.replaceAll(place, (_whole, name: string) => {
    if (!path.test(name))
      throw new Failure(
        'PROMPT_INVALID',
        `{{ ${name} }} is no path of names joined by dots, as in {{ scan.response.files }}.`,
      )
    const value = valueAt(name, input)
    return asData(name, value)
  })
}

function valueAt(name: string, input: Readonly<Record<string, unknown>>): unknown {
  let value: unknown = input
  const walked: string[] = []
  for (const part of name.split('.')) {
    const there = value !== null && typeof value === 'object' && Object.hasOwn(value, part)
    if (!there) {
      const known = value !== null && typeof value === 'object' ? Object.keys(value) : []
      const where = walked.length === 0 ? 'the input' : walked.join('.')
      const has = known.length === 0 ? 'nothing' : known.slice(0, 20).join(', ')
      throw new Failure('PROMPT_INVALID', `{{ ${name} }}: ${where} has no ${part}; it has ${has}.`, {
        wayOut: 'Give the result under that name in `input`, or correct the prompt.',
      })
    }
    value = (value as Readonly<Record<string, unknown>>)[part]
    walked.push(part)
  }
  return value
}

/** Text in data ends no mark: what would open or close one is written as JSON writes it. */
export function asData(name: string, value: unknown): string {
  const json = JSON.stringify(value ?? null)
    .replaceAll('<', '\\u003c')
    .replaceAll('>', '\\u003e')
  return `<data name="${name}">${json}</data>`
}
