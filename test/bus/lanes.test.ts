import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type LaneItem, Lanes } from '../../bus/lanes.ts'

const item = (offset: number, key: string, source = 's'): LaneItem => ({ source, offset, key })
const offsets = (items: readonly LaneItem[]) => items.map(({ offset }) => offset)

describe('lanes', () => {
  test('the second message of a key waits for the first, other keys do not', () => {
    const lanes = new Lanes(10)
    for (const [offset, key] of ['a', 'a', 'b'].entries()) lanes.add(item(offset, key))
    const [first, third] = lanes.take(0)
    expect(offsets([first!, third!])).toEqual([0, 2])
    lanes.finish(first!)
    expect(offsets(lanes.take(0))).toEqual([1])
  })

  test('the watermark stays at the oldest unfinished message and then passes all that finished before it', () => {
    const lanes = new Lanes(10)
    for (const [offset, key] of ['a', 'b', 'c'].entries()) lanes.add(item(offset * 10, key))
    const [a, b, c] = lanes.take(0)
    expect(lanes.finish(c!)).toBe(0)
    expect(lanes.finish(b!)).toBe(0)
    expect(lanes.watermark('s', 0)).toBe(21)
    expect(lanes.finish(a!)).toBe(21)
  })

  test('a message noted as finished is passed by the watermark', () => {
    const lanes = new Lanes(10)
    lanes.add(item(1, 'a'))
    lanes.skip('s', 2)
    const [first] = lanes.take(0)
    expect(lanes.finish(first!)).toBe(3)
  })

  test('a held message comes back at its time and not before, with its key behind it', () => {
    const lanes = new Lanes(10)
    lanes.add(item(0, 'a'))
    lanes.add(item(1, 'a'))
    lanes.add(item(2, 'b'), 30)
    const [first] = lanes.take(0)
    lanes.hold(first!, 50)
    expect(lanes.nextWakeMs()).toBe(30)
    expect(lanes.take(29)).toEqual([])
    expect(offsets(lanes.take(30))).toEqual([2])
    expect(offsets(lanes.take(50))).toEqual([0])
    expect(lanes.nextWakeMs()).toBeUndefined()
  })

  test('a dropped source: its running message moves no watermark, also when the source has come back', () => {
    const lanes = new Lanes(1)
    lanes.add(item(0, 'a'))
    const [old] = lanes.take(0)
    lanes.drop('s')
    expect(lanes.runningOf('s')).toBe(1)
    lanes.add(item(0, 'a'))
    expect(lanes.take(0)).toEqual([])
    expect(lanes.finish(old!)).toBeUndefined()
    expect(offsets(lanes.take(0))).toEqual([0])
    expect(lanes.watermark('s')).toBe(0)
  })

  test('finishing what does not run is a fault of the caller', () => {
    const lanes = new Lanes(1)
    lanes.add(item(0, 'a'))
    expect(() => lanes.finish(item(0, 'a'))).toThrow('not running')
  })

  test('any keys, sources and order of completion: order per key, bounded, watermark right, all finished', () => {
    const message = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), source: fc.constantFrom('s', 't') })
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 40 }),
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.record({ pick: fc.nat(), hold: fc.boolean(), late: fc.boolean() })),
        (messages, concurrency, choices) => {
          const lanes = new Lanes(concurrency)
          const waiting = messages.map(({ key, source }, offset) => item(offset, key, source))
          const unfinished = new Set<LaneItem>()
          const finished: LaneItem[] = []
          const running: LaneItem[] = []
          const marks = new Map<string, number>()
          let now = 0
          while (finished.length < messages.length) {
            const { pick, hold, late } = choices.next().value
            const next = late && unfinished.size > 0 ? undefined : waiting.shift()
            if (next !== undefined) {
              lanes.add(next)
              unfinished.add(next)
            }
            running.push(...lanes.take(now))
            expect(running.length).toBeLessThanOrEqual(concurrency)
            expect(new Set(running.map(({ source, key }) => `${source}/${key}`)).size).toBe(running.length)
            const [chosen] = running.splice(running.length === 0 ? 0 : pick % running.length, 1)
            now += 1
            if (chosen === undefined) continue
            if (hold && pick % 3 > 0) lanes.hold(chosen, now + (pick % 5))
            else {
              unfinished.delete(chosen)
              finished.push(chosen)
              const mark = lanes.finish(chosen)!
              const oldest = [...unfinished].find(({ source }) => source === chosen.source)
              if (oldest !== undefined) expect(mark).toBe(oldest.offset)
              else expect(mark).toBeGreaterThan(chosen.offset)
              expect(mark).toBeGreaterThanOrEqual(marks.get(chosen.source) ?? 0)
              marks.set(chosen.source, mark)
            }
          }
          for (const source of ['s', 't']) {
            for (const key of ['a', 'b', 'c', 'd']) {
              const order = offsets(finished.filter(done => done.source === source && done.key === key))
              expect(order).toEqual([...order].sort((a, b) => a - b))
            }
          }
          expect([lanes.size, lanes.running]).toEqual([0, 0])
        },
      ),
      { numRuns: 300 },
    )
  })
})
