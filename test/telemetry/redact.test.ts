import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isSecretKey, redact, redactText } from '../../src/telemetry/index.ts'
import { listLimit, textLimit } from '../../src/telemetry/redact.ts'

test.each([
  'password',
  'db.password',
  'accessToken',
  'access_token',
  'http.request.header.authorization',
  'x-api-key',
  'apiKey',
  'AWS_SECRET_ACCESS_KEY',
  'Set-Cookie',
  'tokens',
])('the key %s is dropped', key => expect(redact({ [key]: 'x', kept: 1 })).toEqual({ kept: 1 }))

test.each([
  'gen_ai.usage.input_tokens',
  'kafka.message.key',
  'aiworkflow.writeKey',
  'primary_key',
  'author',
  'tokenizer',
])('the key %s is kept', key => expect(redact({ [key]: 12 })).toEqual({ [key]: 12 }))

test('a plural of tokens is a count if it is a number', () => {
  expect(isSecretKey('tokens', 12)).toBe(false)
  expect(isSecretKey('tokens', 'abc')).toBe(true)
})

test.each([
  ['postgres://me:hunter2@db/x', 'postgres://***@db/x'],
  ['Authorization: Bearer abcdefgh.ijkl', 'Authorization: Bearer ***'],
  ['{"password": "hunter2", "n": 1}', '{"password": "***", "n": 1}'],
  ['?token=abc123&limit=3', '?token=***&limit=3'],
  ['key sk-abcdefghijklmnop1234 refused', 'key *** refused'],
  ['landing/acme/2024-01-01.csv: 12 rows', 'landing/acme/2024-01-01.csv: 12 rows'],
])('%s reads %s', (text, expected) => expect(redactText(text)).toBe(expected))

test('a secret at the place where a text is cut is masked, not halved', () => {
  const text = `${'x'.repeat(textLimit - 10)} postgres://me:hunter2hunter2@db/x`
  expect(redactText(text)).not.toContain('hunter')
})

test('whatever the attributes, what is kept is small, plain and the same when redacted again', () => {
  const value = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.array(fc.string()), fc.bigInt())
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value), attributes => {
      const kept = redact(attributes)
      expect(JSON.parse(JSON.stringify(kept))).toEqual(kept)
      expect(redact(kept)).toEqual(kept)
    }),
  )
  const long = redact({ text: 'x'.repeat(10_000_000), list: Array.from({ length: 10_000 }, () => 'y') })
  expect(String(long.text).length).toBeLessThan(textLimit + 40)
  expect(long.list).toHaveLength(listLimit)
})
