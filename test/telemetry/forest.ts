import fc from 'fast-check'
import { type Frame, own, type SpanRecord } from '../../src/telemetry/index.ts'
import { span } from './support.ts'

const state: fc.Arbitrary<SpanRecord['state']> = fc.oneof(
  fc.constant({ kind: 'open' } as const),
  fc.record({
    kind: fc.constant('ended' as const),
    endUs: fc.nat(1_000),
    status: fc.constantFrom('unset', 'ok', 'error'),
  }),
)
const attributes = fc.constantFrom({}, { [own.interrupted]: true }, { [own.waiting]: true }, { [own.agent]: 'planner' })

/** Spans whose parents are anything: none, before or after them, themselves, in a ring, of another trace, not there. */
export const spanForest: fc.Arbitrary<SpanRecord[]> = fc.nat(20).chain(count =>
  fc.tuple(
    ...Array.from({ length: count }, (_, index) =>
      fc
        .record({
          parent: fc.option(fc.nat(count + 3)),
          trace: fc.nat(1),
          startUs: fc.nat(1_000),
          state,
          attributes,
          name: fc.constantFrom('a', 'b'),
        })
        .map(({ parent, trace, ...rest }) =>
          span(`s${index}`, parent === null ? undefined : `s${parent}`, { traceId: `t${trace}`, ...rest }),
        ),
    ),
  ),
)

/** A tree: each span below one before it. */
export const spanTree: fc.Arbitrary<SpanRecord[]> = fc
  .array(fc.nat(), { minLength: 0, maxLength: 30 })
  .map(choices => [span('s0'), ...choices.map((choice, index) => span(`s${index + 1}`, `s${choice % (index + 1)}`))])

export const flat = (frames: readonly Frame[]): Frame[] => frames.flatMap(frame => [frame, ...flat(frame.children)])
