/** A model over a scripted server, with everything around it in memory. */
import { HumanMessage } from '@langchain/core/messages'
import { ModelPolicy } from '../../contracts/data/model.ts'
import type { SpendingPolicy } from '../../contracts/data/policy.ts'
import { Model } from '../../src/model/model.ts'
import { openAiClient } from '../../src/model/openai.ts'
import { Budgets } from '../../src/state/budgets.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import { createTelemetry } from '../../src/telemetry/tracer.ts'
import { type ModelServer, type Script, startModelServer } from '../rig/model.ts'

export const key = 'sk-test-0123456789abcdef0123'

export const modelPolicy = (changes: Partial<ModelPolicy> = {}): ModelPolicy =>
  ModelPolicy.parse({
    kind: 'policy.model',
    owner: 'data-office',
    currency: 'USD',
    prices: [{ model: 'test:small', inputPerMillionTokens: 1, outputPerMillionTokens: 4 }],
    limits: { run: {}, feed: {}, day: {}, workspace: {} },
    atLimit: 'ask',
    unknownOutcome: 'ask',
    questions: {
      kinds: ['mapping', 'meaning', 'dateOrder', 'key', 'names'],
      answers: 'propose',
      applyConfidence: 0.9,
      mostInputTokens: 3_000,
      mostOutputTokens: 1_000,
      samples: 3,
      sampleCharacters: 40,
    },
    mask: [],
    execute: { writingTools: [], mostTurns: 20, mostOutputTokens: 500, resultCharacters: 20_000 },
    breaker: { failures: 3, pauseMs: 60_000 },
    callTimeoutMs: 5_000,
    answerDays: 30,
    ...changes,
  })

export const spending: SpendingPolicy = {
  kind: 'policy.spending',
  owner: 'data-office',
  run: { toolCalls: 100, wallMs: 60_000, modelTokens: 1_000_000, moneyMicros: 1_000_000 },
  retry: { maxAttempts: 3, firstDelayMs: 1, maxDelayMs: 5 },
  replays: { perLetter: 10 },
}

export interface ModelWorld {
  readonly server: ModelServer
  readonly store: SqliteStateStore
  readonly budgets: Budgets
  readonly telemetry: ReturnType<typeof createTelemetry>
  policy: ModelPolicy
  /** Another process: an owner and a breaker of its own. */
  model(owner?: string, now?: () => number): Model
  close(): Promise<void>
}

export async function modelWorld(script: Script, changes: Partial<ModelPolicy> = {}): Promise<ModelWorld> {
  const server = await startModelServer(script)
  const store = new SqliteStateStore({ path: ':memory:' })
  const budgets = new Budgets(store, { ttlMs: 60_000 })
  const telemetry = createTelemetry({ journalFile: ':memory:', serviceName: 'test' })
  const world: ModelWorld = {
    server,
    store,
    budgets,
    telemetry,
    policy: modelPolicy(changes),
    model: (owner = 'test', now = Date.now) =>
      new Model({
        client: openAiClient({ id: 'test:small', model: 'small', baseUrl: server.url, key }),
        store,
        budgets,
        telemetry,
        policy: async () => ({ model: world.policy, spending }),
        owner,
        now,
      }),
    close: async () => {
      await server.close()
      await store.close()
      await telemetry.shutdown()
    },
  }
  return world
}

export const question = (text: string, runId = 'r1') => ({
  runId,
  feed: 'acme/lamps',
  template: 'test v1',
  request: { messages: [new HumanMessage(text)], maxOutputTokens: 100 },
})
