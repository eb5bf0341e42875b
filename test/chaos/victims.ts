import { type ChildProcess, spawn } from 'node:child_process'
import { z } from 'zod'

/** Where to hit: at the n-th crash point, the first time at a named one, or after a time, which may be in the middle of anything. */
export type Blow =
  | { readonly kind: 'point'; readonly number: number }
  | { readonly kind: 'place'; readonly name: string }
  | { readonly kind: 'time'; readonly ms: number }

export function tellBlow(blow: Blow): string {
  if (blow.kind === 'place') return blow.name
  return blow.kind === 'point' ? `at point ${blow.number}` : `after ${Math.round(blow.ms)} ms`
}

/** What a victim is told to do. */
export const Orders = z.strictObject({
  dir: z.string(),
  environment: z.record(z.string(), z.string()),
  /** Number of a crash point, or its name. */
  point: z.union([z.number(), z.string()]).optional(),
})
export type Orders = z.infer<typeof Orders>

export type End =
  | { readonly kind: 'killed' }
  /** It was done before the blow fell. */
  | { readonly kind: 'done'; readonly places: readonly string[]; readonly ms: number }
  | { readonly kind: 'failed'; readonly how: string }

const victim = new URL('./victim.ts', import.meta.url).pathname
/** Longer than any run of a small workspace; what takes longer hangs. */
const hangMs = 120_000

/** Processes that run a workspace once. The next is started while one is at work, since starting takes longer than the work. */
export class Victims {
  #next: ChildProcess = start()

  /** @param environment settings of the workspace, as a process gets them */
  async run(dir: string, blow: Blow | undefined, environment: Readonly<Record<string, string>> = {}): Promise<End> {
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
    const point = blow?.kind === 'point' ? blow.number : blow?.kind === 'place' ? blow.name : undefined
    const orders: Orders = { dir, environment: { ...environment }, ...(point !== undefined && { point }) }
    child.stdin?.write(`${JSON.stringify(orders)}\n`)
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
    return { kind: 'done', places: JSON.parse(output), ms: performance.now() - startMs }
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
