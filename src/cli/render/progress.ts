/**
 * Progress on stderr while a chain runs. On a screen it is a board that is drawn again in place, a line per delivery on its way;
 * elsewhere it is a log, a line whenever a delivery reaches its next agent. With `--json` only a screen gets it.
 */
import { agentNames } from '../../../contracts/chain.ts'
import type { Progress } from '../chain.ts'
import type { Terminal } from '../terminal.ts'
import { cut, visible } from './text.ts'

interface Journey {
  readonly feed: string
  readonly file: string
  readonly agent: string | undefined
  readonly node: string | undefined
}

export interface ProgressView {
  show(progress: Progress): void
  /** Takes the board off the screen; what happened is told by the report. */
  end(): void
}

const redrawMs = 80

export function progressView(terminal: Terminal): ProgressView {
  if (terminal.screen) return board(terminal, terminal.screen)
  return terminal.json ? { show: () => {}, end: () => {} } : log(terminal)
}

/** A line whenever something begins: for logs, and for `up`, which has no end. */
export function log(terminal: Terminal): ProgressView {
  const journeys = new Map<string, Journey>()
  return {
    show(progress) {
      const before = progress.kind === 'step' ? journeys.get(progress.runId) : undefined
      follow(journeys, progress)
      const line = lineOf(progress, before, journeys)
      if (line !== undefined) terminal.note(line)
    },
    end: () => {},
  }
}

function lineOf(
  progress: Progress,
  before: Journey | undefined,
  journeys: ReadonlyMap<string, Journey>,
): string | undefined {
  switch (progress.kind) {
    case 'taken':
      return `${progress.why === 'rebuilt' ? 'again' : 'taken'}      ${progress.feed}  ${visible(progress.file)}`
    case 'trouble':
      return `trouble    ${visible(progress.file)}  ${progress.failure.code} ${visible(progress.failure.message)}`
    case 'step': {
      const { feed = progress.runId, file = '' } = journeys.get(progress.runId) ?? {}
      return before?.agent === progress.agent
        ? undefined
        : `${progress.agent.padEnd(9)}  ${feed}  ${visible(file)}`.trimEnd()
    }
  }
}

function follow(journeys: Map<string, Journey>, progress: Progress): void {
  if (progress.kind === 'taken') {
    const { runId, feed, file } = progress
    journeys.set(runId, { feed, file, agent: undefined, node: undefined })
  }
  if (progress.kind === 'step') {
    const { runId, agent, node } = progress
    journeys.set(runId, { ...(journeys.get(runId) ?? { feed: runId, file: '' }), agent, node })
  }
}

function board(terminal: Terminal, size: { readonly columns: number; readonly rows: number }): ProgressView {
  const journeys = new Map<string, Journey>()
  let lines = 0
  let timer: NodeJS.Timeout | undefined
  const toTop = () => (lines > 0 ? `\u001b[${lines}A` : '')
  const draw = () => {
    timer = undefined
    const shown = boardLines([...journeys.values()], size, terminal.colors)
    // Each line clears what is left of the one before it, so that nothing flickers.
    terminal.draw(`${toTop()}${shown.map(line => `${line}\u001b[K\n`).join('')}\u001b[J`)
    lines = shown.length
  }
  return {
    show(progress) {
      follow(journeys, progress)
      timer ??= setTimeout(draw, redrawMs)
    },
    end() {
      clearTimeout(timer)
      terminal.draw(`${toTop()}\u001b[J`)
      lines = 0
    },
  }
}

/** The board: as many of the latest journeys as fit, and how many more there are. */
export function boardLines(
  journeys: readonly Journey[],
  { columns, rows }: { readonly columns: number; readonly rows: number },
  colors: Terminal['colors'],
): string[] {
  const room = Math.max(1, rows - 2)
  const shown = journeys.slice(-room)
  const width = Math.max(0, ...shown.map(({ feed }) => feed.length))
  const hidden = journeys.length - shown.length
  return [
    ...(hidden > 0 ? [colors.dim(cut(`… and ${hidden} more`, columns - 1))] : []),
    ...shown.map(({ feed, file, agent, node }) => {
      const at = agent === undefined ? -1 : (agentNames as readonly string[]).indexOf(agent)
      const stops = agentNames.map((name, index) =>
        index < at ? `${name} ✓` : index === at ? `${name} ▸ ${node}` : name,
      )
      const head = `${feed.padEnd(width)}  `
      const line = cut(`${head}${stops.join('  ')}  ${visible(file)}`, columns - 1)
      const [done, now] = [
        head.length + stops.slice(0, Math.max(0, at)).join('  ').length,
        head.length + stops.slice(0, at + 1).join('  ').length,
      ]
      return `${line.slice(0, head.length)}${colors.green(line.slice(head.length, done))}${colors.bold(line.slice(done, now))}${colors.dim(line.slice(now))}`
    }),
  ]
}
