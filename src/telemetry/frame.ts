import { DecisionStep } from '../../contracts/data/common.ts'
import { eventNames, genAi, messaging, operations, own } from './names.ts'
import type { Attributes, SpanEvent, SpanRecord } from './record.ts'

/** What a span stands for. */
export type FrameWhat =
  | { readonly kind: 'run' }
  | { readonly kind: 'agent'; readonly agent: string }
  | { readonly kind: 'node'; readonly node: string }
  | { readonly kind: 'tool'; readonly tool: string; readonly argumentsDigest?: string; readonly fromLedger?: boolean }
  | { readonly kind: 'model'; readonly model: string }
  | { readonly kind: 'message'; readonly topic: string }
  | { readonly kind: 'step' }

export interface FrameFailure {
  readonly code: string
  readonly message: string
  readonly owner?: string
  readonly wayOut?: string
}

/** How a span ended, or that it has not. `stopped`: asked to stop; `interrupted`: its process died. */
export type FrameState =
  | { readonly kind: 'running' }
  | { readonly kind: 'done' }
  | { readonly kind: 'waiting'; readonly question?: string; readonly approvalId?: string }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'failed'; readonly failure: FrameFailure }

export interface FrameDecision {
  readonly question: string
  readonly answer: string
  readonly answerDigest?: string
  readonly step: DecisionStep
  readonly confidence?: number
  readonly by?: string
  readonly costMicros?: number
}

export interface Frame {
  readonly traceId: string
  readonly spanId: string
  readonly name: string
  readonly what: FrameWhat
  /** The agent in whose scope it ran, if in any. */
  readonly agent?: string
  readonly service: string
  readonly startUs: number
  /** Absent while it runs. */
  readonly endUs?: number
  readonly state: FrameState
  /** A later attempt at the same thing took its place: what became of this one no longer counts. */
  readonly superseded: boolean
  /** It lies on the way from the root to where the run failed. */
  readonly failing: boolean
  readonly attempt?: number
  readonly decisions: readonly FrameDecision[]
  readonly children: readonly Frame[]
}

/** A frame while its stack is being built: it knows its parent and its span. */
export type Building = Omit<Frame, 'children' | 'superseded' | 'failing'> & {
  superseded: boolean
  failing: boolean
  readonly children: Building[]
  readonly parent: Building | undefined
  readonly span: SpanRecord
}

/** The frame of a span, without what is below it. */
export function frameOf(span: SpanRecord, parent: Building | undefined): Building {
  const { traceId, spanId, name, startUs, state } = span
  const attempt = span.attributes[own.retryAttempt]
  return {
    traceId,
    spanId,
    name,
    what: whatOf(span.attributes),
    service: span.service,
    startUs,
    ...optional({ agent: textOf(span.attributes[own.agent]) }),
    ...(state.kind === 'ended' && { endUs: state.endUs }),
    state: stateOf(span),
    ...(typeof attempt === 'number' && { attempt }),
    decisions: span.events.filter(event => event.name === eventNames.decision).map(decisionOf),
    superseded: false,
    failing: false,
    children: [],
    parent,
    span,
  }
}

function whatOf(attributes: Attributes): FrameWhat {
  const text = (key: string) => textOf(attributes[key]) ?? ''
  const operation = attributes[genAi.operationName]
  if (operation === operations.tool) {
    const fromLedger = attributes[own.toolFromLedger] === true ? { fromLedger: true } : {}
    return {
      kind: 'tool',
      tool: text(genAi.toolName),
      ...optional({ argumentsDigest: textOf(attributes[own.toolArgumentsDigest]) }),
      ...fromLedger,
    }
  }
  if (operation === operations.workflow) return { kind: 'run' }
  if (operation === operations.agent) return { kind: 'agent', agent: text(genAi.agentName) }
  if (attributes[genAi.requestModel] !== undefined) return { kind: 'model', model: text(genAi.requestModel) }
  if (attributes[messaging.operationType] !== undefined)
    return { kind: 'message', topic: text(messaging.destinationName) }
  if (attributes[own.node] !== undefined) return { kind: 'node', node: text(own.node) }
  return { kind: 'step' }
}

function stateOf({ state, attributes, events }: SpanRecord): FrameState {
  if (state.kind === 'open') return { kind: 'running' }
  if (attributes[own.interrupted] === true) return { kind: 'interrupted' }
  if (state.status === 'error') {
    const code = textOf(attributes[own.failureCode]) ?? 'INTERNAL'
    const message = textOf(attributes[own.failureMessage]) ?? state.message ?? ''
    const owner = textOf(attributes[own.failureOwner])
    const wayOut = textOf(attributes[own.failureWayOut])
    return { kind: 'failed', failure: { code, message, ...optional({ owner, wayOut }) } }
  }
  if (attributes[own.waiting] === true) {
    const asked = events.findLast(event => event.name === eventNames.waiting)?.attributes
    const question = textOf(asked?.[own.decisionQuestion])
    return { kind: 'waiting', ...optional({ question, approvalId: textOf(asked?.[own.approvalId]) }) }
  }
  return attributes[own.failureKind] === 'cancelled' ? { kind: 'stopped' } : { kind: 'done' }
}

function decisionOf({ attributes }: SpanEvent): FrameDecision {
  const text = (key: string) => textOf(attributes[key])
  const number = (key: string) => (typeof attributes[key] === 'number' ? attributes[key] : undefined)
  const step = DecisionStep.safeParse(attributes[own.decisionStep])
  return {
    question: text(own.decisionQuestion) ?? '',
    answer: text(own.decisionAnswer) ?? '',
    // What is not a step of the ladder was nobody's answer but a person's to look at.
    step: step.success ? step.data : 'person',
    ...optional({ answerDigest: text(own.decisionAnswerDigest), by: text(own.decisionBy) }),
    ...optional({ confidence: number(own.decisionConfidence), costMicros: number(own.decisionCostMicros) }),
  }
}

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** An object without its undefined entries, as optional properties want it. */
export function optional<T extends Readonly<Record<string, unknown>>>(
  entries: T,
): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }
}
