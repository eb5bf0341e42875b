/**
 * Metrics by OTLP. What happens is counted from spans, in the one place where every span ends, so nothing else has to be instrumented;
 * what stands (lag, waiting approvals) is looked at when a collection comes.
 *
 * Owns a meter provider and its reader. Labels are of low cardinality: agents, nodes, tools, topics, outcomes; never a feed, a run or a
 * file. How it fails: a look that fails leaves its value out of that collection; an export that fails is the exporter's to repeat.
 */
import type { Attributes, Counter, Histogram, Meter } from '@opentelemetry/api'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { MeterProvider, type MetricReader, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { errors, genAi, messaging, metricNames, operations, own } from './names.ts'
import { instrumentationScope, resourceOf, type SpanRecord } from './record.ts'

/** What stands at a moment, each with its labels. */
export type Look = () => Promise<readonly { readonly value: number; readonly labels?: Attributes }[]>

export interface Metrics {
  /** Counts what an ended span tells. */
  spanEnded(span: SpanRecord): void
  /** Has the process looked at with every collection. */
  observe(name: ObservedName, look: Look): void
  close(): Promise<void>
}

export type ObservedName = 'lag' | 'running' | 'approvalsWaiting' | 'deadLettersOpen'

const collectEveryMs = 15_000

/** Sends to where `OTEL_EXPORTER_OTLP_ENDPOINT` and its kin say, or nowhere with `OTEL_METRICS_EXPORTER=none`. */
export function startMetrics(
  service: string,
  environment: Readonly<Record<string, string | undefined>>,
): Metrics | undefined {
  if (environment.OTEL_METRICS_EXPORTER === 'none') return undefined
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter(),
    exportIntervalMillis: collectEveryMs,
  })
  return metricsInto(service, reader)
}

export function metricsInto(service: string, reader: MetricReader): Metrics {
  const provider = new MeterProvider({ resource: resourceOf(service), readers: [reader] })
  const meter = provider.getMeter(instrumentationScope.name)
  const instruments = makeInstruments(meter)
  return {
    spanEnded: span => count(instruments, span),
    observe: (name, look) => {
      const gauge = meter.createObservableGauge(metricNames[name].name, metricNames[name])
      gauge.addCallback(async result => {
        const seen = await look().catch(() => [])
        for (const { value, labels } of seen) result.observe(value, labels)
      })
    },
    close: () => provider.shutdown(),
  }
}

interface Instruments {
  readonly runs: Counter
  readonly steps: Histogram
  readonly turns: Histogram
  readonly tools: Histogram
  readonly ledgerHits: Counter
  readonly inputTokens: Counter
  readonly outputTokens: Counter
  readonly modelCost: Counter
  readonly sent: Counter
  readonly consumed: Counter
}

function makeInstruments(meter: Meter): Instruments {
  const counter = (named: { name: string; unit: string; description: string }) => meter.createCounter(named.name, named)
  const seconds = (named: { name: string; unit: string; description: string }) =>
    meter.createHistogram(named.name, named)
  return {
    runs: counter(metricNames.runs),
    steps: seconds(metricNames.steps),
    turns: seconds(metricNames.turns),
    tools: seconds(metricNames.tools),
    ledgerHits: counter(metricNames.ledgerHits),
    inputTokens: counter(metricNames.inputTokens),
    outputTokens: counter(metricNames.outputTokens),
    modelCost: counter(metricNames.modelCost),
    sent: counter(metricNames.sent),
    consumed: counter(metricNames.consumed),
  }
}

/** Topics that end a run, and how. */
const outcomes: Readonly<Record<string, string>> = {
  'core.published': 'published',
  'core.refused': 'refused',
  'run.failed': 'failed',
}

function countModel(instruments: Instruments, attributes: SpanRecord['attributes']): void {
  const labels = {
    [genAi.providerName]: attributes[genAi.providerName],
    [genAi.requestModel]: attributes[genAi.requestModel],
    [own.agent]: attributes[own.agent],
  } as Attributes
  instruments.inputTokens.add(Number(attributes[genAi.inputTokens] ?? 0), labels)
  instruments.outputTokens.add(Number(attributes[genAi.outputTokens] ?? 0), labels)
  instruments.modelCost.add(Number(attributes[own.costMicros] ?? 0), labels)
}

function count(instruments: Instruments, { attributes, state, startUs }: SpanRecord): void {
  if (state.kind !== 'ended') return
  const seconds = (state.endUs - startUs) / 1e6
  const failed = state.status === 'error' ? { [errors.type]: attributes[errors.type] ?? 'unknown' } : {}
  const agent = attributes[own.agent]
  const operation = attributes[genAi.operationName]
  if (operation === operations.tool && attributes[own.toolArgumentsDigest] !== undefined) {
    const labels = { [genAi.toolName]: attributes[genAi.toolName], [genAi.agentName]: agent, ...failed } as Attributes
    instruments.tools.record(seconds, labels)
    if (attributes[own.toolFromLedger] === true) instruments.ledgerHits.add(1, labels)
  } else if (operation === operations.agent) {
    instruments.turns.record(seconds, { [genAi.agentName]: attributes[genAi.agentName], ...failed } as Attributes)
  } else if (attributes[own.node] !== undefined) {
    instruments.steps.record(seconds, { [own.agent]: agent, [own.node]: attributes[own.node], ...failed } as Attributes)
  }
  if (operation === operations.chat && attributes[own.modelRecalled] !== true) countModel(instruments, attributes)
  const topic = attributes[messaging.destinationName]
  if (typeof topic !== 'string') return
  const labels = {
    [messaging.destinationName]: topic,
    [messaging.systemName]: attributes[messaging.systemName],
  } as Attributes
  if (attributes[messaging.operationType] === 'process') instruments.consumed.add(1, labels)
  if (attributes[messaging.operationType] !== 'send') return
  instruments.sent.add(1, labels)
  const outcome = outcomes[topic]
  if (outcome !== undefined) instruments.runs.add(1, { [own.outcome]: outcome })
}
