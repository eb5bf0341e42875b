/**
 * Kill -9 of a whole process at every kind of place around what lasts, over real Kafka and Redis: before, during and after each
 * effect, each emit and each acknowledgement. Another process goes on; what comes of it must be what an unharmed run makes.
 */
import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { csv, products } from '../flow/support.ts'
import { testWorkspace } from '../flow/workspace.ts'
import { keeps } from '../promises.ts'
import { type Servers, startServers } from '../rig/fleet.ts'
import { copyOf } from './kill.ts'
import { differences, type Remains, remainsOf } from './remains.ts'
import { type End, Victims } from './victims.ts'

const minutes = 60_000
const sessionTimeoutMs = 3_000

const lamps = csv(products(1, 12))

/** What each of them changes, by the name of its crash point. */
const effects = [
  'catalog.putContract',
  'catalog.putMapping',
  'lakehouse.createTable',
  'lakehouse.append',
  'lakehouse.stage',
  'lakehouse.publish',
  // An effect that is meant, and one that was made.
  'store.transact ledger',
]
const emits = [
  // What an agent has decided to send, with the step that decided it.
  'store.transact blob+checkpoint+head+outbox+write',
  'bus.publish',
  'store.transact outbox',
]
const acknowledgements = [
  // The event is dealt with.
  'store.transact inbox+run-part',
  // The message is.
  'store.transact delivery-note',
]

let servers: Servers
let template: string
let victims: Victims
let expected: Remains
let passed: ReadonlySet<string>
let copies = 0

/** A workspace of its own, hit once, looked at when another process has done what was left. */
async function run(place?: string): Promise<{ end: End; remains: Remains }> {
  copies += 1
  const environment = {
    AIWORKFLOW_BUS: `kafka://${servers.kafka.brokers.join(',')}`,
    AIWORKFLOW_KAFKA_PARTITIONS: '2',
    AIWORKFLOW_KAFKA_SESSION_TIMEOUT_MS: String(sessionTimeoutMs),
    AIWORKFLOW_STATE: servers.redis.url,
    AIWORKFLOW_NAMESPACE: `points-${process.pid}-${copies}`,
  }
  const workspace = await copyOf(template, environment)
  try {
    const blow = place === undefined ? undefined : ({ kind: 'place', name: place } as const)
    const end = await victims.run(workspace.dir, blow, environment)
    return { end, remains: await workspace.with(remainsOf) }
  } finally {
    await workspace.remove()
  }
}

beforeAll(async () => {
  servers = await startServers()
  template = (await testWorkspace({ 'acme/lamps-2026-01-10.csv': lamps })).dir
  victims = new Victims()
  const unharmed = await run()
  expected = unharmed.remains
  passed = new Set(unharmed.end.kind === 'done' ? unharmed.end.places : [])
}, 5 * minutes)

afterAll(async () => {
  victims?.close()
  await rm(template, { recursive: true })
  await servers?.stop()
})

describe('a process is killed, and another goes on as if nothing had happened', () => {
  test('an unharmed run publishes, and passes every place where another is killed', () => {
    expect(expected.faults).toEqual([])
    expect(expected.things['runs']).toEqual(['acme/lamps-2026-01-10.csv published'])
    const names = [...passed].map(place => place.replace(/^(before|during|after) /, ''))
    expect(names).toEqual(expect.arrayContaining([...effects, ...emits, ...acknowledgements]))
  })

  describe.each([
    ['an effect', effects],
    ['an emit', emits],
    ['an acknowledgement', acknowledgements],
  ])('killed around %s', (_, names) => {
    for (const place of names.flatMap(name => ['before', 'during', 'after'].map(when => `${when} ${name}`)))
      keeps(
        'P1',
        'P2',
        'P4',
        'P5',
      )(
        place,
        async () => {
          const { end, remains } = await run(place)
          expect(end.kind).toBe('killed')
          expect(differences(expected, remains)).toEqual([])
        },
        2 * minutes,
      )
  })
})
