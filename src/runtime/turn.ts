/**
 * One turn of an agent: a thread from where it stands to its end, to a question for a person, or to a failure; and the
 * transaction that says which. See actor.ts for the invariants this keeps.
 */
import { Command } from '@langchain/langgraph'
import type { Bus, OutgoingMessage } from '../../bus/bus.ts'
import { afterwards } from '../../contracts/chain.ts'
import type { ApprovalQuestion } from '../../contracts/data/approval.ts'
import type { Decision } from '../../contracts/data/decision.ts'
import type { Delivery, Run } from '../../contracts/data/delivery.ts'
import {
  type EventData,
  eventType,
  mostToolCallsReported,
  type ToolCallReport,
  type Topic,
} from '../../contracts/events/events.ts'
import { asFailure, Failure } from '../../contracts/failures.ts'
import { StateCheckpointer } from '../state/checkpointer.ts'
import { keys } from '../state/keys.ts'
import { MirrorStore } from '../state/mirror.ts'
import { outboxWrites } from '../state/outbox.ts'
import type { LeaseReference, Write } from '../state/store.ts'
import type { RunningSpan } from '../telemetry/running.ts'
import { agentSpan, nodeSpan, sendSpan } from '../telemetry/shapes.ts'
import type { Telemetry } from '../telemetry/tracer.ts'
import type { Host } from '../tools/host.ts'
import { announcement } from './announcement.ts'
import { DeadLetters } from './dead-letters.ts'
import type { AgentDefinition, AgentGraph, Consult, StepRuntime } from './define-agent.ts'
import { approvalId, eventId, threadId } from './identity.ts'
import { type IncomingEvent, type OutgoingEvent, toMessage } from './outgoing.ts'
import { keepRefused } from './refused-message.ts'
import { type AgentPart, type Progress, RunRecords } from './run-records.ts'
import { type Standing, standingOf } from './standing.ts'
import { type ActorStores, retention } from './stores.ts'

export interface TurnOptions {
  readonly agent: AgentDefinition
  readonly bus: Bus
  readonly stores: ActorStores
  readonly host: Host
  readonly telemetry: Telemetry
  /** Who answers for a failure that names nobody. */
  readonly defaultOwner: () => Promise<string>
  readonly signal: AbortSignal
  /** Left out where there is no language model. */
  readonly consult?: Consult | undefined
  readonly onStep?: (step: { runId: string; agent: string; node: string }) => void
}

interface About {
  readonly run: Run
  readonly delivery: Delivery
}

/** The work is over and only its end could not be recorded yet: that is no failure of the run, and the event comes again. */
export class Unrecorded extends Failure {
  constructor(cause: unknown) {
    const { code, message } = asFailure(cause)
    super(code, message, { cause })
  }
}

export class Turn {
  readonly #options: TurnOptions
  readonly #graph: AgentGraph
  readonly #checkpointer: StateCheckpointer
  /** The threads at work here: under its lease nobody else writes to one. */
  readonly #threads: MirrorStore
  readonly #remembered = new Map<string, readonly string[]>()

