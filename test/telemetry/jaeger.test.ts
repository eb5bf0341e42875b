/** What a person sees of runs in a real Jaeger, asked by its own API. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { z } from 'zod'
import { orphans } from '../../src/telemetry/orphans.ts'
import type { SpanRecord } from '../../src/telemetry/record.ts'
import { answer, csv, deliveryOf, products, spansOf, workspaceWith } from '../flow/support.ts'
import type { TestWorkspace } from '../flow/workspace.ts'
import { keeps } from '../promises.ts'
import { type RigJaeger, startJaeger } from '../rig/jaeger.ts'

const minutes = 60_000
/** On a fresh machine it is still being built when this test begins. */
const buildMs = 45 * minutes

let jaeger: RigJaeger
beforeAll(async () => {
  jaeger = await startJaeger()
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = jaeger.otlpUrl
}, buildMs)
afterAll(async () => {
  delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT
  await jaeger?.stop()
})

/** As OTLP has it in JSON. */
const Value = z.object({ stringValue: z.string().optional(), boolValue: z.boolean().optional() }).loose()
const Span = z
  .object({
    traceId: z.string(),
    spanId: z.string(),
    parentSpanId: z.string().optional(),
    name: z.string(),
    status: z.object({ code: z.union([z.int(), z.string()]).optional(), message: z.string().optional() }).optional(),
    attributes: z.array(z.object({ key: z.string(), value: Value })).default([]),
  })
  .loose()
type Span = z.output<typeof Span>
const Trace = z.object({
  result: z.object({
    resourceSpans: z.array(
      z.object({
        resource: z.object({ attributes: z.array(z.object({ key: z.string(), value: Value })) }),
        scopeSpans: z.array(z.object({ spans: z.array(Span) })),
      }),
    ),
  }),
})

interface SeenSpan extends Span {
  readonly service: string
}

async function seen(traceId: string): Promise<SeenSpan[]> {
  const response = await fetch(`${jaeger.queryUrl}/api/v3/traces/${traceId}`)
  if (response.status === 404) return []
  const { result } = Trace.parse(await response.json())
  return result.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? ''
    return scopeSpans.flatMap(({ spans }) => spans.map(span => ({ ...span, service })))
  })
}

/** Jaeger takes spans in when it comes to it: waits until it has as many as the journal. */
async function wholeTrace(workspace: TestWorkspace, runId: string): Promise<{ kept: SpanRecord[]; found: SeenSpan[] }> {
  const kept = await spansOf(workspace, runId)
  const [{ traceId } = { traceId: '' }] = kept
  while (true) {
    const found = await seen(traceId)
    if (found.length >= kept.length) return { kept, found }
    await delay(100)
  }
}

const attribute = (span: Span, key: string) => span.attributes.find(each => each.key === key)?.value.stringValue

/** The names from a span up to the root. */
function pathOf(span: SeenSpan, spans: readonly SeenSpan[]): string[] {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId)
  return [`${span.service}: ${span.name}`, ...(parent ? pathOf(parent, spans) : [])]
}

/** Every span is there once, and reached from one root. */
function connected(found: readonly SeenSpan[], kept: readonly SpanRecord[]): void {
  expect(orphans(kept)).toEqual([])
  expect(found.map(({ spanId }) => spanId).sort()).toEqual(kept.map(({ spanId }) => spanId).sort())
  const roots = found.filter(({ parentSpanId }) => !parentSpanId)
  expect(roots.map(({ name }) => name)).toEqual(['invoke_workflow product_feed'])
  for (const span of found) expect(pathOf(span, found).at(-1)).toBe('intake: invoke_workflow product_feed')
}

async function traced(files: Parameters<typeof workspaceWith>[0]): Promise<TestWorkspace> {
  const workspace = await workspaceWith(files)
  await writeFile(join(workspace.dir, 'aiworkflow.yaml'), 'telemetry: otlp\n')
  return workspace
}

describe('in Jaeger', () => {
  keeps('P5')(
    'a run is one trace: every span is there once and reached from the root, every tool call under its agent',
    async () => {
      const workspace = await traced({ 'acme/products-2026-01-10.csv': csv(products(1, 10)) })
      const { runId } = deliveryOf(await workspace.run(), 'acme/products-2026-01-10.csv')
      const { kept, found } = await wholeTrace(workspace, runId)
      connected(found, kept)
      const calls = found.filter(({ name }) => name.startsWith('execute_tool '))
      expect(calls.length).toBeGreaterThan(10)
      for (const call of calls) {
        const agent = attribute(call, 'gen_ai.agent.name')
        expect(pathOf(call, found)).toContain(`${agent}: invoke_agent ${agent}`)
      }
      expect(new Set(found.map(({ service }) => service))).toEqual(
        new Set(['intake', 'planner', 'ingestion', 'modeling', 'validator']),
      )
    },
    5 * minutes,
  )

  keeps('P5')(
    'a broken run shows the call that failed, with its error, on the way from the root',
    async () => {
      const file = 'acme/products-2026-01-10.csv'
      const workspace = await traced({ [file]: Uint8Array.from({ length: 4096 }, (_, at) => (at * 7919) % 256) })
      const delivery = deliveryOf(await workspace.run(), file)
      expect(delivery.state).toBe('failed')
      const { kept, found } = await wholeTrace(workspace, delivery.runId)
      connected(found, kept)
      const failing = found.filter(
        span =>
          span.name.startsWith('execute_tool ') &&
          attribute(span, 'aiworkflow.failure.code') === delivery.failure?.code,
      )
      expect(failing).toHaveLength(1)
      expect(failing[0]!.status).toMatchObject({
        code: expect.toSatisfy(code => code === 2 || code === 'STATUS_CODE_ERROR'),
      })
      expect(pathOf(failing[0]!, found)).toContain('planner: invoke_agent planner')
    },
    5 * minutes,
  )

  keeps('P5', 'P6')(
    'a run that waits for a person and goes on in another process stays one trace, and nothing is there twice',
    async () => {
      const file = 'acme/products-2026-01-10.csv'
      const strange = products(1, 10).map(({ sku = '', title = '', price = '' }) => ({ sku, zzquux: title, price }))
      const workspace = await traced({ [file]: csv(strange) })
      const { runId, state } = deliveryOf(await workspace.run(), file)
      expect(state).toBe('waiting')
      const before = await wholeTrace(workspace, runId)
      await answer(workspace, 'mapping:product_name', { answer: 'zzquux' })
      expect(deliveryOf(await workspace.run(), file).state).toBe('published')
      const { kept, found } = await wholeTrace(workspace, runId)
      connected(found, kept)
      expect(found.length).toBeGreaterThan(before.found.length)
      expect(new Set(found.map(({ traceId }) => traceId)).size).toBe(1)
    },
    5 * minutes,
  )
})
