import { expect, test } from 'vitest'
import { Failure } from '../../contracts/failures.ts'
import {
  agentSpan,
  durationText,
  nodeSpan,
  processSpan,
  renderStack,
  sendSpan,
  stackDocument,
  stackOf,
  toolSpan,
  traceHeaders,
} from '../../src/telemetry/index.ts'
import { span, telemetry } from './support.ts'

/** A run as the product makes it: a decision, a tool that fails once and then for good, over a message. */
async function failedRun() {
  const { startRunSpan, withSpan, journal } = telemetry()
  const topic = { system: 'aiworkflow', topic: 'contract.ready' }
  const headers = await startRunSpan({ runId: 'r1', deliveryId: 'd1', feed: 'acme/products' }, () =>
    withSpan(...agentSpan('planner'), async () => {
      await withSpan(...nodeSpan('propose'), node =>
        node.decided({ question: 'mapping:name', answer: 'Artikelbez', step: 'evidence', confidence: 0.912 }),
      )
      return withSpan(...sendSpan(topic), () => traceHeaders())
    }),
  )
  const [name, shape] = processSpan(topic)
  const load = (attempt: number) =>
    withSpan(...toolSpan({ tool: 'lakehouse.run_load_plan', argumentsDigest: 'sha256:12', attempt }), () => {
      throw new Failure('DISK_FULL', 'no room for 3 GB\u001b[2J\nat all', { owner: 'lake team' })
    })
  const scope = { runId: 'r1', agent: 'ingestion' }
  await withSpan(name, { ...shape, scope, parent: headers, links: [headers] }, () =>
    withSpan(...agentSpan('ingestion'), () => withSpan(...nodeSpan('load'), () => load(1).catch(() => load(2)))),
  ).catch(() => undefined)
  return stackOf(journal.spansOfRun('r1'))
}

const withoutTimes = (text: string) => text.replace(/trace .*/, 'trace T').replace(/\d+(\.\d)? (µs|ms|s)\b/g, 'N')

test('a failed run reads like a stack trace: cause first, innermost frame first, with owner and way out', async () => {
  expect(withoutTimes(renderStack(await failedRun()))).toBe(`\
run r1 · feed acme/products · delivery d1  failed after N
trace T

DISK_FULL: no room for 3 GB�[2J at all
    at execute_tool lakehouse.run_load_plan  (ingestion)
    at node load  (ingestion)
    at invoke_agent ingestion  (ingestion)
    at process contract.ready  (ingestion)
    at send contract.ready  (planner)
    at invoke_agent planner  (planner)
    at invoke_workflow product_feed
  owner    lake team
  way out  Free disk space below the workspace, then replay the run.

! ✓ invoke_workflow product_feed  N
!   ✓ invoke_agent planner  N
      ✓ node propose [planner]  N
          ◆ mapping:name → Artikelbez  (evidence, confidence 0.91)
!     ✓ send contract.ready [planner]  N
!       ✗ process contract.ready [ingestion]  N
!         ✗ invoke_agent ingestion  N
!           ✗ node load [ingestion]  N
              ↻ execute_tool lakehouse.run_load_plan [ingestion]  args sha256:12 · N
                  DISK_FULL: no room for 3 GB�[2J at all  (lake team)
!             ✗ execute_tool lakehouse.run_load_plan [ingestion]  attempt 2 · args sha256:12 · N
!                 DISK_FULL: no room for 3 GB�[2J at all  (lake team)
`)
})

test('for programs the stack has times in ISO 8601 and durations in milliseconds', async () => {
  const document = stackDocument(await failedRun())
  expect(document).toMatchObject({ runId: 'r1', state: 'failed', cause: { code: 'DISK_FULL' }, orphans: [] })
  const [root] = document.frames
  expect(root).toMatchObject({ what: { kind: 'run' }, failing: true })
  expect(Date.parse(root?.startedAt ?? '')).toBeGreaterThan(0)
  expect(root?.durationMs).toBeGreaterThanOrEqual(0)
})

test('orphans are reported as such, and colour only where asked', () => {
  const stack = stackOf([span('a'), span('b', 'gone')])
  expect(renderStack(stack)).toContain('orphans: 1 span whose parent is not in the journal\n  ✓ b')
  expect(renderStack(stack)).not.toContain('\u001b[')
  expect(renderStack(stack, { colour: true })).toContain('\u001b[')
})

test.each([
  [0, '0 µs'],
  [999, '999 µs'],
  [1_000, '1 ms'],
  [999_499, '999 ms'],
  [999_600, '1.0 s'],
  [59_960_000, '1 min 0 s'],
  [3_599_600_000, '1 h 0 min'],
  [11_100_000_000, '3 h 5 min'],
])('%d µs read %s', (us, text) => {
  expect(durationText(us)).toBe(text)
})
