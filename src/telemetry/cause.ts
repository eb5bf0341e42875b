import type { Building, FrameFailure } from './frame.ts'

export type RunState = 'done' | 'failed' | 'running' | 'waiting' | 'interrupted'

/** Why a run failed: the failure, and the frames from where it happened up to the root. */
export interface Cause extends FrameFailure {
  readonly agent?: string
  readonly path: readonly CauseFrame[]
}

export interface CauseFrame {
  readonly traceId: string
  readonly spanId: string
  readonly name: string
  readonly agent?: string
}

/**
 * Judges a run from its frames, marking those that a later attempt superseded and those on the failing path.
 *
 * A failure that its surroundings lived through is no failure of the run: one that was tried again and went well, or one below
 * a frame of the same service that ended well. What is left has broken an agent's turn, and the last of these is the cause.
 */
export function causeOf(frames: readonly Building[]): { state: RunState; cause?: Cause } {
  for (const attempts of Map.groupBy(frames, identityOf).values()) markSuperseded(attempts)
  const counted = frames.filter(frame => !isWithin(frame, above => above.superseded))
  const broken = counted.filter(frame => frame.state.kind === 'failed' && breaks(frame))
  const last = broken.reduce<Building | undefined>((a, b) => (a && endOf(a) > endOf(b) ? a : b), undefined)
  if (last) return { state: 'failed', cause: causeFrom(innermost(last)) }
  const any = (kind: Building['state']['kind']) => counted.some(frame => frame.state.kind === kind)
  if (any('running')) return { state: 'running' }
  if (counted.some(isStillWaiting)) return { state: 'waiting' }
  return { state: any('interrupted') || any('stopped') ? 'interrupted' : 'done' }
}

/** What makes two frames attempts at the same thing: place, name, and for tools the arguments. */
function identityOf({ parent, name, what, span }: Building): string {
  const digest = what.kind === 'tool' ? what.argumentsDigest : undefined
  return JSON.stringify([parent?.traceId, parent?.spanId, parent ? undefined : span.parentSpanId, name, digest])
}

/** Of attempts at one thing, all that did not go well and had ended when a later one began. */
function markSuperseded(attempts: readonly Building[]): void {
  const latestUs = attempts.reduce((latest, frame) => Math.max(latest, frame.startUs), 0)
  for (const frame of attempts)
    if (frame.state.kind !== 'done' && frame.endUs !== undefined && frame.endUs <= latestUs && frame.startUs < latestUs)
      frame.superseded = true
}

/** A turn that waits is gone on with beside it, which supersedes it, or below it. */
const isStillWaiting = ({ state, endUs = 0, children }: Building): boolean =>
  state.kind === 'waiting' && !children.some(child => child.startUs >= endUs)

/** Whether nothing around a failed frame could have handled its failure: it is the outermost of its service. */
const breaks = ({ parent, service, span }: Building): boolean =>
  parent === undefined || parent.service !== service || span.kind === 'consumer'

/** The last failure below that is not superseded, as deep as it goes. */
function innermost(frame: Building): Building {
  const failed = frame.children.filter(child => child.state.kind === 'failed' && !child.superseded)
  const last = failed.reduce<Building | undefined>((a, b) => (a && endOf(a) > endOf(b) ? a : b), undefined)
  return last && last.service === frame.service ? innermost(last) : frame
}

function causeFrom(deepest: Building): Cause {
  const path: CauseFrame[] = []
  for (let frame: Building | undefined = deepest; frame; frame = frame.parent) {
    frame.failing = true
    const { traceId, spanId, name, agent } = frame
    path.push({ traceId, spanId, name, ...(agent !== undefined && { agent }) })
  }
  if (deepest.state.kind !== 'failed') throw new TypeError('the cause of a failure has failed itself')
  return { ...deepest.state.failure, ...(deepest.agent !== undefined && { agent: deepest.agent }), path }
}

function isWithin(frame: Building, test: (frame: Building) => boolean): boolean {
  for (let at: Building | undefined = frame; at; at = at.parent) if (test(at)) return true
  return false
}

const endOf = (frame: Building): number => frame.endUs ?? frame.startUs
