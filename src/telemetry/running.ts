import { type HrTime, type Attributes as OtelAttributes, type Span, SpanStatusCode } from '@opentelemetry/api'
import type { Decision } from '../../contracts/data/decision.ts'
import { asFailure, Failure } from '../../contracts/failures.ts'
import { traceparentOf } from './context.ts'
import { errors, eventNames, own } from './names.ts'
import type { JournalProcessor } from './processor.ts'
import type { AttributeValue } from './record.ts'
import { digestOf } from './redact.ts'

/** What a span keeps of a decision; a whole {@link Decision} will do. */
export type DecisionNote = Pick<Decision, 'question' | 'answer' | 'step'> &
  Partial<Pick<Decision, 'confidence' | 'by' | 'costMicros'>>

/** Longest answer kept as text; a longer one is told apart by its digest. */
const answerLimit = 160

/** The span that the work at hand runs in. */
export interface RunningSpan {
  readonly traceId: string
  readonly spanId: string
  /** Its context, to be stored with a thread; see also `traceHeaders()`. */
  readonly traceparent: string
  set(attributes: Readonly<Record<string, AttributeValue | undefined>>): void
  /** Something that happened at a point in time; in the journal when this returns, as decisions and waits are. */
  event(name: string, attributes?: Readonly<Record<string, AttributeValue | undefined>>): void
  decided(...decisions: readonly DecisionNote[]): void
  /** From here on the run waits for a person. */
  waits(approvalId: string, question: string): void
  /** Marks the span as failed though nothing is thrown, as for a tool that answers with an error. */
  fail(thrown: unknown): void
}

/** Thrown values that a span has described already, so that the spans around it do not describe them again. */
const described = new WeakSet<object>()

export function runningSpan(
  span: Span,
  processor: JournalProcessor,
  { isPause, now }: { readonly isPause: (thrown: unknown) => boolean; readonly now: () => HrTime },
): RunningSpan {
  const { traceId, spanId } = span.spanContext()
  const add = (name: string, attributes: Readonly<Record<string, unknown>>) => {
    span.addEvent(name, attributes as OtelAttributes, now())
  }
  return {
    traceId,
    spanId,
    traceparent: traceparentOf({ traceId, spanId }),
    set: attributes => {
      span.setAttributes(attributes as OtelAttributes)
    },
    event: (name, attributes = {}) => {
      add(name, attributes)
      processor.onProgress(span)
    },
    decided: (...decisions) => {
      for (const decision of decisions) add(eventNames.decision, decisionAttributes(decision))
      processor.onProgress(span)
    },
    waits: (approvalId, question) => {
      span.setAttribute(own.waiting, true)
      add(eventNames.waiting, { [own.approvalId]: approvalId, [own.decisionQuestion]: question })
      processor.onProgress(span)
    },
    fail: thrown => {
      if (isPause(thrown)) {
        span.setAttribute(own.waiting, true)
        return
      }
      const failure = asFailure(thrown)
      const type = thrown instanceof Failure || !(thrown instanceof Error) ? failure.code : thrown.name
      const { message } = failure
      span.setAttributes(failureAttributes(failure, type) as OtelAttributes)
      // Stopping on request is no error of the span: the work goes on elsewhere.
      if (failure.kind !== 'cancelled') span.setStatus({ code: SpanStatusCode.ERROR, message })
      if (typeof thrown === 'object' && thrown !== null) {
        if (described.has(thrown)) return
        described.add(thrown)
      }
      add(eventNames.exception, {
        [errors.exceptionType]: type,
        [errors.exceptionMessage]: message,
        // Only a fault of the program is found by its stack; what a failure needs is said in its message.
        ...(failure.code === 'INTERNAL' && { [errors.exceptionStack]: framesOf(thrown) }),
      })
    },
  }
}

function decisionAttributes(decision: DecisionNote): Readonly<Record<string, unknown>> {
  const { question, answer, step, confidence, by, costMicros } = decision
  return {
    [own.decisionQuestion]: question,
    [own.decisionKind]: question.split(':', 1)[0],
    [own.decisionStep]: step,
    [own.decisionAnswer]: answer.length > answerLimit ? `${answer.slice(0, answerLimit)}…` : answer,
    [own.decisionAnswerDigest]: digestOf(answer),
    [own.decisionConfidence]: confidence,
    [own.decisionBy]: by,
    [own.decisionCostMicros]: costMicros,
  }
}

function failureAttributes(failure: Failure, type: string): Readonly<Record<string, unknown>> {
  return {
    [errors.type]: type,
    [own.failureCode]: failure.code,
    [own.failureKind]: failure.kind,
    [own.failureMessage]: failure.message,
    [own.failureOwner]: failure.owner,
    [own.failureWayOut]: failure.wayOut,
  }
}

/** The stack without its first lines, which repeat the message. */
const framesOf = (thrown: unknown): string =>
  (thrown instanceof Error ? (thrown.stack ?? '') : '')
    .split('\n')
    .filter(line => /^\s+at /.test(line))
    .join('\n')
