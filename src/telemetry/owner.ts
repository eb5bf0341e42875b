import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { threadId } from 'node:worker_threads'

/**
 * Who may end a span: one opened journal in one process. A process is known by its id and its start time together, since
 * ids are used again; `boot` and `namespace` say where that id means something. All are empty where there is no `/proc`.
 */
export interface Owner {
  readonly id: string
  readonly boot: string
  readonly namespace: string
  readonly pid: number
  readonly started: string
  readonly thread: number
}

/** How often an owner says that it lives, and how long it may be silent where nothing better than that is known. */
export const heartbeatMs = 30_000
export const silenceMs = 20 * heartbeatMs

/** The owners of this thread that are still at work; in their own thread there is no doubt about them. */
const atWork = new Set<string>()

/** A new owner in this thread; it lives until {@link release}. */
export function newOwner(): Owner {
  const owner = {
    id: randomUUID(),
    boot: read('/proc/sys/kernel/random/boot_id'),
    namespace: pidNamespace(),
    pid: process.pid,
    started: startOf(process.pid),
    thread: threadId,
  }
  atWork.add(owner.id)
  return owner
}

export function release(owner: Owner): void {
  atWork.delete(owner.id)
}

/**
 * Whether `owner` can still end its spans, as seen by `self` at `nowMs`.
 *
 * Another boot of the machine is over: a journal in WAL mode cannot be shared between machines. In the same process
 * namespace the process table knows. Elsewhere (another container, a system without `/proc`) only silence tells.
 */
export function isLiving(owner: Owner, seenMs: number, self: Owner, nowMs: number): boolean {
  const sameProcess =
    owner.pid === self.pid &&
    owner.started === self.started &&
    owner.boot === self.boot &&
    owner.namespace === self.namespace
  if (sameProcess) return owner.thread !== self.thread || atWork.has(owner.id)
  if (owner.boot !== self.boot) return false
  if (owner.namespace === self.namespace) {
    const started = startOf(owner.pid)
    if (started !== '') return started === owner.started
    if (!exists(owner.pid)) return false
  }
  return nowMs - seenMs < silenceMs
}

/** Start of a process in clock ticks since boot; `dead` for one that is not yet collected, empty where nothing can be read. */
function startOf(pid: number): string {
  // The second field is the program's name in parentheses and may hold anything, so count from its end.
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? []
  return fields[0] === 'Z' || fields[0] === 'X' ? 'dead' : (fields[19] ?? '')
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return ''
  }
}
