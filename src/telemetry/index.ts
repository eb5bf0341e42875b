/**
 * Telemetry: one connected trace per run, kept in a local journal, told as an agent stack trace, and exported where asked.
 *
 * `createTelemetry` makes spans and the shapes name them; `Journal` keeps them, `stackOf` and `renderStack` tell them.
 */
export type { Cause, CauseFrame, RunState } from './cause.ts'
export {
  type Carrier,
  currentTraceparent,
  extract,
  inject,
  type RunScope,
  runSpanIds,
  type TraceHeaders,
  traceHeaders,
  traceparentOf,
} from './context.ts'
export type { Frame, FrameDecision, FrameFailure, FrameState, FrameWhat } from './frame.ts'
export { defaultRetention, Journal, type JournalOptions, type Retention, type TraceSummary } from './journal.ts'
export * from './names.ts'
export { orphans, type TraceFault } from './orphans.ts'
export {
  type Attributes,
  type AttributeValue,
  readableOf,
  type SpanEvent,
  type SpanKindName,
  type SpanRecord,
  type SpanState,
  spanKey,
  spanRecord,
} from './record.ts'
export { interrupted, interruptedMessage } from './recovery.ts'
export { digestOf, isSecretKey, redact, redactText } from './redact.ts'
export { durationText, type FrameDocument, type RenderOptions, renderStack, stackDocument } from './render.ts'
export type { DecisionNote, RunningSpan } from './running.ts'
export * from './shapes.ts'
export { type AgentStack, stackOf } from './stack.ts'
export { createTelemetry, type SpanOptions, type SpanWork, type Telemetry, type TelemetryOptions } from './tracer.ts'