  constructor(options: TurnOptions) {
    this.#options = options
    const { agent, stores } = options
    this.#threads = new MirrorStore(stores.store)
    this.#checkpointer = new StateCheckpointer(this.#threads, {
      attach: (checkpoint, _config, newVersions) => {
        if (!('emits' in newVersions)) return []
        const emits = (checkpoint.channel_values['emits'] ?? []) as OutgoingEvent[]
        return outboxWrites(
          agent.name,
          checkpoint.id,
          emits.map(event => toMessage(event, event.traceparent)),
        )
      },
      guard: config => config.configurable?.['lease'] as LeaseReference | undefined,
    })
    this.#graph = agent.build(this.#checkpointer)
  }

  /**
   * Takes the event's thread as far as it goes. True: it waits for a person now.
   *
   * @param calls gets every tool call that ended
   */
  async run(event: IncomingEvent, lease: LeaseReference, attempt: number, calls: ToolCallReport[]): Promise<boolean> {
    const { agent, telemetry } = this.#options
    const about = event.data as About
    const thread = await this.#threadOf(event)
    this.#remembered.set(event.id, keys.thread(thread))
    await this.#threads.remember(keys.thread(thread))
    const scope = { runId: about.run.id, deliveryId: about.delivery.id, feed: event.key, agent: agent.name }
    const [name, span] = agentSpan(agent.name, { threadId: thread, attempt })
    return telemetry.withSpan(name, { ...span, scope }, async running => {
      const runtime = await this.#runtime(about.run, lease, calls)
      const config = { configurable: { thread_id: thread, agent: runtime, lease }, durability: 'sync' as const }
      let standing = await standingOf(this.#graph, config)
      const input = await this.#input(event, standing)
      if (input !== undefined) {
        try {
          await this.#graph.invoke(input, config)
        } catch (error) {
          this.#options.signal.throwIfAborted()
          throw error
        }
        standing = await standingOf(this.#graph, config)
      }
      const waits = standing.interrupts.length > 0
      await (waits
        ? this.#wait(event, about, thread, standing, running, lease)
        : this.#finish(event, about, thread, standing, lease)
      ).catch(error => {
        throw asFailure(error).kind === 'transient' ? new Unrecorded(error) : error
      })
      return waits
    })
  }

  /** Ends the run: recorded, said, and the event is dealt with. */
  async fail(
    event: IncomingEvent,
    failure: Failure,
    lease: LeaseReference,
    calls: readonly ToolCallReport[],
  ): Promise<void> {
    const about = event.data as About
    const { agent } = this.#options
    const said = await this.#report(failure)
    // People know the file by the name the vendor gave it, not by the copy the agents read.
    const { stored, file } = about.delivery
    const report = { ...said, message: said.message.replaceAll(stored, file) }
    const thread = await this.#threadOf(event)
    const standing = await standingOf(this.#graph, { configurable: { thread_id: thread } }).catch(() => undefined)
    const { checkpointId, next = [], values = {} } = standing ?? {}
    const failed: EventData<'run.failed'> = {
      feed: about.delivery.feed,
      run: about.run,
      delivery: about.delivery,
      file: about.delivery.file,
      agent: agent.name,
      failure: report,
      traceId: about.run.traceId,
      ...(checkpointId !== undefined && { checkpoint: { threadId: thread, id: checkpointId, next: [...next] } }),
      toolCalls: calls.slice(-mostToolCallsReported),
      message: { topic: event.topic, id: event.id, data: event.data },
    }
    const at = this.#now()
    await this.#end(event, values, { kind: 'failed', failure: report }, lease, [
      DeadLetters.write({ id: about.run.id, failed, at }),
      ...this.#outbox('run.failed', failed, eventId(about.run.id, agent.name, 'run.failed', event.id)),
    ])
  }

  /** A message that no schema accepts. */
  async refuse(message: OutgoingMessage, failure: Failure): Promise<void> {
    const { stores, agent } = this.#options
    await keepRefused(stores, agent.name, message, await this.#report(failure), this.#now())
    await this.flush()
  }

  /** Nothing of the event's thread is kept in memory any longer: the next turn on it may be another process's. */
  leave(event: IncomingEvent): void {
    this.#threads.forget(this.#remembered.get(event.id) ?? [])
    this.#remembered.delete(event.id)
  }

  /** Publishes what is committed and not yet sent. */
  async flush(): Promise<void> {
    const { stores, bus, agent } = this.#options
    await stores.outbox.flush(agent.name, messages => bus.publish(messages))
  }

  /** Removes what is left of a thread whose turn has ended. Of one that failed it stays a while, for who looks into the failure. */
  async forget(event: IncomingEvent, how: 'done' | 'failed'): Promise<void> {
    const thread = await this.#threadOf(event)
    if (how === 'failed') await this.#checkpointer.retire(thread, retention.failedThreadMs)
    else await this.#checkpointer.deleteThread(thread)
  }

  async close(): Promise<void> {
    await this.flush()
  }

  async #input(event: IncomingEvent, standing: Standing): Promise<unknown> {
    if (event.topic === 'approval.decided') {
      const { approvalId: id, decision } = event.data as EventData<'approval.decided'>
      const asked = await this.#options.stores.approvals.find(id)
      if (asked?.approval.blocking === true) {
        const interruptId = asked.approval.interruptId
        const waits = standing.interrupts.some(interrupt => interrupt.id === interruptId)
        if (waits) return new Command({ resume: { [interruptId ?? '']: decision } })
        // The answer was taken before a crash: what is left is to go on, or to end the turn.
        return standing.finished || standing.interrupts.length > 0 ? undefined : null
      }
    }
    if (!standing.started) return { event }
    return standing.finished || standing.interrupts.length > 0 ? undefined : null
  }

  async #threadOf(event: IncomingEvent): Promise<string> {
    const { agent, stores } = this.#options
    const about = event.data as About
    if (event.topic === 'approval.decided') {
      const { approvalId: id } = event.data as EventData<'approval.decided'>
      const asked = await stores.approvals.find(id)
      if (asked === undefined) throw new Failure('APPROVAL_UNKNOWN', `There is no approval ${id}.`)
      return asked.approval.blocking ? asked.threadId : `${threadId(about.run.id, agent.name)}/${id}`
    }
    if (afterwards.includes(event.topic)) return `${threadId(about.run.id, agent.name)}/${event.topic}`
    const { stagedBefore = 0 } = event.data as { stagedBefore?: number }
    return threadId(about.run.id, agent.name, stagedBefore)
  }

  async #runtime(run: Run, lease: LeaseReference, calls: ToolCallReport[]): Promise<StepRuntime> {
    const { agent, host, telemetry, signal, onStep } = this.#options
    const onCall = (call: ToolCallReport) => void calls.push(call)
    const tools = host.forAgent({ agent: agent.name, runId: run.id, budget: run.budget, signal, guard: lease, onCall })
    return {
      agent: agent.name,
      tools,
      hasModel: this.#options.consult !== undefined,
      consult: async (questions, feed) => this.#options.consult?.(questions, { runId: run.id, feed, signal }),
      now: () => this.#now(),
      step: (node, work) => {
        signal.throwIfAborted()
        onStep?.({ runId: run.id, agent: agent.name, node })
        return telemetry.withSpan(...nodeSpan(node), work)
      },
      sending: (topic, id) =>
        telemetry.withSpan(
          ...sendSpan({
            system: this.#options.bus.system,
            topic,
            event: { id, source: `aiworkflow/${agent.name}`, type: eventType(topic) },
          }),
          span => span.traceparent,
        ),
    }
  }

  /** The run stands still: its questions are out, the feed is held, the event is dealt with. */
  async #wait(
    event: IncomingEvent,
    about: About,
    thread: string,
    standing: Standing,
    span: RunningSpan,
    lease: LeaseReference,
  ): Promise<void> {
    const { agent, stores } = this.#options
    const asked: string[] = []
    for (const { id: interruptId, question } of standing.interrupts) {
      const id = await this.#ask(about, thread, question, interruptId)
      asked.push(id)
      span.waits(id, question.text)
    }
    const writes = [
      RunRecords.part(about.run.id, { ...this.#part(standing.values), state: { kind: 'waiting', approvals: asked } }),
      ...this.#dealtWith(event, standing.values, 'waiting'),
    ]
    const hold = { kind: 'approval' as const, approvalId: asked[0] ?? '', runId: about.run.id, sinceMs: Date.now() }
    await stores.parked.hold(agent.name, event.key, hold, { checks: [{ lease }], writes })
  }

  async #finish(
    event: IncomingEvent,
    about: About,
    thread: string,
    standing: Standing,
    lease: LeaseReference,
  ): Promise<void> {
    for (const question of (standing.values['asks'] ?? []) as ApprovalQuestion[])
      await this.#ask(about, thread, question, undefined)
    await this.#end(event, standing.values, { kind: 'done' }, lease)
  }

  /** The transaction that ends a turn for good. It lets the feed go on where that waited for this run. */
  async #end(
    event: IncomingEvent,
    values: Record<string, unknown>,
    state: Exclude<AgentPart['state'], { kind: 'waiting' }>,
    lease: LeaseReference,
    more: readonly Write[] = [],
  ): Promise<void> {
    const { agent, stores } = this.#options
    const { run } = event.data as About
    // An answer that nobody waited for is no part of the run it was asked in, nor is what comes after its judgement.
    const amends =
      afterwards.includes(event.topic) || (event.topic === 'approval.decided' && !(await this.#isBlocking(event)))
    const outcome = state.kind === 'done' ? 'done' : `failed ${state.failure.code}`
    const writes = [
      ...(amends ? [] : [RunRecords.part(run.id, { ...this.#part(values), state })]),
      ...this.#dealtWith(event, values, outcome),
      ...more,
    ]
    const hold = await stores.parked.holdOf(agent.name, event.key)
    const held = !amends && hold?.kind === 'approval' && hold.runId === run.id
    if (!held) await this.#commit(lease, writes)
    else {
      const draining = { kind: 'draining' as const, sinceMs: Date.now() }
      await stores.parked.hold(agent.name, event.key, draining, { checks: [{ lease }], writes })
    }
  }

  /**
   * The event of this turn and the one that began the thread. They differ when an answer resumes it; after a crash the answer
   * may come before the first event comes again, which then must not begin anew.
   */
  #dealtWith(event: IncomingEvent, values: Record<string, unknown>, outcome: string): Write[] {
    const { agent, stores } = this.#options
    const { run } = event.data as About
    const first = values['event'] as IncomingEvent | undefined
    const record = { outcome, runId: run.id, atMs: Date.now() }
    return [...new Set([event.id, first?.id ?? event.id])].map(id => stores.inbox.write(agent.name, id, record))
  }

  /** Puts a question before people, once however often the turn gets here. */
  async #ask(
    about: About,
    thread: string,
    question: ApprovalQuestion,
    interruptId: string | undefined,
  ): Promise<string> {
    const { agent, stores } = this.#options
    const id = approvalId(about.run.id, agent.name, question.subject)
    const approval = {
      id,
      runId: about.run.id,
      agent: agent.name,
      feed: about.delivery.feed,
      blocking: interruptId !== undefined,
      ...(interruptId === undefined ? {} : { interruptId }),
      question,
      requestedAt: this.#now(),
    }
    const event = eventId(about.run.id, agent.name, 'approval.requested', id)
    const { run, delivery } = about
    const along = this.#outbox('approval.requested', { run, delivery, approval }, event)
    await stores.approvals.request({ approval, about: { run, delivery }, threadId: thread }, along)
    return id
  }

  #outbox<T extends Topic>(topic: T, data: EventData<T>, id: string): Write[] {
    return announcement(this.#options.agent.name, topic, data, id, this.#now())
  }

  #part(values: Record<string, unknown>): Omit<AgentPart, 'state'> {
    const decisions: Record<string, number> = {}
    for (const { step } of (values['decisions'] ?? []) as Decision[]) decisions[step] = (decisions[step] ?? 0) + 1
    return {
      agent: this.#options.agent.name,
      progress: (values['progress'] ?? {}) as Progress,
      decisions,
      at: this.#now(),
    }
  }

  async #report(failure: Failure) {
    const { code, message, wayOut } = failure
    return { code, message, wayOut, owner: failure.owner ?? (await this.#options.defaultOwner()) }
  }

  async #isBlocking(event: IncomingEvent): Promise<boolean> {
    const asked = await this.#options.stores.approvals.find((event.data as EventData<'approval.decided'>).approvalId)
    return asked?.approval.blocking === true
  }

  async #commit(lease: LeaseReference, writes: readonly Write[]): Promise<void> {
    const result = await this.#options.stores.store.transact({ checks: [{ lease }], writes })
    if (result.kind !== 'committed')
      throw new Failure('LEASE_LOST', `${this.#options.agent.name} lost its lease before its turn ended.`)
  }

  #now(): string {
    return new Date().toISOString()
  }
}
