/**
 * Cassettes: what a provider was asked and answered, kept in a file, so that a run with a real model can be checked in and played by
 * anyone without a key.
 *
 * A line is one exchange, JSON: the digest of the request's body, the body for people, and the answer. Headers stay out but the content
 * type, so that no key gets in; both bodies are masked as spans are. A request that is not on the tape is refused, never sent.
 */
import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { Failure } from '../../contracts/failures.ts'
import { digestOf, maskSecrets } from '../telemetry/redact.ts'

export interface Cassette {
  readonly mode: 'record' | 'replay'
  readonly file: string
}

const exchange = z.strictObject({
  request: z.string(),
  asked: z.string(),
  status: z.int(),
  contentType: z.string(),
  answered: z.string(),
})
type Exchange = z.infer<typeof exchange>

/** A `fetch` that keeps what comes back, or answers from what was kept. */
export function cassetteFetch({ mode, file }: Cassette, onward: typeof fetch = fetch): typeof fetch {
  const play = once(() => readTape(file))
  return async (input, init) => {
    const asked = String(init?.body ?? '')
    const request = digestOf(asked)
    if (mode === 'replay') {
      const found = (await play()).get(request)
      if (found !== undefined)
        return new Response(found.answered, { status: found.status, headers: { 'content-type': found.contentType } })
      throw new Failure('MODEL_REFUSED', `${file} has no answer to this request (${request}).`, {
        wayOut: 'Record the run again, or run it as it was recorded: same prompts, policies, files and model.',
      })
    }
    const response = await onward(input, init)
    const answered = await response.text()
    const contentType = response.headers.get('content-type') ?? 'application/json'
    const line: Exchange = {
      request,
      asked: maskSecrets(asked),
      status: response.status,
      contentType,
      answered: maskSecrets(answered),
    }
    // What was refused comes again and would stand in the way of its answer.
    if (response.ok) {
      await mkdir(dirname(file), { recursive: true })
      await appendFile(file, `${JSON.stringify(line)}\n`)
    }
    return new Response(answered, { status: response.status, headers: response.headers })
  }
}

async function readTape(file: string): Promise<ReadonlyMap<string, Exchange>> {
  const text = await readFile(file, 'utf8').catch(error => {
    throw new Failure('SETTING_INVALID', `The cassette ${file} cannot be read: ${error.message}.`, {
      wayOut: 'Record it with modelCassette: record:FILE, or name another file.',
    })
  })
  const tape = new Map<string, Exchange>()
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue
    const parsed = exchange.safeParse(parseJson(line))
    if (!parsed.success)
      throw new Failure('DOCUMENT_INVALID', `${file}, line ${index + 1}: ${z.prettifyError(parsed.error)}`)
    tape.set(parsed.data.request, parsed.data)
  }
  return tape
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}
