/**
 * The promises of bus/bus.ts as tests. Every adapter runs them: `busConformance('local', makeBus)`.
 *
 * The fixture opens any number of handles on one bus. `kill` ends a handle as a crash of its process would: nothing is
 * acknowledged or given back.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Bus, HandlerOutcome, OutgoingMessage, ReceivedMessage, SubscribeOptions } from '../../bus/bus.ts'
import { Failure } from '../../contracts/failures.ts'

export interface BusFixture<B extends Bus = Bus> {
  open(): Promise<B>
  kill(bus: B): Promise<void>
  /** Removes what the fixture made. */
  dispose(): Promise<void>
}

const text = new TextDecoder()
const bytes = new TextEncoder()

export function message(key: string, body: string, topic = 'numbers'): OutgoingMessage {
  return { topic, key, headers: { ce_id: `${topic}/${key}/${body}` }, value: bytes.encode(body) }
}

export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise(resolve => setTimeout(resolve, 5))
}

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
const done: HandlerOutcome = { kind: 'done' }
const keys = Array.from({ length: 12 }, (_, number) => `feed-${number}`)

export function busConformance<B extends Bus>(name: string, makeFixture: () => Promise<BusFixture<B>>): void {
  describe(`bus ${name}`, () => {
    let fixture: BusFixture<B>
    let opened: Set<B>

    const open = async () => {
      const bus = await fixture.open()
      opened.add(bus)
      return bus
    }
    const close = async (bus: B) => {
      opened.delete(bus)
      await bus.close()
    }
    const kill = async (bus: B) => {
      opened.delete(bus)
      await fixture.kill(bus)
    }
    const subscribe = (bus: Bus, handler: SubscribeOptions['handler'], more: Partial<SubscribeOptions> = {}) =>
      bus.subscribe({ group: 'readers', topics: ['numbers'], handler, ...more })
    /** Subscribes and collects what arrives as `key=body`. */
    const collect = async (bus: Bus, more: Partial<SubscribeOptions> = {}) => {
      const seen: string[] = []
      await subscribe(
        bus,
        async ({ key, value }) => {
          seen.push(`${key}=${text.decode(value)}`)
          return done
        },
        more,
      )
      return seen
    }
    const lag = async (bus: Bus, group = 'readers') =>
      (await bus.lag(group)).reduce((sum, { messages }) => sum + messages, 0)

    beforeEach(async () => {
      opened = new Set()
      fixture = await makeFixture()
    })

    afterEach(async () => {
      for (const bus of opened) await bus.close()
      await fixture.dispose()
    })

    test('what was published is delivered with key, headers and bytes after the bus was closed and opened again', async () => {
      const first = await open()
      const value = new Uint8Array([0, 255, 10, 195, 40])
      await first.publish([{ topic: 'numbers', key: 'a/ü', headers: { ce_id: '1', 'x-note': 'ä' }, value }])
      await close(first)
      const second = await open()
      const seen: ReceivedMessage[] = []
      await subscribe(second, async received => {
        seen.push(received)
        return done
      })
      await until(() => seen.length === 1)
      expect(seen[0]).toMatchObject({
        topic: 'numbers',
        key: 'a/ü',
        headers: { ce_id: '1', 'x-note': 'ä' },
        attempt: 1,
      })
      expect([...seen[0]!.value]).toEqual([...value])
    })

    test('an acknowledged message is not delivered again after the bus was closed and opened again', async () => {
      const first = await open()
      const early = await collect(first)
      await first.publish([message('a', '1')])
      await until(() => early.length === 1)
      await until(async () => (await lag(first)) === 0)
      await close(first)
      const second = await open()
      const late = await collect(second)
      await second.publish([message('a', '2')])
      await until(() => late.length > 0)
      expect(late).toEqual(['a=2'])
    })

    test('messages of one key arrive one at a time in the order they were published', async () => {
      const bus = await open()
      const numbers = Array.from({ length: 20 }, (_, number) => String(number))
      await bus.publish(numbers.flatMap(number => keys.map(key => message(key, number))))
      const seen = new Map<string, string[]>()
      const running = new Set<string>()
      let overlaps = 0
      await subscribe(bus, async ({ key, value }) => {
        if (running.has(key)) overlaps += 1
        running.add(key)
        await pause(Math.random() * 2)
        seen.set(key, [...(seen.get(key) ?? []), text.decode(value)])
        running.delete(key)
        return done
      })
      await until(() => bus.idle())
      expect(overlaps).toBe(0)
      for (const key of keys) expect(seen.get(key)).toEqual(numbers)
    })

    test('a message that never finishes holds back its own key and no other', async () => {
      const bus = await open()
      await bus.publish([message('poison', '1'), message('poison', '2'), ...keys.map(key => message(key, '1'))])
      const seen: string[] = []
      const released = Promise.withResolvers<HandlerOutcome>()
      await subscribe(bus, async ({ key, value }) => {
        seen.push(`${key}=${text.decode(value)}`)
        return key === 'poison' ? released.promise : done
      })
      await until(() => keys.every(key => seen.includes(`${key}=1`)))
      expect(seen).not.toContain('poison=2')
      released.resolve(done)
      await until(() => seen.includes('poison=2'))
    })

    test('no more handlers run at once than the concurrency allows, and that many do', async () => {
      const bus = await open()
      await bus.publish(keys.map(key => message(key, '1')))
      let running = 0
      let most = 0
      const full = Promise.withResolvers<void>()
      await subscribe(
        bus,
        async () => {
          running += 1
          most = Math.max(most, running)
          if (running === 3) full.resolve()
          await full.promise
          await pause(1)
          running -= 1
          return done
        },
        { concurrency: 3 },
      )
      await until(() => bus.idle())
      expect(most).toBe(3)
    })

    test('crash while a handler runs: the message is delivered again with the same headers and the next attempt', async () => {
      const first = await open()
      await first.publish([message('a', '1')])
      const early: ReceivedMessage[] = []
      await subscribe(first, received => {
        early.push(received)
        return new Promise(() => {})
      })
      await until(() => early.length === 1)
      await kill(first)
      const second = await open()
      const late: ReceivedMessage[] = []
      await subscribe(second, async received => {
        late.push(received)
        return done
      })
      await until(() => late.length === 1)
      expect(late[0]!.headers).toEqual(early[0]!.headers)
      expect([early[0]!.attempt, late[0]!.attempt]).toEqual([1, 2])
    })

    test('a handler that ends after its process counts as dead acknowledges nothing', async () => {
      const first = await open()
      await first.publish([message('a', '1')])
      const finish = Promise.withResolvers<HandlerOutcome>()
      let started = false
      await subscribe(first, () => {
        started = true
        return finish.promise
      })
      await until(() => started)
      await kill(first)
      finish.resolve(done)
      await pause(5)
      const second = await open()
      const late = await collect(second)
      await until(() => late.length === 1)
      expect(late).toEqual(['a=1'])
    })

    test('a retried message comes again with a counted attempt, later messages of its key after it, others before', async () => {
      const bus = await open()
      await bus.publish([message('slow', '1'), message('slow', '2'), message('fast', '1')])
      const seen: string[] = []
      await subscribe(bus, async ({ key, value, attempt }) => {
        seen.push(`${key}=${text.decode(value)}#${attempt}`)
        if (key === 'slow' && attempt < 3) return { kind: 'retry', afterMs: 20, reason: 'not yet' }
        return done
      })
      await until(() => bus.idle())
      expect(seen.filter(entry => entry.startsWith('slow'))).toEqual([
        'slow=1#1',
        'slow=1#2',
        'slow=1#3',
        'slow=2#1',
        'slow=2#2',
        'slow=2#3',
      ])
      expect(seen.indexOf('fast=1#1')).toBeLessThan(seen.indexOf('slow=1#2'))
    })

    test('a held message counts as lag and keeps the bus from being idle', async () => {
      const bus = await open()
      await bus.publish([message('a', '1'), message('a', '2')])
      let attempts = 0
      await subscribe(bus, async () => {
        attempts += 1
        return { kind: 'retry', afterMs: 60_000, reason: 'later' }
      })
      await until(() => attempts === 1)
      expect(await lag(bus)).toBe(2)
      expect(await bus.idle()).toBe(false)
    })

    test('a thrown transient failure is tried again, and is a dead letter after the last allowed failure', async () => {
      const bus = await open()
      await bus.publish([message('a', '1'), message('a', '2')])
      const seen: string[] = []
      await subscribe(
        bus,
        async ({ value, attempt }) => {
          seen.push(`${text.decode(value)}#${attempt}`)
          if (text.decode(value) === '1') throw new Failure('TABLE_CONFLICT', 'moved')
          return done
        },
        { retry: { baseMs: 1, maxMs: 2, maxFailures: 3 } },
      )
      await until(() => bus.idle())
      expect(seen).toEqual(['1#1', '1#2', '1#3', '2#1'])
      const [letter, ...more] = await bus.deadLetters('readers')
      expect(more).toEqual([])
      expect(letter).toMatchObject({ group: 'readers', failure: { code: 'TABLE_CONFLICT', message: 'moved' } })
      expect(letter!.message).toMatchObject({ key: 'a', attempt: 3, headers: { ce_id: 'numbers/a/1' } })
    })

    test('a thrown terminal failure and a dead outcome become dead letters at once', async () => {
      const bus = await open()
      await bus.publish([message('a', 'throw'), message('a', 'dead'), message('a', 'fine')])
      const seen: string[] = []
      await subscribe(bus, async ({ value }) => {
        const body = text.decode(value)
        seen.push(body)
        if (body === 'throw') throw new Error('a fault nobody foresaw')
        if (body === 'dead') return { kind: 'dead', failure: new Failure('MESSAGE_INVALID', 'no', { owner: 'team-a' }) }
        return done
      })
      await until(() => bus.idle())
      expect(seen).toEqual(['throw', 'dead', 'fine'])
      const letters = await bus.deadLetters()
      expect(letters.map(({ failure }) => [failure.code, failure.owner])).toEqual([
        ['INTERNAL', undefined],
        ['MESSAGE_INVALID', 'team-a'],
      ])
    })

    test('a thrown cancellation hands the message back untouched: the attempt is not counted', async () => {
      const bus = await open()
      await bus.publish([message('a', '1')])
      const attempts: number[] = []
      await subscribe(
        bus,
        async ({ attempt }) => {
          attempts.push(attempt)
          if (attempts.length === 1) throw new Failure('DRAINING', 'stopping')
          return done
        },
        { retry: { baseMs: 1 } },
      )
      await until(() => bus.idle())
      expect(attempts).toEqual([1, 1])
    })

    test('two groups each see all messages, also a group that comes late', async () => {
      const bus = await open()
      const first = await collect(bus)
      await bus.publish(keys.map(key => message(key, '1')))
      await until(() => first.length === keys.length)
      const second = await collect(bus, { group: 'auditors' })
      await until(() => second.length === keys.length)
      expect([...second].sort()).toEqual([...first].sort())
    })

    test('a group sees only the topics it asked for', async () => {
      const bus = await open()
      const seen = await collect(bus, { topics: ['letters', 'numbers'] })
      await bus.publish([message('a', '1'), message('a', 'x', 'letters'), message('a', '!', 'marks')])
      await until(() => bus.idle())
      expect([...seen].sort()).toEqual(['a=1', 'a=x'])
    })

    test('two consumers of one group split the work, and when one dies the other takes over without a loss', async () => {
      const [writer, left, right] = [await open(), await open(), await open()]
      const seenLeft = await collect(left)
      const seenRight = await collect(right)
      let round = 0
      await until(async () => {
        round += 1
        await writer.publish(keys.map(key => message(key, `before-${round}`)))
        await pause(20)
        return seenLeft.length > 0 && seenRight.length > 0
      })
      await kill(left)
      await writer.publish(keys.map(key => message(key, 'after')))
      await until(() => keys.every(key => seenRight.includes(`${key}=after`)))
      await until(async () => (await lag(writer)) === 0)
      const all = new Set([...seenLeft, ...seenRight])
      for (const key of keys) for (let n = 1; n <= round; n += 1) expect(all).toContain(`${key}=before-${n}`)
    })

    test('drain: running handlers finish and acknowledge, nothing new starts, the next consumer goes on from there', async () => {
      const bus = await open()
      await bus.publish([message('a', '1'), message('a', '2')])
      const release = Promise.withResolvers<HandlerOutcome>()
      let started = 0
      const subscription = await subscribe(bus, () => {
        started += 1
        return release.promise
      })
      await until(() => started === 1)
      const drained = subscription.drain(10_000)
      release.resolve(done)
      expect(await drained).toEqual({ kind: 'drained' })
      await subscription.ended
      expect(started).toBe(1)
      const next = await collect(bus)
      await until(() => next.length > 0)
      expect(next).toEqual(['a=2'])
    })

    test('drain: a handler that does not finish in time is reported and its message delivered again', async () => {
      const bus = await open()
      await bus.publish([message('a', '1')])
      let started = false
      const subscription = await subscribe(bus, () => {
        started = true
        return new Promise(() => {})
      })
      await until(() => started)
      expect(await subscription.drain(10)).toEqual({ kind: 'timeout', unfinished: 1 })
      const next = await collect(bus)
      await until(() => next.length > 0)
      expect(next).toEqual(['a=1'])
    })

    test('lag counts what is not finished per partition, and is empty when all is', async () => {
      const bus = await open()
      const release = Promise.withResolvers<HandlerOutcome>()
      let started = 0
      await subscribe(
        bus,
        () => {
          started += 1
          return release.promise
        },
        { concurrency: 2 },
      )
      expect(await bus.lag('readers')).toEqual([])
      await bus.publish(keys.map(key => message(key, '1')))
      await until(() => started === 2)
      expect(await lag(bus)).toBe(keys.length)
      release.resolve(done)
      await until(() => bus.idle())
      expect(await bus.lag('readers')).toEqual([])
    })

    test('a chain of two groups is idle only when the last message that a handler published is finished', async () => {
      const bus = await open()
      const ends: string[] = []
      await subscribe(bus, async ({ key, value }) => {
        await bus.publish([message(key, text.decode(value), 'letters')])
        return done
      })
      await subscribe(
        bus,
        async ({ key }) => {
          await pause(2)
          ends.push(key)
          return done
        },
        { group: 'writers', topics: ['letters'] },
      )
      await bus.publish(keys.map(key => message(key, '1')))
      await until(() => bus.idle())
      expect([...ends].sort()).toEqual([...keys].sort())
    })

    test('a message published twice arrives twice with the same id', async () => {
      const bus = await open()
      const ids: (string | undefined)[] = []
      await bus.publish([message('a', '1'), message('a', '1')])
      await subscribe(bus, async ({ headers }) => {
        ids.push(headers.ce_id)
        return done
      })
      await until(() => bus.idle())
      expect(ids).toEqual(['numbers/a/1', 'numbers/a/1'])
    })
  })
}
