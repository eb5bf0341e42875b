import { createHash } from 'node:crypto'
import type { Attributes, AttributeValue } from './record.ts'

/** Longest text of one attribute, in UTF-16 units; what is longer is cut and says so. */
export const textLimit = 2_048
/** Most items of one list attribute. */
export const listLimit = 128

const secretWords = new Set(['authorization', 'cookie', 'credential', 'credentials', 'passphrase', 'passwd', 'pwd'])
const secretEndings = ['token', 'password', 'secret', 'apikey']
const secretKeys = new Set(['api', 'access', 'private', 'secret', 'signing', 'encryption'])

/** Secrets that travel inside of text: a driver's message that quotes its connection string, a refused header. */
const secretTexts: readonly (readonly [RegExp, string])[] = [
  [/(\/\/)[^/\s:@]*:[^/\s@]+@/g, '$1***@'],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, '$1 ***'],
  [/((?:password|passwd|secret|token|api[_-]?key|access[_-]?key)["']?\s*[=:]\s*["']?)[^\s"'&,;]+/gi, '$1***'],
  [/\baiw1\.\w+\.[\w-]{8,}|\bsk-[\w-]{16,}|\bAKIA[A-Z0-9]{16}\b|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, '***'],
]

/**
 * Whether an attribute key names a secret, judged by its words (`accessToken`, `access_token` and `http.authorization` do).
 * `tokens` in the plural is a count, and is a secret only where its value is no number.
 */
export function isSecretKey(key: string, value?: unknown): boolean {
  const words = key
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
  return words.some(
    (word, at) =>
      secretWords.has(word) ||
      secretEndings.some(ending => word.endsWith(ending)) ||
      (word === 'key' && secretKeys.has(words[at - 1] ?? '')) ||
      (word.endsWith('tokens') && value !== undefined && typeof value !== 'number'),
  )
}

/** Text with known shapes of secrets masked, in full length. */
export const maskSecrets = (text: string): string =>
  secretTexts.reduce((rest, [shape, mask]) => rest.replace(shape, mask), text)

/** Text with known shapes of secrets masked, cut to {@link textLimit}. */
export function redactText(text: string): string {
  // Cut generously before masking, so that a huge text costs little, and to the limit after it: no secret is cut in two.
  const masked = maskSecrets(text.slice(0, 4 * textLimit))
  const cut = text.length > 4 * textLimit || masked.length > textLimit
  return cut ? `${masked.slice(0, textLimit)}… (${text.length} characters)` : masked
}

/** Attributes as they may be kept: secret keys dropped, texts masked and cut, lists cut, what JSON cannot say as text. */
export function redact(attributes: Readonly<Record<string, unknown>> | undefined): Attributes {
  const kept: Record<string, AttributeValue> = {}
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || isSecretKey(key, value)) continue
    kept[key] = Array.isArray(value) ? value.slice(0, listLimit).map(scalar) : scalar(value)
  }
  return kept
}

function scalar(value: unknown): string | number | boolean {
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value
  return redactText(String(value))
}

/** A short digest of a text, to tell values apart without keeping them: `sha256:` and 16 hex digits. */
export const digestOf = (text: string): string =>
  `sha256:${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
