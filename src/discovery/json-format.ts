/** Whether a text is JSON, one value per line or a document, and where in a document its records are. Pure. */
import { withoutSeparator } from '../records/json-record.ts'
import { isObject, parseJson } from '../records/json-value.ts'

export type JsonShape = { readonly kind: 'ndjson' } | { readonly kind: 'json'; readonly recordPath: string[] }

const lookLines = 200

export function findJson(text: string, complete: boolean): JsonShape | undefined {
  const start = withoutSeparator(text.slice(0, 4096).trimStart()).trimStart()
  const lines = text
    .split('\n', lookLines + 1)
    .map(line => withoutSeparator(line).trim())
    .filter(line => line !== '')
  if (!complete && lines.length <= lookLines && lines.length > 1) lines.pop()
  const whole = lines.filter(isWholeObject).length
  const braced = lines.filter(line => line.startsWith('{') && line.endsWith('}')).length
  if (lines.length > 1 && whole > 0 && (whole >= lines.length * 0.5 || braced >= lines.length * 0.8))
    return { kind: 'ndjson' }
  if (!/^[{[]/.test(start)) return undefined
  if (!/^(\{\s*("|\}|$)|\[\s*([{[\]"\d-]|true|false|null|$))/.test(start)) return undefined
  const outline = outlineOf(text)
  return outline === undefined ? undefined : { kind: 'json', recordPath: recordPathOf(outline) }
}

function isWholeObject(line: string): boolean {
  if (!line.startsWith('{') || !line.endsWith('}')) return false
  try {
    return isObject(parseJson(line))
  } catch {
    return false
  }
}

/** An array of the document whose elements are objects. */
interface FoundArray {
  readonly path: readonly string[]
  /** Arrays of objects it lies in. */
  readonly inside: number
  objects: number
  characters: number
}

interface Outline {
  readonly arrays: readonly FoundArray[]
  readonly rootIsArray: boolean
  readonly characters: number
  readonly rootKeys: number
}

interface Open {
  readonly kind: '{' | '['
  readonly path: readonly string[]
  readonly start: number
  array: FoundArray | undefined
  key: string
}

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+|"/gs

/** The arrays of objects of a document, as far as the sample goes; undefined where it is no JSON. */
function outlineOf(text: string): Outline | undefined {
  const arrays: FoundArray[] = []
  const open: Open[] = []
  let rootKeys = 0
  let last = ''
  for (const match of text.matchAll(tokens)) {
    const token = match[0]
    const top = open.at(-1)
    if (token === '{' || token === '[') {
      const path = top === undefined ? [] : top.kind === '{' ? [...top.path, top.key] : top.path
      if (token === '{' && top?.kind === '[') {
        if (top.array === undefined) {
          top.array = {
            path: top.path,
            inside: open.filter(({ array }) => array !== undefined).length,
            objects: 0,
            characters: text.length - top.start,
          }
          arrays.push(top.array)
        }
        top.array.objects++
      }
      open.push({ kind: token, path, start: match.index, array: undefined, key: '' })
    } else if (token === '}' || token === ']') {
      const closed = open.pop()
      if (closed === undefined || (closed.kind === '{') !== (token === '}'))
        return open.length === 0 && arrays.length > 0
          ? { arrays, rootIsArray: false, characters: text.length, rootKeys }
          : undefined
      if (closed.array !== undefined) closed.array.characters = match.index - closed.start
    } else if (token === ':') {
      if (top?.kind !== '{' || !last.startsWith('"')) return undefined
      top.key = keyOf(last)
      if (open.length === 1) rootKeys++
    } else if (token !== ',' && !/^("|-?\d|true|false|null)/.test(token) && open.length > 0) return undefined
    last = token
  }
  return { arrays, rootIsArray: text.trimStart().startsWith('['), characters: text.length, rootKeys }
}

function keyOf(token: string): string {
  try {
    return String(JSON.parse(token))
  } catch {
    return token
  }
}

/** The array that is most of the document; pages of a few objects are walked through to the records in them. */
function recordPathOf({ arrays, rootIsArray, characters, rootKeys }: Outline): string[] {
  const largest = (found: readonly FoundArray[]) =>
    found.reduce<FoundArray | undefined>(
      (best, next) => (best === undefined || next.characters > best.characters ? next : best),
      undefined,
    )
  const outer = largest(arrays.filter(({ inside }) => inside === 0))
  if (outer === undefined) return []
  // An object of many keys with a short list is a record; one of a few keys is a wrapper.
  if (!rootIsArray && outer.characters < characters * (rootKeys <= 2 ? 0.25 : 0.5)) return []
  const objectsIn = new Map<string, number>()
  for (const { path, inside, objects } of arrays)
    if (inside === 1) objectsIn.set(JSON.stringify(path), (objectsIn.get(JSON.stringify(path)) ?? 0) + objects)
  const [path, objects] = [...objectsIn].reduce((best, next) => (next[1] > best[1] ? next : best), ['', 0] as [
    string,
    number,
  ])
  const pages = outer.objects <= 3 && objects >= 10 * outer.objects
  return pages ? (JSON.parse(path) as string[]) : [...outer.path]
}
