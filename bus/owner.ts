/**
 * Who holds a lease, written so that another process on the same machine can tell at once that the holder is dead.
 *
 * Owns: nothing on disk; a set of the owners that are alive in this process.
 *
 * An owner id names the place (host, boot, process namespace), the process (pid and its start time, since pids are
 * reused), the loaded copy of this module, and a number. Invariants:
 * 1. `ownerIsDead` says true only where it knows: same place and the process is gone or is another one by now, or same
 *    loaded copy of this module and the owner was released. Anything else, foreign text included, is "not known to be dead".
 * 2. Wrong answers are therefore one-sided: a dead owner may look alive, and then its lease simply runs out.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

export interface Owner {
  readonly id: string
  /** From now on the owner counts as dead. */
  release(): void
}

function read(look: () => string): string {
  try {
    return look().trim()
  } catch {
    return ''
  }
}

/** What the system says of a process: its state letter and when it started, in ticks since boot; empty where it says nothing. */
function statusOf(pid: number | 'self'): { readonly state: string; readonly start: string } {
  const stat = read(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  // The second field is the program's name in parentheses and may hold spaces, so fields are counted from its end.
  const [state = '', ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state, start: rest[18] ?? '' }
}

const place = [
  hostname(),
  read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
  read(() => readlinkSync('/proc/self/ns/pid')),
].join('|')
const started = statusOf('self').start
const copy = randomUUID()
const alive = new Set<string>()
let made = 0

/** A new owner that is alive until released or until this process ends. */
export function claimOwner(): Owner {
  made += 1
  const id = JSON.stringify([place, process.pid, started, copy, made])
  alive.add(id)
  return { id, release: () => alive.delete(id) }
}

/** Whether the owner is known to be dead. */
export function ownerIsDead(id: string): boolean {
  const parts = parse(id)
  if (parts === undefined || parts.place !== place) return false
  if (parts.copy === copy) return !alive.has(id)
  if (parts.pid === process.pid && parts.start === started) return false
  if (!isRunning(parts.pid)) return true
  const { state, start } = statusOf(parts.pid)
  // A killed process whose parent has not looked yet is a zombie: it has a pid and does nothing more.
  return state === 'Z' || (start !== '' && parts.start !== start)
}

function parse(id: string) {
  try {
    const [place, pid, start, copy] = JSON.parse(id) as unknown[]
    if (typeof place !== 'string' || typeof pid !== 'number' || typeof start !== 'string') return undefined
    return { place, pid, start, copy }
  } catch {
    return undefined
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
