/** Whether a text is JSON, one value per line or a document, and where in a document its records are. Pure. */
import { Failure } from '../../contracts/failures.ts'
import { anyKey } from '../records/json-document.ts'
import { withoutSeparator } from '../records/json-record.ts'
import { isObject, parseJson } from '../records/json-value.ts'

export type JsonShape = { readonly kind: 'ndjson' } | { readonly kind: 'json'; readonly recordPath: string[] }

const lookLines = 200

/** @throws Failure FILE_FORMAT_UNKNOWN for a document that is cut off: what is missing would never be known */
export function findJson(text: string, complete: boolean, path = 'the text'): JsonShape | undefined {
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
  if (complete && outline?.cutOff)
    throw new Failure('FILE_FORMAT_UNKNOWN', `${path} is a JSON document that ends too early: it was cut off.`, {
      wayOut: 'Ask the vendor to send the file again.',
    })
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

/** An array of objects, or an object whose values are objects: what may hold the records. */
interface Found {
  readonly kind: 'array' | 'values'
  readonly path: readonly string[]
  /** Arrays of objects it lies in. */
  readonly inside: number
  objects: number
  /** Elements or values, objects or not. */
  values: number
  characters: number
  /** Paths of keys in its objects, and in how many of them each stands. */
  readonly keys: Map<string, number>
}

interface Outline {
  readonly found: readonly Found[]
  /** The text ends before the document does. */
  readonly cutOff: boolean
  readonly rootIsArray: boolean
  readonly characters: number
  readonly rootKeys: number
}

interface Open {
  readonly kind: '{' | '['
  readonly path: readonly string[]
  readonly start: number
  found: Found | undefined
  /** Elements or values so far. */
  values: number
  key: string
}

/** A list of as many objects is no detail of a record. */
const longList = 20
/** Keys counted per container: enough to tell whether two of them hold the same kind of thing. */
const mostKeys = 256
const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+|"/gs

/** What may hold the records of a document, as far as the sample goes; undefined where it is no JSON. */
function outlineOf(text: string): Outline | undefined {
  const found: Found[] = []
  const open: Open[] = []
  let rootKeys = 0
  let last = ''
  const outline = (cutOff: boolean) => ({
    found,
    cutOff,
    rootIsArray: text.trimStart().startsWith('['),
    characters: text.length,
    rootKeys,
  })
  for (const match of text.matchAll(tokens)) {
    const token = match[0]
    const top = open.at(-1)
    if (token === '"') return open.length === 0 ? undefined : outline(true)
    if (token === '{' || token === '[') {
      const path = top === undefined ? [] : top.kind === '{' ? [...top.path, top.key] : top.path
      if (top !== undefined) top.values++
      if (token === '{' && top !== undefined) {
        top.found ??= begin(top, open, text.length, found)
        top.found.objects++
      }
      open.push({ kind: token, path, start: match.index, found: undefined, values: 0, key: '' })
    } else if (token === '}' || token === ']') {
      const closed = open.pop()
      if (closed === undefined || (closed.kind === '{') !== (token === '}'))
        return open.length === 0 && found.length > 0 ? { ...outline(false), rootIsArray: false } : undefined
      if (closed.found !== undefined) {
        closed.found.characters = match.index - closed.start
        closed.found.values = closed.values
      }
    } else if (token === ':') {
      if (top?.kind !== '{' || !last.startsWith('"')) return undefined
      top.key = keyOf(last)
      if (open.length === 1) rootKeys++
      countKey(open)
    } else if (token !== ',') {
      if (!/^("|-?\d|true|false|null)/.test(token) && open.length > 0) return undefined
      if (last === ':' && top !== undefined) top.values++
    }
    last = token
  }
  return outline(open.length > 0)
}

function begin(top: Open, open: readonly Open[], characters: number, found: Found[]): Found {
  const one: Found = {
    kind: top.kind === '[' ? 'array' : 'values',
    path: top.path,
    inside: open.filter(({ kind, found }) => kind === '[' && found !== undefined).length,
    objects: 0,
    values: 0,
    characters: characters - top.start,
    keys: new Map(),
  }
  found.push(one)
  return one
}

/** Counts the key just read for each container that the object at hand stands in, as the path from the container's object. */
function countKey(open: readonly Open[]): void {
  let path = ''
  for (let i = open.length - 1; i > 0 && open[i]?.kind === '{'; i--) {
    path = JSON.stringify(open[i]?.key) + path
    const keys = open[i - 1]?.found?.keys
    if (keys === undefined) return
    if (keys.has(path) || keys.size < mostKeys) keys.set(path, (keys.get(path) ?? 0) + 1)
    if (open[i - 1]?.kind === '[') return
  }
}

function keyOf(token: string): string {
  try {
    return String(JSON.parse(token))
  } catch {
    return token
  }
}

/** What is most of the document; pages of a few objects are walked through to the records in them. */
function recordPathOf({ found, rootIsArray, characters, rootKeys }: Outline): string[] {
  const candidates = [...found.filter(({ inside }) => inside === 0).filter(isTable), ...unitedArrays(found)]
  const weight = ({ characters, objects }: Found) => characters * Math.log2(1 + objects)
  const [outer] = candidates.sort((a, b) => weight(b) - weight(a))
  if (outer === undefined) return []
  // An object of many keys with a short list is a record; one of a few keys is a wrapper, as is one of a long list.
  if (!rootIsArray && outer.objects < longList && outer.characters < characters * (rootKeys <= 2 ? 0.25 : 0.5))
    return []
  const objectsIn = new Map<string, number>()
  for (const { kind, path, inside, objects } of found)
    if (kind === 'array' && inside === 1)
      objectsIn.set(JSON.stringify(path), (objectsIn.get(JSON.stringify(path)) ?? 0) + objects)
  const [path, objects] = [...objectsIn].reduce((best, next) => (next[1] > best[1] ? next : best), ['', 0] as [
    string,
    number,
  ])
  const pages = outer.objects <= 3 && objects >= 10 * outer.objects
  if (pages && outer.kind === 'array') return JSON.parse(path) as string[]
  return outer.kind === 'values' ? [...outer.path, anyKey] : [...outer.path]
}

/** An array of objects is one; an object is one where at least three values, and nearly all, are objects that share keys. */
function isTable({ kind, objects, values, keys }: Found): boolean {
  if (kind === 'array') return true
  const shared = [...keys.values()].filter(times => times >= 0.8 * objects).length
  return objects >= 3 && objects >= 0.9 * values && shared >= 2
}

/** Arrays side by side that hold the same kind of object, one per shelf: as many records as all of them have. */
function unitedArrays(found: readonly Found[]): Found[] {
  const shelves = new Map<string, Found[]>()
  for (const one of found) {
    if (one.kind !== 'array' || one.inside > 0 || one.path.length === 0) continue
    const parent = JSON.stringify(one.path.slice(0, -1))
    shelves.set(parent, [...(shelves.get(parent) ?? []), one])
  }
  return [...shelves.values()].flatMap(arrays => {
    const [first, ...others] = arrays
    if (first === undefined || others.length === 0 || !others.every(other => areAlike(first, other))) return []
    const sum = (of: (one: Found) => number) => arrays.reduce((so, one) => so + of(one), 0)
    const [objects, characters] = [sum(one => one.objects), sum(one => one.characters)]
    return [{ ...first, path: [...first.path.slice(0, -1), anyKey], objects, characters }]
  })
}

function areAlike(a: Found, b: Found): boolean {
  const shared = [...a.keys.keys()].filter(key => b.keys.has(key)).length
  return shared >= 2 && shared >= 0.8 * Math.min(a.keys.size, b.keys.size)
}
