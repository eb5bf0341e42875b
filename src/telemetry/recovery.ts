import { own } from './names.ts'
import { type SpanRecord, spanKey } from './record.ts'

/** The message of a span that its owner did not live to end. */
export const interruptedMessage = 'interrupted'

/**
 * The open ones among the spans of one owner, ended at its last known activity: the latest start, end or event of the span or
 * of anything below it. Pass only that owner's spans: what another process did below one says nothing about its owner.
 */
export function interrupted(spans: readonly SpanRecord[]): SpanRecord[] {
  const byKey = new Map(spans.map(span => [spanKey(span), span]))
  const lastUs = new Map<SpanRecord, number>()
  for (const span of spans) {
    const times = [span.startUs, ...span.events.map(event => event.timeUs)]
    if (span.state.kind === 'ended') times.push(span.state.endUs)
    const last = times.reduce((a, b) => Math.max(a, b))
    // Each step upwards must be news to the parent, so that even a ring of parents ends.
    for (let at: SpanRecord | undefined = span; at && last > (lastUs.get(at) ?? 0); at = parentOf(at, byKey))
      lastUs.set(at, last)
  }
  return spans
    .filter(span => span.state.kind === 'open')
    .map(span => ({
      ...span,
      state: { kind: 'ended', endUs: lastUs.get(span) ?? span.startUs, status: 'error', message: interruptedMessage },
      attributes: { ...span.attributes, [own.interrupted]: true },
    }))
}

const parentOf = (span: SpanRecord, byKey: ReadonlyMap<string, SpanRecord>): SpanRecord | undefined =>
  span.parentSpanId === undefined ? undefined : byKey.get(spanKey({ traceId: span.traceId, spanId: span.parentSpanId }))
