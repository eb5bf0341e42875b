/**
 * Hands ended spans from the journal to an exporter.
 *
 * It owns nothing but a timer: what is due is in the journal, so a crash loses no span, and one that a dead process still owed
 * is exported by its successor. One hand-over runs at a time. A batch counts as exported when the exporter says so; if it
 * fails, or says nothing for {@link timeoutMs}, the batch stays due and is handed over again later, with the same ids.
 */
import { diag } from '@opentelemetry/api'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { Journal } from './journal.ts'
import { readableOf, type SpanRecord } from './record.ts'

const batchSpans = 512
const delayMs = 1_000
const retryMs = 10_000
const timeoutMs = 15_000

export class ExportPump {
  readonly #journal: Journal
  readonly #exporter: SpanExporter
  #timer: NodeJS.Timeout | undefined
  #running: Promise<boolean> | undefined
  #closed = false

  constructor(journal: Journal, exporter: SpanExporter) {
    this.#journal = journal
    this.#exporter = exporter
  }

  /** Something has become due; it is exported soon, together with what else ends until then. */
  poke(afterMs = delayMs): void {
    if (this.#closed || this.#timer) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.flush().then(done => done || this.poke(retryMs))
    }, afterMs).unref()
  }

  /** Exports all that is due now. Answers false where something had to stay. Never throws. */
  async flush(): Promise<boolean> {
    await this.#running
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#closed = true
    await this.flush()
    await this.#exporter.shutdown().catch((error: unknown) => diag.warn(`span exporter: ${String(error)}`))
  }

  /** Stops at once, with whatever is due left due. */
  abandon(): void {
    clearTimeout(this.#timer)
    this.#closed = true
  }

  async #drain(): Promise<boolean> {
    try {
      for (;;) {
        const batch = this.#journal.isOpen ? this.#journal.due(batchSpans) : []
        if (batch.length === 0) return true
        await this.#hand(batch)
        if (!this.#journal.isOpen) return false
        this.#journal.confirm(batch)
      }
    } catch (error) {
      diag.warn(`spans stay due to their exporter: ${String(error)}`)
      return false
    }
  }

  #hand(batch: readonly SpanRecord[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    try {
      this.#exporter.export(batch.map(readableOf), result => {
        if (result.code === 0) resolve()
        else reject(result.error ?? new Error('the exporter failed'))
      })
    } catch (error) {
      reject(error)
    }
    return promise.finally(() => clearTimeout(timer))
  }
}
