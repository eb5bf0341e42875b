import pc from 'picocolors'
import type { Frame, FrameDecision, FrameState } from './frame.ts'
import type { AgentStack } from './stack.ts'

export interface RenderOptions {
  readonly colour?: boolean
}

type Colours = ReturnType<typeof pc.createColors>

/**
 * The stack as text for a terminal: what became of the run, then, if it failed, the cause like a stack trace, innermost frame
 * first, with owner and way out, then every step in order. `!` marks the failing path, `↻` what a later attempt replaced.
 */
export function renderStack(stack: AgentStack, options: RenderOptions = {}): string {
  const colours = pc.createColors(options.colour ?? false)
  const lines = [...headOf(stack, colours), ...causeLines(stack, colours), '']
  for (const root of stack.roots) lines.push(...frameLines(root, 0, colours))
  if (stack.orphans.length > 0) {
    lines.push('', colours.red(`orphans: ${counted(stack.orphans.length, 'span')} whose parent is not in the journal`))
    for (const orphan of stack.orphans) lines.push(...frameLines(orphan, 0, colours))
  }
  return `${lines.join('\n')}\n`
}

const stateWords = {
  done: 'done in',
  failed: 'failed after',
  running: 'running for',
  waiting: 'waiting for a person after',
  interrupted: 'interrupted after',
} as const

function headOf(stack: AgentStack, colours: Colours): string[] {
  const { runId, feed, deliveryId, state } = stack
  const names = [`run ${printable(runId ?? 'unknown')}`]
  if (feed !== undefined) names.push(`feed ${printable(feed)}`)
  if (deliveryId !== undefined) names.push(`delivery ${printable(deliveryId)}`)
  const word = `${stateWords[state]} ${durationText(stack.endUs - stack.startUs)}`
  const paint = { done: colours.green, failed: colours.red }[state as string] ?? colours.yellow
  return [
    `${colours.bold(names.join(' · '))}  ${paint(word)}`,
    colours.dim(`trace ${stack.traceIds.join(', ')}  ${new Date(stack.startUs / 1_000).toISOString()}`),
  ]
}

function causeLines({ cause }: AgentStack, colours: Colours): string[] {
  if (!cause) return []
  const { owner, wayOut } = cause
  const lines = ['', colours.red(colours.bold(`${printable(cause.code)}: ${printable(cause.message)}`))]
  for (const { name, agent } of cause.path) {
    lines.push(`    at ${printable(name)}${agent === undefined ? '' : colours.dim(`  (${printable(agent)})`)}`)
  }
  if (owner !== undefined) lines.push(`  owner    ${printable(owner)}`)
  if (wayOut !== undefined) lines.push(`  way out  ${printable(wayOut)}`)
  return lines
}

const marks: Readonly<Record<FrameState['kind'], string>> = {
  done: '✓',
  failed: '✗',
  running: '…',
  waiting: '?',
  stopped: '■',
  interrupted: '↯',
}

function frameLines(frame: Frame, depth: number, colours: Colours): string[] {
  const indent = '  '.repeat(depth)
  const gutter = frame.failing ? colours.red('!') : ' '
  const { state, what } = frame
  const notes: string[] = []
  if (frame.attempt !== undefined && frame.attempt > 1) notes.push(`attempt ${frame.attempt}`)
  if (what.kind === 'tool' && what.argumentsDigest !== undefined) notes.push(`args ${printable(what.argumentsDigest)}`)
  if (what.kind === 'tool' && what.fromLedger) notes.push('from the ledger')
  if (frame.endUs !== undefined) notes.push(durationText(frame.endUs - frame.startUs))
  const mark = frame.superseded
    ? colours.yellow('↻')
    : (markPaint(state, colours)?.(marks[state.kind]) ?? marks[state.kind])
  const agent = frame.agent === undefined || what.kind === 'agent' ? '' : colours.dim(` [${printable(frame.agent)}]`)
  const lines = [
    `${gutter} ${indent}${mark} ${printable(frame.name)}${agent}  ${colours.dim(notes.join(' · '))}`.trimEnd(),
  ]
  const below = (text: string) => lines.push(`${gutter} ${indent}    ${text}`)
  const told = frame.children.some(child => isSameFailure(child.state, state)) ? undefined : stateText(state)
  if (told !== undefined) below(markPaint(state, colours)?.(told) ?? told)
  for (const decision of frame.decisions) below(decisionText(decision))
  for (const child of frame.children) lines.push(...frameLines(child, depth + 1, colours))
  return lines
}

