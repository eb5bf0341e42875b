import { type SpanRecord, spanKey } from './record.ts'

/** A way in which the spans of a trace fail to be one connected tree. */
export type TraceFault =
  | { readonly kind: 'root-missing'; readonly traceId: string }
  | { readonly kind: 'roots-several'; readonly traceId: string; readonly spanIds: readonly string[] }
  | {
      readonly kind: 'parent-missing'
      readonly traceId: string
      readonly spanId: string
      readonly parentSpanId: string
    }
  /** Its ancestors are all there and form a ring. */
  | { readonly kind: 'unreachable'; readonly traceId: string; readonly spanId: string }

/**
 * Every fault of every trace among the spans; none means that each trace has exactly one root from which all of its spans
 * are reached. Pass whole traces: a span whose parent is left out counts as an orphan.
 */
export function orphans(spans: readonly SpanRecord[]): TraceFault[] {
  return [...Map.groupBy(spans, span => span.traceId)].flatMap(([traceId, trace]) => faultsOf(traceId, trace))
}

function faultsOf(traceId: string, trace: readonly SpanRecord[]): TraceFault[] {
  const known = new Set(trace.map(span => span.spanId))
  const roots = trace.filter(span => span.parentSpanId === undefined)
  const lost = trace.filter(span => span.parentSpanId !== undefined && !known.has(span.parentSpanId))
  const reached = reachedFrom([...roots, ...lost], trace)
  return [
    ...(roots.length === 0 ? [{ kind: 'root-missing', traceId } as const] : []),
    ...(roots.length > 1 ? [{ kind: 'roots-several', traceId, spanIds: roots.map(span => span.spanId) } as const] : []),
    ...lost.map(
      ({ spanId, parentSpanId = '' }) => ({ kind: 'parent-missing', traceId, spanId, parentSpanId }) as const,
    ),
    ...trace
      .filter(span => !reached.has(spanKey(span)))
      .map(({ spanId }) => ({ kind: 'unreachable', traceId, spanId }) as const),
  ]
}

/** The keys of `starts` and of all that lies below them. */
export function reachedFrom(starts: readonly SpanRecord[], spans: readonly SpanRecord[]): Set<string> {
  const children = childrenOf(spans)
  const reached = new Set<string>()
  const open = [...starts]
  for (let span = open.pop(); span; span = open.pop()) {
    const key = spanKey(span)
    if (reached.has(key)) continue
    reached.add(key)
    open.push(...(children.get(key) ?? []))
  }
  return reached
}

/** Spans by the key of their parent; roots are under none. */
export function childrenOf(spans: readonly SpanRecord[]): Map<string | undefined, SpanRecord[]> {
  return Map.groupBy(spans, span => parentKey(span))
}

export const parentKey = ({ traceId, parentSpanId }: SpanRecord): string | undefined =>
  parentSpanId === undefined ? undefined : spanKey({ traceId, spanId: parentSpanId })
