import { type Cause, causeOf, type RunState } from './cause.ts'
import { type Building, type Frame, frameOf, optional, textOf } from './frame.ts'
import { own } from './names.ts'
import { childrenOf, parentKey, reachedFrom } from './orphans.ts'
import { type SpanRecord, spanKey } from './record.ts'

/** The agent stack trace of one run: plain JSON. */
export interface AgentStack {
  readonly runId?: string
  readonly deliveryId?: string
  readonly feed?: string
  readonly traceIds: readonly string[]
  readonly startUs: number
  readonly endUs: number
  readonly state: RunState
  /** Where and why it failed, innermost frame first; only of a run that failed. */
  readonly cause?: Cause
  readonly roots: readonly Frame[]
  /** Spans whose parent is not there, each with what is below it. A run that keeps its promises has none. */
  readonly orphans: readonly Frame[]
}

/** The stack of a run from all of its spans. Every span becomes exactly one frame, whatever its parents look like. */
export function stackOf(spans: readonly SpanRecord[]): AgentStack {
  const unique = [...new Map(spans.map(span => [spanKey(span), span])).values()].sort((a, b) => a.startUs - b.startUs)
  const { roots, lost } = tops(unique)
  const children = childrenOf(unique)
  const all: Building[] = []
  const place = (span: SpanRecord): Building => {
    const top = frameOf(span, undefined)
    const open = [top]
    for (let frame = open.pop(); frame; frame = open.pop()) {
      all.push(frame)
      for (const child of children.get(spanKey(frame.span)) ?? []) {
        if (lostSet.has(child)) continue
        const below = frameOf(child, frame)
        frame.children.push(below)
        open.push(below)
      }
    }
    return top
  }
  const lostSet = new Set(lost)
  const rootFrames = roots.map(place)
  const orphanFrames = lost.map(place)
  const { state, cause } = causeOf(all)
  const named = (key: string) => all.map(frame => textOf(frame.span.attributes[key])).find(text => text !== undefined)
  return {
    ...optional({ runId: named(own.runId), deliveryId: named(own.deliveryId), feed: named(own.feed) }),
    traceIds: [...new Set(unique.map(span => span.traceId))],
    startUs: unique.reduce((least, span) => Math.min(least, span.startUs), unique[0]?.startUs ?? 0),
    endUs: all.reduce((most, frame) => Math.max(most, frame.endUs ?? frame.startUs), 0),
    state,
    ...(cause && { cause }),
    roots: rootFrames.map(finished),
    orphans: orphanFrames.map(finished),
  }
}

/** The spans to begin from: roots, then orphans, then the earliest of each ring of parents that nothing else leads to. */
function tops(spans: readonly SpanRecord[]): { roots: SpanRecord[]; lost: SpanRecord[] } {
  const known = new Set(spans.map(spanKey))
  const roots = spans.filter(span => span.parentSpanId === undefined)
  const lost = spans.filter(span => span.parentSpanId !== undefined && !known.has(parentKey(span) ?? ''))
  const reached = reachedFrom([...roots, ...lost], spans)
  for (const span of spans) {
    if (reached.has(spanKey(span))) continue
    lost.push(span)
    for (const key of reachedFrom([span], spans)) reached.add(key)
  }
  return { roots, lost }
}

function finished({ parent, span, children, ...frame }: Building): Frame {
  return { ...frame, children: children.map(finished) }
}
