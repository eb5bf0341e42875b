/** The promises of bus/bus.ts when something goes wrong: crashes, retries, dead letters, draining. Run by bus.ts. */
import { beforeEach, expect, test } from 'vitest'
import type { HandlerOutcome, ReceivedMessage } from '../../bus/bus.ts'
import { Failure } from '../../contracts/failures.ts'
import { bodyOf, done, type Handles, keys, message, pause, until } from './bus-handles.ts'

export function busFaults(current: () => Handles): void {
  let handles: Handles
  beforeEach(() => {
    handles = current()
  })

  test('crash while a handler runs: the message is delivered again with the same headers and the next attempt', async () => {
    const first = await handles.open()
    await first.publish([message('a', '1')])
    const early: ReceivedMessage[] = []
    await handles.subscribe(first, received => {
      early.push(received)
      return new Promise(() => {})
    })
    await until(() => early.length === 1)
    await handles.kill(first)
    const second = await handles.open()
    const late: ReceivedMessage[] = []
    await handles.subscribe(second, async received => {
      late.push(received)
      return done
    })
    await until(() => late.length === 1)
    expect(late[0]!.headers).toEqual(early[0]!.headers)
    expect([early[0]!.attempt, late[0]!.attempt]).toEqual([1, 2])
  })

  test('a handler that ends after its process counts as dead acknowledges nothing', async () => {
    const first = await handles.open()
    await first.publish([message('a', '1')])
    const finish = Promise.withResolvers<HandlerOutcome>()
    let started = false
    await handles.subscribe(first, () => {
      started = true
      return finish.promise
    })
    await until(() => started)
    await handles.kill(first)
    finish.resolve(done)
    await pause(5)
    const second = await handles.open()
    const late = await handles.collect(second)
    await until(() => late.length === 1)
    expect(late).toEqual(['a=1'])
  })

  test('a retried message comes again with a counted attempt, later messages of its key after it, others before', async () => {
    const bus = await handles.open()
    await bus.publish([message('slow', '1'), message('slow', '2'), message('fast', '1')])
    const seen: string[] = []
    await handles.subscribe(bus, async ({ key, value, attempt }) => {
      seen.push(`${key}=${bodyOf({ value })}#${attempt}`)
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
    const bus = await handles.open()
    await bus.publish([message('a', '1'), message('a', '2')])
    let attempts = 0
    await handles.subscribe(bus, async () => {
      attempts += 1
      return { kind: 'retry', afterMs: 60_000, reason: 'later' }
    })
    await until(() => attempts === 1)
    expect(await handles.lag(bus)).toBe(2)
    expect(await bus.idle()).toBe(false)
  })

  test('a thrown transient failure is tried again, and is a dead letter after the last allowed failure', async () => {
    const bus = await handles.open()
    await bus.publish([message('a', '1'), message('a', '2')])
    const seen: string[] = []
    await handles.subscribe(
      bus,
      async ({ value, attempt }) => {
        seen.push(`${bodyOf({ value })}#${attempt}`)
        if (bodyOf({ value }) === '1') throw new Failure('TABLE_CONFLICT', 'moved')
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
    const bus = await handles.open()
    await bus.publish([message('a', 'throw'), message('a', 'dead'), message('a', 'fine')])
    const seen: string[] = []
    await handles.subscribe(bus, async ({ value }) => {
      const body = bodyOf({ value })
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
    const bus = await handles.open()
    await bus.publish([message('a', '1')])
    const attempts: number[] = []
    await handles.subscribe(
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

  test('two consumers of one group split the work, and when one dies the other takes over without a loss', async () => {
    const [writer, left, right] = [await handles.open(), await handles.open(), await handles.open()]
    const seenLeft = await handles.collect(left)
    const seenRight = await handles.collect(right)
    let round = 0
    await until(async () => {
      round += 1
      await writer.publish(keys.map(key => message(key, `before-${round}`)))
      await pause(20)
      return seenLeft.length > 0 && seenRight.length > 0
    })
    await handles.kill(left)
    await writer.publish(keys.map(key => message(key, 'after')))
    await until(() => keys.every(key => seenRight.includes(`${key}=after`)))
    await until(async () => (await handles.lag(writer)) === 0)
    const all = new Set([...seenLeft, ...seenRight])
    for (const key of keys) for (let n = 1; n <= round; n += 1) expect(all).toContain(`${key}=before-${n}`)
  })

  test('drain: running handlers finish and acknowledge, nothing new starts, the next consumer goes on from there', async () => {
    const bus = await handles.open()
    await bus.publish([message('a', '1'), message('a', '2')])
    const release = Promise.withResolvers<HandlerOutcome>()
    let started = 0
    const subscription = await handles.subscribe(bus, () => {
      started += 1
      return release.promise
    })
    await until(() => started === 1)
    const drained = subscription.drain(10_000)
    release.resolve(done)
    expect(await drained).toEqual({ kind: 'drained' })
    await subscription.ended
    expect(started).toBe(1)
    const next = await handles.collect(bus)
    await until(() => next.length > 0)
    expect(next).toEqual(['a=2'])
  })

  test('drain: a handler that does not finish in time is reported and its message delivered again', async () => {
    const bus = await handles.open()
    await bus.publish([message('a', '1')])
    let started = false
    const subscription = await handles.subscribe(bus, () => {
      started = true
      return new Promise(() => {})
    })
    await until(() => started)
    expect(await subscription.drain(10)).toEqual({ kind: 'timeout', unfinished: 1 })
    const next = await handles.collect(bus)
    await until(() => next.length > 0)
    expect(next).toEqual(['a=1'])
  })
}
