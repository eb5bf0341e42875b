import type { Span as ApiSpan } from '@opentelemetry/api'
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace'
import type { Journal } from './journal.ts'
import { recordOf, type SpanRecord } from './record.ts'

/** Writes every span of a provider to the journal, at its start and at its end, before the SDK goes on. */
export class JournalProcessor implements SpanProcessor {
  readonly #journal: Journal
  readonly #ended: (span: SpanRecord) => void

  /** `ended` is told after each span that is written as ended. */
  constructor(journal: Journal, ended: (span: SpanRecord) => void) {
    this.#journal = journal
    this.#ended = ended
  }

  onStart(span: Span): void {
    this.#journal.start(recordOf(span))
  }

  /** Writes what a running span holds by now. */
  onProgress(span: ApiSpan): void {
    if (this.#journal.isOpen && span.isRecording()) this.#journal.update(recordOf(span as Span))
  }

  onEnd(span: ReadableSpan): void {
    // A span that outlives its telemetry was ended as interrupted when that was shut down.
    if (!this.#journal.isOpen) return
    const record = recordOf(span)
    this.#journal.end(record)
    this.#ended(record)
  }

  forceFlush(): Promise<void> {
    return Promise.resolve()
  }

  /** The journal belongs to the telemetry, which closes it. */
  shutdown(): Promise<void> {
    return Promise.resolve()
  }
}
