/**
 * An agent is data: a name (its topics and tools stand in contracts/chain.ts) and a LangGraph. Its nodes decide and call
 * tools through the context they are given; they know nothing of bus, state or telemetry.
 */
import type { RunnableConfig } from '@langchain/core/runnables'
import type { BaseCheckpointSaver } from '@langchain/langgraph'
import type { AgentName } from '../../contracts/chain.ts'
import { feedKey } from '../../contracts/data/common.ts'
import type { Decision } from '../../contracts/data/decision.ts'
import type { Delivery, Run } from '../../contracts/data/delivery.ts'
import type { ModelQuestion } from '../../contracts/data/model.ts'
import type { EventData, Topic } from '../../contracts/events/events.ts'
import type { ToolId, ToolInput, ToolOutput } from '../../contracts/tools/index.ts'
import type { Consultation } from '../model/questions.ts'
import type { RunningSpan } from '../telemetry/running.ts'
import { decisionId, eventId } from './identity.ts'
import type { IncomingEvent, OutgoingEvent } from './outgoing.ts'

export interface AgentTools {
  call<Id extends ToolId>(id: Id, args: ToolInput<Id>): Promise<ToolOutput<Id>>
}

/** A compiled LangGraph, as far as the runtime uses it. */
export interface AgentGraph {
  invoke(input: unknown, config: RunnableConfig & { durability?: 'sync' }): Promise<Record<string, unknown>>
  getState(config: RunnableConfig): Promise<{
    values: Record<string, unknown>
    next: readonly string[]
    config: RunnableConfig
    tasks: readonly { interrupts: readonly { id?: string; value?: unknown }[] }[]
  }>
}

export interface AgentDefinition {
  readonly name: AgentName
  /** Compiles the graph on a checkpointer; called once per process. */
  build(checkpointer: BaseCheckpointSaver): AgentGraph
}

export const defineAgent = (definition: AgentDefinition): AgentDefinition => Object.freeze(definition)

/** What the runtime lends a node for one step. */
export interface NodeContext {
  readonly agent: AgentName
  readonly run: Run
  readonly delivery: Delivery
  readonly tools: AgentTools
  /** An event as state: the checkpoint that ends the step commits it, the runtime publishes it. `writeKey` tells rounds apart. */
  emit<T extends Topic>(topic: T, data: EventData<T>, writeKey?: string): Promise<OutgoingEvent>
  /** A judgement with who made it; it lands on the span of the step and, recorded, in the catalog. */
  decide(
    decision: Pick<Decision, 'question' | 'answer' | 'step' | 'confidence' | 'evidence' | 'by'> &
      Partial<Pick<Decision, 'costMicros'>>,
  ): Decision
  /** There is a language model to ask. */
  readonly hasModel: boolean
  /** Asks the language model, if there is one, what is still open. Undefined where there is none. */
  consult(questions: readonly ModelQuestion[]): Promise<Consultation | undefined>
}

/** Asks a workspace's language model about one delivery. */
export type Consult = (
  questions: readonly ModelQuestion[],
  about: { readonly runId: string; readonly feed: string; readonly signal: AbortSignal },
) => Promise<Consultation | undefined>

/** What the actor puts under `configurable.agent`. */
export interface StepRuntime {
  readonly agent: AgentName
  readonly tools: AgentTools
  readonly hasModel: boolean
  readonly consult: (questions: readonly ModelQuestion[], feed: string) => Promise<Consultation | undefined>
  now(): string
  /** Runs one node in its span. */
  step<T>(node: string, work: (span: RunningSpan) => Promise<T>): Promise<T>
  /** A short span that stands for sending the event; returns the context that travels with it. */
  sending(topic: Topic, id: string): Promise<string>
}

type Work<S> = (state: S, context: NodeContext) => Promise<Partial<S>>

/** Makes a graph node of a step. */
export function node<S extends { event: IncomingEvent }>(name: string, work: Work<S>) {
  return async (state: S, config: RunnableConfig): Promise<Partial<S>> => {
    const runtime = runtimeOf(config)
    return runtime.step(name, span => work(state, contextOf(name, state.event, runtime, span)))
  }
}

function runtimeOf(config: RunnableConfig): StepRuntime {
  const runtime = (config.configurable as { agent?: StepRuntime } | undefined)?.agent
  if (runtime === undefined) throw new Error('A node ran outside of the runtime: configurable.agent is missing.')
  return runtime
}

function contextOf(name: string, event: IncomingEvent, runtime: StepRuntime, span: RunningSpan): NodeContext {
  const { run, delivery } = event.data as { run: Run; delivery: Delivery }
  return {
    agent: runtime.agent,
    run,
    delivery,
    tools: runtime.tools,
    async emit(topic, data, writeKey = '') {
      const id = eventId(run.id, `${runtime.agent}.${name}`, topic, writeKey)
      return {
        id,
        topic,
        key: feedKey(delivery.feed),
        source: `aiworkflow/${runtime.agent}`,
        time: runtime.now(),
        runId: run.id,
        deliveryId: delivery.id,
        traceparent: await runtime.sending(topic, id),
        data: data as OutgoingEvent['data'],
      }
    },
    decide(decision) {
      const made: Decision = {
        ...decision,
        id: decisionId(run.id, decision.question),
        runId: run.id,
        feed: delivery.feed,
        agent: runtime.agent,
        costMicros: decision.costMicros ?? 0,
        at: runtime.now(),
      }
      span.decided(made)
      return made
    },
    hasModel: runtime.hasModel,
    consult: questions => runtime.consult(questions, feedKey(delivery.feed)),
  }
}
