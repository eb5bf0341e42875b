/** A process that dies with its work half done: opens spans in the journal named, prints where it is, and hangs until killed. */
import { agentSpan, createTelemetry, currentTraceparent, nodeSpan, toolSpan } from '../../src/telemetry/index.ts'

const telemetry = createTelemetry({ journalFile: process.argv[2] ?? '', serviceName: 'aiworkflow' })
const hanging = setInterval(() => undefined, 1_000)

await telemetry.startRunSpan({ runId: 'r1', feed: 'acme/products' }, () =>
  telemetry.withSpan(...agentSpan('ingestion'), async () => {
    await telemetry.withSpan(...nodeSpan('plan'), span => {
      span.decided({ question: 'size', answer: 'small', step: 'rule' })
    })
    await telemetry.withSpan(...toolSpan({ tool: 'lakehouse.run_load_plan' }), async span => {
      span.decided({ question: 'engine', answer: 'duckdb', step: 'rule' })
      process.stdout.write(`${currentTraceparent()}\n`)
      await new Promise(() => undefined)
    })
  }),
)
clearInterval(hanging)
