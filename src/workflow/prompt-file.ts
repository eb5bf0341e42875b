/** Prompts as files of a workspace, in `prompts/`: Markdown with a head that says whose it is and which version. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { Failure } from '../../contracts/failures.ts'
import { parseDocument } from '../catalog/document.ts'
import { digestOf } from '../telemetry/redact.ts'

const Head = z.strictObject({ owner: z.string().min(1), version: z.int().min(1) })

export interface PromptFile {
  readonly name: string
  readonly owner: string
  readonly version: number
  readonly text: string
  /** Of the text: tells an edit that nobody gave a version. */
  readonly digest: string
}

/** @throws Failure PROMPT_INVALID where there is none of that name, or its head is wrong. */
export async function readPrompt(promptsDir: string, name: string): Promise<PromptFile> {
  if (!/^[a-z][\w-]*$/.test(name))
    throw new Failure('PROMPT_INVALID', `${JSON.stringify(name)} is no name of a prompt.`)
  const whole = await readPromptFile(join(promptsDir, `${name}.md`)).catch(error => {
    throw new Failure('PROMPT_INVALID', `prompts/${name}.md cannot be read: ${(error as Error).message}.`, {
      wayOut: 'Write it, or let `aiworkflow init` put the shipped one there.',
    })
  })
  return parsePrompt(name, whole, `prompts/${name}.md`)
}

export const readPromptFile = (file: string): Promise<string> => readFile(file, 'utf8')

/** @throws Failure PROMPT_INVALID */
export function parsePrompt(name: string, whole: string, place: string): PromptFile {
  const [, head, body] = /^---\r?\n([\s\S]*?)\r?\n---\r?\n([\s\S]*)$/.exec(whole) ?? []
  if (head === undefined || body === undefined)
    throw new Failure(
      'PROMPT_INVALID',
      `${place} does not begin with a head of owner and version between two lines of ---.`,
    )
  const { owner, version } = parseDocument(Head, head, place, 'PROMPT_INVALID')
  const text = body.trim()
  return { name, owner, version, text, digest: digestOf(text) }
}

/** How decisions and spans name it. */
export const promptReference = ({ name, version, digest }: PromptFile): string => `${name} v${version} ${digest}`
