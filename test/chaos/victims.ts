import { type ChildProcess, spawn } from 'node:child_process'

/** Where to hit: at the n-th crash point, or after a time, which may be in the middle of anything. */
export type Blow = { readonly kind: 'point'; readonly number: number } | { readonly kind: 'time'; readonly ms: number }

export const tellBlow = (blow: Blow): string =>
  blow.kind === 'point' ? `at point ${blow.number}` : `after ${Math.round(blow.ms)} ms`

export type End =
  | { readonly kind: 'killed' }
  /** It was done before the blow fell. */
  | { readonly kind: 'done'; readonly points: number; readonly ms: number }
  | { readonly kind: 'failed'; readonly how: string }

const victim = new URL('./victim.ts', import.meta.url).pathname
/** Longer than any run of a small workspace; what takes longer hangs. */
const hangMs = 120_000

/** Processes that run a workspace once. The next is started while one is at work, since starting takes longer than the work. */
export class Victims {
  #next: ChildProcess = start()

  async run(dir: string, blow: Blow | undefined): Promise<End> {
    const child = this.#next
    this.#next = start()
    let output = ''
    child.stdout?.on('data', data => {
      output += String(data)
    })
    const ended = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', (code, signal) => resolve({ code, signal }))
    })
    const startMs = performance.now()
    child.stdin?.write(`${JSON.stringify({ dir, point: blow?.kind === 'point' ? blow.number : 0 })}\n`)
    let hangs = false
    const timers = [
      setTimeout(() => {
        hangs = true
        child.kill('SIGKILL')
      }, hangMs),
      ...(blow?.kind === 'time' ? [setTimeout(() => child.kill('SIGKILL'), blow.ms)] : []),
    ]
    const { code, signal } = await ended
    for (const timer of timers) clearTimeout(timer)
    if (hangs) return { kind: 'failed', how: `it did not end within ${hangMs} ms` }
    if (signal === 'SIGKILL') return { kind: 'killed' }
    if (code !== 0) return { kind: 'failed', how: `it ended with ${code ?? signal}` }
    return { kind: 'done', points: Number(output.trim()), ms: performance.now() - startMs }
  }

  close(): void {
    this.#next.kill('SIGKILL')
  }
}

function start(): ChildProcess {
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', victim], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
}
