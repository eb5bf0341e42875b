/**
 * Runs work as if no LangGraph were around it. LangGraph finds the graph that a call comes from by asynchronous context, and takes an
 * inner graph for a part of it, with its thread and its checkpoints; an agent that is set going from within a tool is no such part.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { context } from '@opentelemetry/api'

const outside = AsyncLocalStorage.snapshot()

/** The trace goes on; everything else that travels by asynchronous context stays behind. */
export function apartFromGraphs<T>(work: () => Promise<T>): Promise<T> {
  const active = context.active()
  return outside(() => context.with(active, work))
}
