import { isMap, LineCounter, parseDocument as parseYaml, type Document as YamlDocument } from 'yaml'
import type { z } from 'zod'
import { Failure, type FailureCode } from '../../contracts/failures.ts'
import { nearest } from './nearest.ts'

/** A fault of a document, at a place that a person can open. `line` and `column` count from 1. */
export interface DocumentFault {
  readonly line: number
  readonly column: number
  /** `checks[2].severity`; empty: the document itself. */
  readonly path: string
  readonly message: string
}

/** Faults shown in one failure; more would bury the first. */
const shownFaults = 3

/**
 * One YAML document as a typed value. `file` is what people call it (a path below the workspace).
 * @throws Failure DOCUMENT_INVALID (or `code`) with file, line, path, what was expected, the nearest known key and the document's owner.
 */
export function parseDocument<S extends z.ZodType>(
  schema: S,
  text: string,
  file: string,
  code: FailureCode = 'DOCUMENT_INVALID',
): z.output<S> {
  const lines = new LineCounter()
  const document = parseYaml(text, { lineCounter: lines, prettyErrors: false })
  const refuse = (faults: readonly DocumentFault[]): never => {
    const owner = document.errors.length === 0 ? ownerOf(document) : undefined
    throw new Failure(code, describeFaults(file, faults), owner === undefined ? {} : { owner })
  }
  if (document.errors.length > 0) {
    refuse(document.errors.map(error => ({ ...position(lines, error.pos[0]), path: '', message: error.message })))
  }
  const parsed = schema.safeParse(plainValue(document, message => refuse([{ line: 1, column: 1, path: '', message }])))
  if (parsed.success) return parsed.data
  return refuse(faultsOf(parsed.error.issues, schema, document, lines))
}

/** Aliases are resolved here: one that names no anchor, or thousands that multiply, are faults of the document. */
function plainValue(document: YamlDocument, refuse: (message: string) => never): unknown {
  try {
    return document.toJS()
  } catch (error) {
    return refuse((error as Error).message)
  }
}

/** A value built by a program, checked with the same words as one that a person typed. */
export function checkDocument<S extends z.ZodType>(schema: S, value: unknown, name: string): z.output<S> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map(issue => `${pathText(issue.path) || 'document'}: ${issue.message}`)
  throw new Failure('DOCUMENT_INVALID', `${name}: ${faults.slice(0, shownFaults).join('; ')}`)
}

/** Whose a document is, by its own words: ours say `owner`, data contracts name a team. */
function ownerOf(document: YamlDocument): string | undefined {
  const owner: unknown = document.getIn(['owner']) ?? document.getIn(['team', 0, 'username'])
  return typeof owner === 'string' ? owner : undefined
}

function describeFaults(file: string, faults: readonly DocumentFault[]): string {
  const shown = faults
    .slice(0, shownFaults)
    .map(fault => `${file}:${fault.line}:${fault.column} ${fault.path && `${fault.path}: `}${fault.message}`)
  const hidden = faults.length - shown.length
  return shown.join('; ') + (hidden > 0 ? `; and ${hidden} more` : '')
}

function faultsOf(
  issues: readonly z.core.$ZodIssue[],
  schema: z.ZodType,
  document: YamlDocument,
  lines: LineCounter,
): DocumentFault[] {
  return issues
    .flatMap(issue => {
      if (issue.code !== 'unrecognized_keys') {
        return [{ ...locate(document, lines, issue.path), path: pathText(issue.path), message: issue.message }]
      }
      const known = knownKeys(schema, issue.path)
      return issue.keys.map(key => {
        const meant = nearest(key, known)
        const way = meant === undefined ? `known keys: ${known.join(', ')}` : `did you mean ${meant}?`
        const path = [...issue.path, key]
        return { ...locate(document, lines, path), path: pathText(path), message: `unknown key; ${way}` }
      })
    })
    .sort((a, b) => a.line - b.line || a.column - b.column)
}

export const pathText = (path: readonly PropertyKey[]): string =>
  path
    .map(step => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '')

/** Where a path stands in the text; for a key that is missing, the nearest parent that is there. */
function locate(document: YamlDocument, lines: LineCounter, path: readonly PropertyKey[]) {
  const steps = path.map(step => (typeof step === 'symbol' ? String(step) : step))
  for (let length = steps.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(steps.slice(0, length - 1), true)
    const key = steps[length - 1]
    const pair = isMap(parent) ? parent.items.find(item => String(item.key) === String(key)) : undefined
    const node: unknown = pair ? pair.key : document.getIn(steps.slice(0, length), true)
    const range = (node as { range?: readonly number[] } | undefined)?.range
    if (range) return position(lines, range[0]!)
  }
  return position(lines, document.contents?.range?.[0] ?? 0)
}

function position(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}

/** The keys that the schema has at a path, over all members where a union stands there. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let found: z.core.$ZodType[] = [schema]
  for (const step of path) found = found.flatMap(unwrap).flatMap(type => descend(type, step))
  const shapes = found.flatMap(unwrap).filter(type => isType(type, 'object'))
  return [...new Set(shapes.flatMap(type => Object.keys(type._zod.def.shape)))]
}

interface Definitions {
  object: z.core.$ZodObject
  array: z.core.$ZodArray
  record: z.core.$ZodRecord
  union: z.core.$ZodUnion
}

function isType<K extends keyof Definitions>(type: z.core.$ZodType, kind: K): type is Definitions[K] {
  return type._zod.def.type === kind
}

/** The types behind defaults, optionals and unions. */
function unwrap(type: z.core.$ZodType): z.core.$ZodType[] {
  if (isType(type, 'union')) return type._zod.def.options.flatMap(unwrap)
  const definition = type._zod.def
  if ('innerType' in definition) return unwrap(definition.innerType as z.core.$ZodType)
  return [type]
}

function descend(type: z.core.$ZodType, step: PropertyKey): z.core.$ZodType[] {
  if (isType(type, 'array')) return [type._zod.def.element]
  if (isType(type, 'record')) return [type._zod.def.valueType]
  if (isType(type, 'object')) {
    const inner = type._zod.def.shape[String(step)]
    return inner ? [inner] : []
  }
  return []
}
