import { createHash } from 'node:crypto'

/**
 * JSON with the keys of every object in code unit order and nothing undefined: equal values give equal text, in every process
 * and on every day. Ledger keys are made of it, so its form must never change.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (part === null || typeof part !== 'object' || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

/**
 * What an effect is: a tool, its input with defaults filled in, and the write key where the caller names one. A run has its own
 * effects, since another run may find the world changed by people: what must not happen twice there, tools know by write key.
 */
export function effectKey(effect: {
  runId: string
  tool: string
  input: unknown
  writeKey?: string | undefined
}): string {
  const { runId, tool, input, writeKey } = effect
  return createHash('sha256')
    .update(canonicalJson([runId, tool, input, writeKey ?? null]))
    .digest('hex')
}
