import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../contracts/failures.ts'
import { metricsInto, startMetrics } from '../../src/telemetry/metrics.ts'
import { agentSpan, modelSpan, nodeSpan, processSpan, sendSpan, toolSpan } from '../../src/telemetry/shapes.ts'
import { createTelemetry } from '../../src/telemetry/tracer.ts'

/** What the spans of a small run come to. */
async function counted() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const metrics = metricsInto('test', reader)
  const telemetry = createTelemetry({ journalFile: ':memory:', serviceName: 'test', onSpanEnd: metrics.spanEnded })
  metrics.observe('approvalsWaiting', async () => [{ value: 3 }])
  metrics.observe('lag', async () => {
    throw new Error('the bus is away')
  })
  const topic = { system: 'kafka', topic: 'core.published' }
  const call = { tool: 'lakehouse.publish', agent: 'validator', argumentsDigest: 'sha256:1' }
  await telemetry.withSpan(...processSpan({ ...topic, topic: 'core.staged' }), () =>
    telemetry.withSpan(...agentSpan('validator'), () =>
      telemetry.withSpan(...nodeSpan('publish'), async () => {
        await telemetry
          .withSpan(...toolSpan(call), () => {
            throw new Failure('TABLE_CONFLICT', 'moved')
          })
          .catch(() => undefined)
        await telemetry.withSpan(...toolSpan(call), span => span.set({ 'aiworkflow.tool.fromLedger': true }))
        const model = modelSpan({ provider: 'openai', model: 'gpt-5.1' })
        const usage = {
          'gen_ai.usage.input_tokens': 120,
          'gen_ai.usage.output_tokens': 30,
          'aiworkflow.costMicros': 450,
        }
        await telemetry.withSpan(...model, span => span.set(usage))
        // What was known is paid once.
        await telemetry.withSpan(...model, span => span.set({ ...usage, 'aiworkflow.model.recalled': true }))
        await telemetry.withSpan(...sendSpan(topic), () => undefined)
      }),
    ),
  )
  await telemetry.shutdown()
  await reader.forceFlush()
  const points = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap(({ metrics: all }) => all)
    .map(({ descriptor, dataPoints }) => [
      descriptor.name,
      dataPoints.map(({ attributes, value }) => ({
        ...attributes,
        value: typeof value === 'object' && 'count' in value ? value.count : value,
      })),
    ])
  await metrics.close()
  return Object.fromEntries(points)
}

describe('metrics', () => {
  test('are what the spans of a run come to, with labels of low cardinality, and what stands at the moment', async () => {
    const labels = { 'gen_ai.tool.name': 'lakehouse.publish', 'gen_ai.agent.name': 'validator' }
    const ofModel = {
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-5.1',
      'aiworkflow.agent': 'validator',
    }
    expect(await counted()).toEqual({
      'aiworkflow.runs.ended': [{ 'aiworkflow.run.outcome': 'published', value: 1 }],
      'aiworkflow.step.duration': [{ 'aiworkflow.agent': 'validator', 'aiworkflow.node': 'publish', value: 1 }],
      'gen_ai.invoke_agent.duration': [{ 'gen_ai.agent.name': 'validator', value: 1 }],
      'gen_ai.execute_tool.duration': [
        { ...labels, 'error.type': 'TABLE_CONFLICT', value: 1 },
        { ...labels, value: 1 },
      ],
      'aiworkflow.ledger.hits': [{ ...labels, value: 1 }],
      'gen_ai.client.inference.usage.input_tokens': [{ ...ofModel, value: 120 }],
      'gen_ai.client.inference.usage.output_tokens': [{ ...ofModel, value: 30 }],
      'aiworkflow.model.cost': [{ ...ofModel, value: 450 }],
      'messaging.client.sent.messages': [
        { 'messaging.destination.name': 'core.published', 'messaging.system.name': 'kafka', value: 1 },
      ],
      'messaging.client.consumed.messages': [
        { 'messaging.destination.name': 'core.staged', 'messaging.system.name': 'kafka', value: 1 },
      ],
      'aiworkflow.approvals.waiting': [{ value: 3 }],
    })
  })

  test('go by OTLP to where the standard variables say, and nowhere where they are switched off', async () => {
    const bodies: string[] = []
    const collector = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk.toString('latin1')
      bodies.push(`${request.url} ${body}`)
      response.end()
    }).listen(0, '127.0.0.1')
    await once(collector, 'listening')
    const { port } = collector.address() as { port: number }
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${port}`
    try {
      expect(startMetrics('test', { OTEL_METRICS_EXPORTER: 'none' })).toBeUndefined()
      const metrics = startMetrics('test', {})
      metrics?.observe('deadLettersOpen', async () => [{ value: 1 }])
      // Closing collects and sends what there is.
      await metrics?.close()
      while (bodies.length === 0) await delay(10)
      expect(bodies[0]).toMatch(/^\/v1\/metrics /)
      expect(bodies[0]).toContain('aiworkflow.dead_letters.open')
    } finally {
      delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT
      collector.close()
    }
  })
})
