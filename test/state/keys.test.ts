import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyParts, keys } from '../../src/state/keys.ts'

const part = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.constantFrom('', '/', '%', '%002F', '..', '\u0000', '\ud800'),
)
const three = fc.tuple(part, part, part)

describe('keys', () => {
  test('two keys are the same only if all their parts are, whatever characters these hold', () => {
    fc.assert(
      fc.property(three, three, (left, right) => {
        const same = left.every((part, index) => part === right[index])
        expect(keys.parkedId(...left) === keys.parkedId(...right)).toBe(same)
      }),
    )
    expect(keys.inbox('a/b', 'c')).not.toBe(keys.inbox('a', 'b/c'))
    expect(keys.inbox('a', '%002F')).not.toBe(keys.inbox('a', '/'))
  })

  test('the parts come back out of a key, and the key survives UTF-8', () => {
    fc.assert(
      fc.property(three, parts => {
        const key = keys.parkedId(...parts)
        expect(keyParts(key)).toEqual(['parked-id', ...parts])
        expect(Buffer.from(key, 'utf8').toString('utf8')).toBe(key)
      }),
    )
  })

  test('the prefix of one owner never covers a key of another', () => {
    fc.assert(
      fc.property(three, three, ([agent, feed], [otherAgent, otherFeed]) => {
        const covered = keys.parked(otherAgent, otherFeed, 1).startsWith(keys.parkedOf(agent, feed))
        expect(covered).toBe(agent === otherAgent && feed === otherFeed)
      }),
    )
  })

  test('numbers sort by value', () => {
    const numbers = [0, 9, 10, 99, 100, 2 ** 40, Number.MAX_SAFE_INTEGER]
    const built = numbers.map(number => keys.parked('a', 'f', number))
    expect([...built].sort()).toEqual(built)
  })
})
