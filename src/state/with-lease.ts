import type { LeaseReference, StateStore } from './store.ts'

export interface LeaseOptions {
  readonly name: string
  readonly owner: string
  readonly leaseMs: number
}

/** Runs `work` under a lease, renewed while it lasts; undefined when somebody else has it. */
export async function withLease<T>(
  store: StateStore,
  { name, owner, leaseMs }: LeaseOptions,
  work: (lease: LeaseReference) => Promise<T>,
  release = (lease: LeaseReference): Promise<void> => store.releaseLease(lease),
): Promise<{ readonly value: T } | undefined> {
  const held = await store.acquireLease(name, owner, leaseMs)
  if (held === undefined) return undefined
  const lease = { name, token: held.token }
  // A renewal that fails is no news to act on here: every write names the lease and is refused once it is lost.
  const renewal = setInterval(() => void store.renewLease(lease, leaseMs).catch(() => false), leaseMs / 3)
  try {
    return { value: await work(lease) }
  } finally {
    clearInterval(renewal)
    // What came of the work counts; a lease that cannot be given back runs out.
    await release(lease).catch(() => undefined)
  }
}
