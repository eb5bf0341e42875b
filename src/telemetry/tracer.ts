/**
 * Makes spans. One telemetry serves a whole process, with all the agents in it: a span's service is the agent in whose scope
 * it runs. It owns the journal it opens and the exporter it is given.
 *
 * Invariants
 *  1. A span is in the journal before the function that it wraps runs, so before anything can carry its context away.
 *  2. Every span is recorded, whatever a caller's `traceparent` says about sampling: a span left out would orphan others.
 *  3. No global but the context manager is set, so that any number of telemetries live side by side.
 *
 * How it fails: a span that cannot be journaled throws before the function runs. Nothing after that throws on its own account.
 */
import { randomBytes } from 'node:crypto'
import {
  type Context,
  context,
  diag,
  type Link,
  type Attributes as OtelAttributes,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { AlwaysOnSampler, type IdGenerator, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import { spanClock } from './clock.ts'
import {
  type Carrier,
  extract,
  type RunScope,
  runSpanIds,
  scopeAttributes,
  scopeOf,
  traceparentOf,
  useAsyncContext,
  withoutScope,
  withScope,
} from './context.ts'
import { Journal, type Retention } from './journal.ts'
import { heartbeatMs } from './owner.ts'
import { JournalProcessor } from './processor.ts'
import { ExportPump } from './pump.ts'
import {
  type AttributeValue,
  instrumentationScope,
  resourceOf,
  type SpanKindName,
  type SpanRecord,
  spanKinds,
} from './record.ts'
import { type RunningSpan, runningSpan } from './running.ts'
import { runSpan } from './shapes.ts'

export interface TelemetryOptions {
  /** A path, or `:memory:`. */
  readonly journalFile: string
  /** The service of spans outside of any agent. */
  readonly serviceName: string
  /** Gets every span once it has ended, also those that a crash ended. It is shut down with the telemetry. */
  readonly exporter?: SpanExporter
  readonly retention?: Retention
  /** Told of every span that ends in this process. */
  readonly onSpanEnd?: (span: SpanRecord) => void
  /** Tells a thrown value that means "the run waits for a person" from a failure. */
  readonly isPause?: (thrown: unknown) => boolean
}

export interface SpanOptions {
  readonly kind?: SpanKindName
  readonly attributes?: Readonly<Record<string, AttributeValue | undefined>>
  /** Holds for this span and for all below it in this process, as long as they stay in its trace. */
  readonly scope?: RunScope
  /** Whose child the span is, where it is not the active span: `root` for nobody's. A carrier without a context is ignored. */
  readonly parent?: Carrier | 'root'
  readonly links?: readonly Carrier[]
}

export type SpanWork<T> = (span: RunningSpan) => T | Promise<T>

export interface Telemetry {
  readonly journal: Journal
  /** Runs `work` in a new span, ended when it settles. What it throws is recorded and thrown on. */
  withSpan<T>(name: string, options: SpanOptions, work: SpanWork<T>): Promise<T>
  /**
   * Begins a run: `work` runs in the root span of the run's trace ({@link runSpanIds}). Where the journal knows that root
   * already, since a crash made the run begin again, it runs in a child of it.
   */
  startRunSpan<T>(
    run: RunScope & { readonly runId: string; readonly workflow?: string },
    work: SpanWork<T>,
    links?: readonly Carrier[],
  ): Promise<T>
  /** Ends what dead processes left open, see {@link Journal.recoverInterrupted}. Done at the start and from time to time. */
  recoverInterrupted(): SpanRecord[]
  /** Exports what is due; false where something had to stay. */
  flush(): Promise<boolean>
  /** Ends own open spans as interrupted, exports what is due, closes. */
  shutdown(): Promise<void>
  /** Closes and leaves everything as a kill -9 would. For simulations of a crash. */
  abandon(): void
}

/** Opens the journal and ends what dead owners left open in it. Throws `STATE_BUSY`, `DISK_FULL` or `DOCUMENT_INVALID`. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  useAsyncContext()
  const { retention, exporter, isPause = () => false } = options
  const journal = new Journal(options.journalFile, { exports: exporter !== undefined, ...(retention && { retention }) })
  const pump = exporter && new ExportPump(journal, exporter)
  const processor = new JournalProcessor(journal, span => {
    pump?.poke()
    options.onSpanEnd?.(span)
  })
  const idGenerator = new SettableIds()
  const now = spanClock()
  const tracers = new Map<string, Tracer>()

  function tracerOf(service: string): Tracer {
    const known = tracers.get(service)
    if (known) return known
    const provider = new TracerProvider({
      resource: resourceOf(service),
      sampler: new AlwaysOnSampler(),
      spanProcessors: [processor],
      spanLimits: { eventCountLimit: 1_024 },
      idGenerator,
    })
    const made = provider.getTracer(instrumentationScope.name, undefined, { schemaUrl: instrumentationScope.schemaUrl })
    tracers.set(service, made)
    return made
  }

  async function withSpan<T>(name: string, spanOptions: SpanOptions, work: SpanWork<T>): Promise<T> {
    const { at, links } = placeOf(spanOptions)
    const scoped = withScope(at, spanOptions.scope ?? {})
    const scope = scopeOf(scoped)
    const span = tracerOf(scope.agent ?? options.serviceName).startSpan(
      name,
      {
        kind: spanKinds.indexOf(spanOptions.kind ?? 'internal'),
        startTime: now(),
        attributes: { ...scopeAttributes(scope), ...spanOptions.attributes } as OtelAttributes,
        links,
      },
      scoped,
    )
    const running = runningSpan(span, processor, { isPause, now })
    try {
      return await context.with(trace.setSpan(scoped, span), work, undefined, running)
    } catch (thrown) {
      running.fail(thrown)
      throw thrown
    } finally {
      span.end(now())
    }
  }

  function recoverInterrupted(): SpanRecord[] {
    const ended = journal.recoverInterrupted()
    pump?.poke()
    return ended
  }

  const tend = () => {
    journal.tend()
    pump?.poke()
  }
  tend()
  const heart = setInterval(tend, heartbeatMs).unref()
  return {
    journal,
    withSpan,
    recoverInterrupted,
    startRunSpan: (run, work, links = []) => {
      const ids = runSpanIds(run.runId)
      const [name, shape] = runSpan(run)
      if (journal.has(ids)) return withSpan(name, { ...shape, parent: { traceparent: traceparentOf(ids) } }, work)
      idGenerator.next = ids
      return withSpan(name, { ...shape, parent: 'root', links }, work)
    },
    flush: async () => (await pump?.flush()) ?? true,
    shutdown: async () => {
      if (!journal.isOpen) return
      clearInterval(heart)
      try {
        journal.interruptOwn()
      } catch (error) {
        diag.warn(`open spans are left to a successor: ${String(error)}`)
      }
      await pump?.close()
      journal.close()
    },
    abandon: () => {
      clearInterval(heart)
      pump?.abandon()
      journal.close()
    },
  }
}

/** Where a span goes: below its parent, and linked to the active span too if that is another. */
function placeOf(options: SpanOptions): { readonly at: Context; readonly links: Link[] } {
  const active = context.active()
  const links = (options.links ?? []).flatMap(carrier => {
    const found = extract(carrier)
    return found ? [{ context: found }] : []
  })
  if (options.parent === undefined) return { at: active, links }
  const ambient = trace.getSpanContext(active)
  const found = options.parent === 'root' ? undefined : extract(options.parent)
  if (!found && options.parent !== 'root') return { at: active, links }
  const bare = found && found.traceId === ambient?.traceId ? active : withoutScope(active)
  const isOther = ambient && ambient.spanId !== found?.spanId
  return {
    at: found ? trace.setSpanContext(bare, found) : trace.deleteSpan(bare),
    links: isOther ? [...links, { context: ambient }] : links,
  }
}

/** Random ids, but for the one root span whose ids are set just before it starts. */
class SettableIds implements IdGenerator {
  next: { readonly traceId: string; readonly spanId: string } | undefined

  // The SDK asks for the span id first, then, for a root, for the trace id.
  generateSpanId(): string {
    return this.next?.spanId ?? randomBytes(8).toString('hex')
  }

  generateTraceId(): string {
    const traceId = this.next?.traceId ?? randomBytes(16).toString('hex')
    this.next = undefined
    return traceId
  }
}
