import pc from 'picocolors'

export type Colors = ReturnType<typeof pc.createColors>

/**
 * Where a command's answers go. People read text on stdout; with `--json` stdout carries one JSON document and nothing else, and
 * notes (progress, hints) go to stderr in both cases.
 */
export interface Terminal {
  readonly json: boolean
  readonly colors: Colors
  /** Characters per line; unbounded where nobody looks (a pipe). */
  readonly columns: number
  /** Size of stderr where it is a screen, whose lines can be drawn again. */
  readonly screen: { readonly columns: number; readonly rows: number } | undefined
  /** The answer of the command: the document, or the text for people. Once per call. */
  answer(document: unknown, text: () => string): void
  /** More for people on stdout; nothing with `--json`. */
  say(text: string): void
  /** On stderr. */
  note(text: string): void
  /** On stderr, as it is, without an end of line. */
  draw(text: string): void
}

export interface Streams {
  readonly stdout: Stream
  readonly stderr: Stream
}

interface Stream {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  write(text: string): unknown
}

/** What decides on colour, for one stream: NO_COLOR, then FORCE_COLOR, then whether somebody looks at it. */
export function wantsColor(environment: Readonly<Record<string, string | undefined>>, stream: Stream): boolean {
  if (environment['NO_COLOR']) return false
  if (environment['FORCE_COLOR'] && environment['FORCE_COLOR'] !== '0') return true
  return stream.isTTY === true && environment['TERM'] !== 'dumb'
}

export function createTerminal(
  { json, environment }: { readonly json: boolean; readonly environment: Readonly<Record<string, string | undefined>> },
  { stdout, stderr }: Streams = process,
): Terminal {
  const indent = stdout.isTTY ? 2 : undefined
  return {
    json,
    colors: pc.createColors(wantsColor(environment, stdout)),
    columns: (stdout.isTTY && stdout.columns) || Number.POSITIVE_INFINITY,
    screen:
      stderr.isTTY === true && environment['TERM'] !== 'dumb'
        ? { columns: stderr.columns ?? 80, rows: stderr.rows ?? 24 }
        : undefined,
    answer: (document, text) => stdout.write(`${json ? JSON.stringify(document, null, indent) : text()}\n`),
    say: text => json || stdout.write(`${text}\n`),
    note: text => stderr.write(`${text}\n`),
    draw: text => stderr.write(text),
  }
}
