/**
 * The promises of bus/bus.ts as tests. Every adapter runs them: `busConformance('local', makeFixture)`.
 * Here is what holds while all goes well; bus-faults.ts has crashes, retries, dead letters, and draining.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Bus, HandlerOutcome, ReceivedMessage } from '../../bus/bus.ts'
import { busFaults } from './bus-faults.ts'
import { type BusFixture, bodyOf, done, type Handles, keys, message, pause, TestHandles, until } from './bus-handles.ts'

export type { BusFixture } from './bus-handles.ts'

export function busConformance<B extends Bus>(name: string, makeFixture: () => Promise<BusFixture<B>>): void {
  describe(`bus ${name}`, () => {
    let handles: TestHandles<B>

    beforeEach(async () => {
      handles = new TestHandles(await makeFixture())
    })
    afterEach(() => handles.dispose())

    busDelivery(() => handles)
    busFaults(() => handles)
  })
}

function busDelivery(current: () => Handles): void {
  let handles: Handles
  beforeEach(() => {
    handles = current()
  })

  test('what was published is delivered with key, headers and bytes after the bus was closed and opened again', async () => {
    const first = await handles.open()
    const value = new Uint8Array([0, 255, 10, 195, 40])
    await first.publish([{ topic: 'numbers', key: 'a/ü', headers: { ce_id: '1', 'x-note': 'ä' }, value }])
    await handles.close(first)
    const second = await handles.open()
    const seen: ReceivedMessage[] = []
    await handles.subscribe(second, async received => {
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
    const first = await handles.open()
    const early = await handles.collect(first)
    await first.publish([message('a', '1')])
    await until(() => early.length === 1)
    await until(async () => (await handles.lag(first)) === 0)
    await handles.close(first)
    const second = await handles.open()
    const late = await handles.collect(second)
    await second.publish([message('a', '2')])
    await until(() => late.length > 0)
    expect(late).toEqual(['a=2'])
  })

  test('messages of one key arrive one at a time in the order they were published', async () => {
    const bus = await handles.open()
    const numbers = Array.from({ length: 20 }, (_, number) => String(number))
    await bus.publish(numbers.flatMap(number => keys.map(key => message(key, number))))
    const seen = new Map<string, string[]>()
    const running = new Set<string>()
    let overlaps = 0
    await handles.subscribe(bus, async ({ key, value }) => {
      if (running.has(key)) overlaps += 1
      running.add(key)
      await pause(Math.random() * 2)
      seen.set(key, [...(seen.get(key) ?? []), bodyOf({ value })])
      running.delete(key)
      return done
    })
    await until(() => bus.idle())
    expect(overlaps).toBe(0)
    for (const key of keys) expect(seen.get(key)).toEqual(numbers)
  })

  test('a message that never finishes holds back its own key and no other', async () => {
    const bus = await handles.open()
    await bus.publish([message('poison', '1'), message('poison', '2'), ...keys.map(key => message(key, '1'))])
    const seen: string[] = []
    const released = Promise.withResolvers<HandlerOutcome>()
    await handles.subscribe(bus, async ({ key, value }) => {
      seen.push(`${key}=${bodyOf({ value })}`)
      return key === 'poison' ? released.promise : done
    })
    await until(() => keys.every(key => seen.includes(`${key}=1`)))
    expect(seen).not.toContain('poison=2')
    released.resolve(done)
    await until(() => seen.includes('poison=2'))
  })

  test('no more handlers run at once than the concurrency allows, and that many do', async () => {
    const bus = await handles.open()
    await bus.publish(keys.map(key => message(key, '1')))
    let running = 0
    let most = 0
    const full = Promise.withResolvers<void>()
    await handles.subscribe(
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

  test('two groups each see all messages, also a group that comes late', async () => {
    const bus = await handles.open()
    const first = await handles.collect(bus)
    await bus.publish(keys.map(key => message(key, '1')))
    await until(() => first.length === keys.length)
    const second = await handles.collect(bus, { group: 'auditors' })
    await until(() => second.length === keys.length)
    expect([...second].sort()).toEqual([...first].sort())
  })

  test('a group sees only the topics it asked for', async () => {
    const bus = await handles.open()
    const seen = await handles.collect(bus, { topics: ['letters', 'numbers'] })
    await bus.publish([message('a', '1'), message('a', 'x', 'letters'), message('a', '!', 'marks')])
    await until(() => bus.idle())
    expect([...seen].sort()).toEqual(['a=1', 'a=x'])
  })

  test('lag counts what is not finished per partition, and is empty when all is', async () => {
    const bus = await handles.open()
    const release = Promise.withResolvers<HandlerOutcome>()
    let started = 0
    await handles.subscribe(
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
    expect(await handles.lag(bus)).toBe(keys.length)
    release.resolve(done)
    await until(() => bus.idle())
    expect(await bus.lag('readers')).toEqual([])
  })

  test('a chain of two groups is idle only when the last message that a handler published is finished', async () => {
    const bus = await handles.open()
    const ends: string[] = []
    await handles.subscribe(bus, async ({ key, value }) => {
      await bus.publish([message(key, bodyOf({ value }), 'letters')])
      return done
    })
    await handles.subscribe(
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
    const bus = await handles.open()
    const ids: (string | undefined)[] = []
    await bus.publish([message('a', '1'), message('a', '1')])
    await handles.subscribe(bus, async ({ headers }) => {
      ids.push(headers.ce_id)
      return done
    })
    await until(() => bus.idle())
    expect(ids).toEqual(['numbers/a/1', 'numbers/a/1'])
  })
}
