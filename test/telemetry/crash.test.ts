import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { extract, orphans, own, runSpanIds } from '../../src/telemetry/index.ts'
import { exporter, journalFile, telemetry } from './support.ts'

const script = fileURLToPath(new URL('crash-child.ts', import.meta.url))
const index = new URL('../../src/telemetry/index.ts', import.meta.url).href

/** The child, once it hangs inside of a tool call, and the trace context that has left it by then. */
async function hangingChild(file: string): Promise<{ child: ChildProcess; traceparent: string }> {
  const child = spawn(process.execPath, ['--no-warnings', script, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const died = once(child, 'exit').then(() => Promise.reject(new Error('the child died by itself')))
  const [text] = (await Promise.race([once(child.stdout, 'data'), died])) as [Buffer]
  died.catch(() => undefined)
  return { child, traceparent: String(text).trim() }
}

async function killed(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

test('P5: a process killed with open spans: its successor ends them with the same ids, exported once', async () => {
  const file = journalFile()
  const { child, traceparent } = await hangingChild(file)
  await killed(child)

  const first = exporter()
  const successor = telemetry({ journalFile: file, exporter: first.fake })
  const { traceId } = runSpanIds('r1')
  const spans = successor.journal.spansOf(traceId)

  const leftOpen = spans.filter(span => span.attributes[own.interrupted] === true)
  expect(leftOpen.map(span => span.name)).toEqual([
    'invoke_workflow product_feed',
    'invoke_agent ingestion',
    'execute_tool lakehouse.run_load_plan',
  ])
  expect(extract({ traceparent })).toMatchObject({ traceId, spanId: leftOpen[2]?.spanId })
  expect(orphans(spans)).toEqual([])
  const tool = leftOpen[2]
  expect(tool?.events.map(event => event.name)).toEqual(['aiworkflow.decision'])
  for (const span of leftOpen)
    expect(span.state).toEqual({
      kind: 'ended',
      endUs: tool?.events[0]?.timeUs,
      status: 'error',
      message: 'interrupted',
    })

  await successor.flush()
  expect(first.keys()).toEqual(leftOpen.map(span => `${span.traceId}/${span.spanId}`).sort())
  const second = exporter()
  const later = telemetry({ journalFile: file, exporter: second.fake })
  expect(later.recoverInterrupted()).toEqual([])
  await successor.flush()
  await later.flush()
  expect(first.spans).toHaveLength(3)
  expect(second.spans).toEqual([])
})

test('P5: spans of a process that lives are left alone, however many successors look', async () => {
  const file = journalFile()
  const { child } = await hangingChild(file)
  const other = telemetry({ journalFile: file })
  expect(other.recoverInterrupted()).toEqual([])
  expect(other.journal.traces({ runId: 'r1' })).toMatchObject([{ open: 3 }])
  await killed(child)
  expect(other.recoverInterrupted()).toHaveLength(3)
  expect(other.journal.traces({ runId: 'r1' })).toMatchObject([{ open: 0, failed: 3 }])
})

test('P5: a run begun again after the crash goes on in its own trace, with one root', async () => {
  const file = journalFile()
  const { child } = await hangingChild(file)
  await killed(child)
  const successor = telemetry({ journalFile: file })
  await successor.startRunSpan({ runId: 'r1' }, span => expect(span.traceId).toBe(runSpanIds('r1').traceId))
  const spans = successor.journal.spansOfRun('r1')
  expect(spans.filter(span => span.name === 'invoke_workflow product_feed')).toHaveLength(2)
  expect(orphans(spans)).toEqual([])
})

test('P5: of several successors that begin at the same moment, each span is ended and exported by one', async () => {
  const file = journalFile()
  const { child } = await hangingChild(file)
  await killed(child)
  const source = `
    import { createTelemetry } from ${JSON.stringify(index)}
    const exporter = {
      export(spans, done) { for (const span of spans) console.log(span.spanContext().spanId); done({ code: 0 }) },
      shutdown: async () => {},
    }
    const telemetry = createTelemetry({ journalFile: process.argv[1], serviceName: 'x', exporter })
    await telemetry.shutdown()`
  const runs = [1, 2, 3].map(async () => {
    const successor = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', source, file])
    const printed = await successor.stdout.toArray()
    return Buffer.concat(printed).toString().split('\n').filter(Boolean)
  })
  const exported = (await Promise.all(runs)).flat()
  const { journal } = telemetry({ journalFile: file })
  const interrupted = journal.spansOfRun('r1').filter(span => span.attributes[own.interrupted] === true)
  expect(exported.sort()).toEqual(interrupted.map(span => span.spanId).sort())
  expect(interrupted).toHaveLength(3)
})

test('P5: killed at any moment of busy work, no trace has an orphan or an open span afterwards', async () => {
  const file = journalFile()
  const source = `
    import { createTelemetry } from ${JSON.stringify(index)}
    const { withSpan } = createTelemetry({ journalFile: process.argv[1], serviceName: 'x' })
    const nest = depth => withSpan('s' + depth, {}, async span => {
      span.event('here')
      if (depth < 4) await Promise.all([nest(depth + 1), nest(depth + 1)])
    })
    for (;;) await nest(0).then(() => process.stdout.write('.'))`
  for (const rounds of [1, 3, 10]) {
    const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', source, file])
    onTestFinished(() => void child.kill('SIGKILL'))
    for (let seen = 0; seen < rounds; ) seen += String((await once(child.stdout, 'data'))[0]).length
    await killed(child)
  }
  const { journal } = telemetry({ journalFile: file })
  const traces = journal.traces({ limit: 10_000 })
  expect(traces.length).toBeGreaterThan(13)
  expect(traces.filter(trace => trace.open > 0)).toEqual([])
  expect(traces.flatMap(trace => orphans(journal.spansOf(trace.traceId)))).toEqual([])
})