const markPaint = (state: FrameState, colours: Colours) =>
  ({ done: colours.green, failed: colours.red, interrupted: colours.red })[state.kind as string] ?? colours.yellow

/** A failure is told where it happened, not again by every frame that it passed through. */
const isSameFailure = (a: FrameState, b: FrameState): boolean =>
  a.kind === 'failed' &&
  b.kind === 'failed' &&
  a.failure.code === b.failure.code &&
  a.failure.message === b.failure.message

function stateText(state: FrameState): string | undefined {
  switch (state.kind) {
    case 'failed': {
      const { code, message, owner } = state.failure
      return `${printable(code)}: ${printable(message)}${owner === undefined ? '' : `  (${printable(owner)})`}`
    }
    case 'waiting': {
      const { question, approvalId } = state
      const asked = question === undefined ? '' : `: ${printable(question)}`
      return `waits for a person${asked}${approvalId === undefined ? '' : ` (${printable(approvalId)})`}`
    }
    case 'interrupted':
      return 'its process died; ended by its successor'
    case 'stopped':
      return 'stopped on request'
    default:
      return undefined
  }
}

function decisionText({ question, answer, step, confidence, by, costMicros }: FrameDecision): string {
  const notes = [step === 'person' && by !== undefined ? `person ${printable(by)}` : step]
  if (confidence !== undefined) notes.push(`confidence ${Number(confidence.toFixed(2))}`)
  if (costMicros !== undefined && costMicros > 0) notes.push(`cost ${(costMicros / 1e6).toFixed(4)}`)
  return `◆ ${printable(question)} → ${printable(answer)}  (${notes.join(', ')})`
}

/** A duration for people: `850 µs`, `12 ms`, `2.3 s`, `4 min 10 s`, `3 h 5 min`. */
export function durationText(us: number): string {
  if (us < 1_000) return `${Math.max(0, Math.round(us))} µs`
  if (us < 999_500) return `${Math.round(us / 1_000)} ms`
  if (us < 59_950_000) return `${(us / 1_000_000).toFixed(1)} s`
  const seconds = Math.round(us / 1_000_000)
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`
}

/** Names and messages can quote a vendor's file: on one line, and with nothing in them that a terminal would obey. */
const printable = (text: string): string =>
  text
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Cf}]/gu, '�')
    .trim()

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

/** The stack as a document for programs: times in ISO 8601, durations in milliseconds. */
export function stackDocument(stack: AgentStack) {
  const { startUs, endUs, roots, orphans, ...rest } = stack
  return {
    ...rest,
    startedAt: instant(startUs),
    durationMs: (endUs - startUs) / 1_000,
    frames: roots.map(frameDocument),
    orphans: orphans.map(frameDocument),
  }
}

export interface FrameDocument extends Omit<Frame, 'startUs' | 'endUs' | 'children'> {
  readonly startedAt: string
  /** Null while it runs. */
  readonly durationMs: number | null
  readonly frames: readonly FrameDocument[]
}

function frameDocument({ startUs, endUs, children, ...frame }: Frame): FrameDocument {
  const durationMs = endUs === undefined ? null : (endUs - startUs) / 1_000
  return { ...frame, startedAt: instant(startUs), durationMs, frames: children.map(frameDocument) }
}

const instant = (us: number): string => new Date(us / 1_000).toISOString()
