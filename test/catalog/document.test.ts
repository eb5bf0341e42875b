import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { VendorRegister } from '../../contracts/data/rule.ts'
import { Failure } from '../../contracts/failures.ts'
import { parseDocument } from '../../src/catalog/document.ts'
import { editDistance, nearest } from '../../src/catalog/nearest.ts'
import { vendors } from './documents.ts'

describe('parsing a document', () => {
  test('any text: a value, or a Failure with a line', () => {
    const broken = fc.tuple(fc.nat(), fc.string()).map(([at, junk]) => {
      const text = stringify(vendors)
      return text.slice(0, at % text.length) + junk + text.slice(at % text.length)
    })
    fc.assert(
      fc.property(fc.oneof(broken, fc.string()), text => {
        try {
          VendorRegister.parse(parseDocument(VendorRegister, text, 'vendors.yaml'))
        } catch (error) {
          expect(error).toBeInstanceOf(Failure)
          expect((error as Failure).message).toMatch(/^vendors\.yaml:[1-9]\d*:[1-9]\d* /)
        }
      }),
    )
  })

  test('an alias that names nothing', () => {
    expect(() => parseDocument(VendorRegister, 'kind: *nothing\n', 'a.yaml')).toThrow(Failure)
  })

  test('aliases that multiply without end are refused before they fill the memory', () => {
    const rows = Array.from({ length: 30 }, (_, at) => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}, *a${at}, *a${at}]`)
    expect(() => parseDocument(VendorRegister, `a0: &a0 [x]\n${rows.join('\n')}\n`, 'a.yaml')).toThrow(Failure)
  })
})

describe('the nearest known key', () => {
  test.each([
    ['severty', 'severity'],
    ['max_record_bytes', 'maxRecordBytes'],
    ['MODEL', 'model'],
    ['ower', 'owner'],
  ])('%s means %s', (typed, meant) => {
    expect(nearest(typed, ['owner', 'severity', 'maxRecordBytes', 'model'])).toBe(meant)
  })

  test('what resembles nothing means nothing', () => {
    expect(nearest('zzzzzz', ['owner', 'severity'])).toBeUndefined()
    expect(nearest('x', [])).toBeUndefined()
  })

  test('distance is a metric: zero for equals, symmetric, at most the longer, swaps count once', () => {
    const text = fc.string({ maxLength: 8 })
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(editDistance(a, a)).toBe(0)
        expect(editDistance(a, b)).toBe(editDistance(b, a))
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length))
        expect(editDistance(a, b)).toBeGreaterThanOrEqual(Math.abs(a.length - b.length))
      }),
    )
    expect(editDistance('engnie', 'engine')).toBe(1)
  })
})
