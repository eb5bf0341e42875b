import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeEvent, type Event, encodeEvent, eventMessage } from '../../bus/envelope.ts'

const event: Event = {
  id: 'e-1',
  source: '/agents/planner',
  type: 'contract.ready',
  subject: 'acme/products',
  time: '2026-11-23T10:00:00Z',
  dataschema: 'urn:aiworkflow:contract.ready:1',
  runid: 'run-1',
  deliveryid: 'delivery-1',
  budget: { calls: 12, milliseconds: 60_000 },
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  extensions: { sequence: '7' },
  data: { delivery: 'delivery-1' },
}
const hop = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01', tracestate: 'a=b' }

const decode = (headers: Record<string, string | Uint8Array>, value: Uint8Array | null = Buffer.from('{}')) =>
  decodeEvent({ headers: { ...encodeEvent(event).headers, ...headers }, value })

describe('envelope', () => {
  test('an event is written in binary mode: attributes in ce_ headers, hop in plain ones, data alone in the value', () => {
    const { headers, value } = encodeEvent(event, hop)
    expect(headers).toEqual({
      'content-type': 'application/json',
      ce_specversion: '1.0',
      ce_id: 'e-1',
      ce_source: '/agents/planner',
      ce_type: 'contract.ready',
      ce_subject: 'acme/products',
      ce_time: '2026-11-23T10:00:00Z',
      ce_dataschema: 'urn:aiworkflow:contract.ready:1',
      ce_runid: 'run-1',
      ce_deliveryid: 'delivery-1',
      ce_budget: '{"calls":12,"milliseconds":60000}',
      ce_traceparent: event.traceparent,
      ce_sequence: '7',
      traceparent: hop.traceparent,
      tracestate: 'a=b',
    })
    expect(Buffer.from(value).toString()).toBe('{"delivery":"delivery-1"}')
  })

  test('what was written is read back, with header values as text, as bytes, or as lists of either', () => {
    const { headers, value } = eventMessage('contract.ready', 'acme/products', event, hop)
    const asBytes = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]))
    const asLists = Object.fromEntries(Object.entries(asBytes).map(([name, bytes]) => [name, [bytes]]))
    for (const variant of [headers, asBytes, asLists]) {
      expect(decodeEvent({ headers: variant, value })).toEqual({ event, hop })
    }
  })

  test('any event with any text in it comes back as it was', () => {
    const text = fc.string({ minLength: 1, unit: 'grapheme' })
    const any = fc.record(
      { id: text, source: text, type: text, subject: text, runid: text, tracestate: text, data: fc.jsonValue() },
      { requiredKeys: ['id', 'source', 'type', 'data'] },
    )
    fc.assert(
      fc.property(any, generated => {
        const normal = JSON.parse(JSON.stringify(generated)) as Event
        expect(decodeEvent(encodeEvent(normal)).event).toEqual(normal)
      }),
      { examples: [[JSON.parse('{"id":"1","source":"s","type":"t","data":{"__proto__":1}}')]] },
    )
  })

  test.each([
    ['no ce_specversion', { ce_specversion: '0.3' }, 'ce_specversion'],
    ['an empty id', { ce_id: '' }, 'id'],
    ['a time that is none', { ce_time: 'yesterday' }, 'time'],
    ['a budget that is no JSON', { ce_budget: '{' }, 'ce_budget'],
    ['a budget that is no numbers', { ce_budget: '{"calls":"many"}' }, 'budget'],
    ['another content type', { 'content-type': 'text/csv' }, 'text/csv'],
    ['a header that is not UTF-8', { ce_subject: new Uint8Array([0xff]) }, 'ce_subject'],
    ['an extension with a name that CloudEvents forbids', { 'ce_Not-Allowed': 'x' }, 'extensions'],
  ])('a message with %s is MESSAGE_INVALID and says where', (_, headers, where) => {
    expect(() => decode(headers)).toThrow(
      expect.objectContaining({ code: 'MESSAGE_INVALID', message: expect.stringContaining(where) }),
    )
  })

  test('a value that is missing, not JSON or not UTF-8 is MESSAGE_INVALID', () => {
    for (const value of [null, Buffer.from('{'), Buffer.from([0x22, 0xff, 0x22])]) {
      expect(() => decode({}, value)).toThrow(expect.objectContaining({ code: 'MESSAGE_INVALID' }))
    }
  })

  test('an event one byte over the limit is MESSAGE_TOO_LARGE, at the limit it is not', () => {
    const { headers, value } = encodeEvent(event)
    const bytes = Object.entries(headers).flat().join('').length + value.length
    expect(() => encodeEvent(event, {}, bytes - 1)).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }))
    expect(() => encodeEvent(event, {}, bytes)).not.toThrow()
  })
})
