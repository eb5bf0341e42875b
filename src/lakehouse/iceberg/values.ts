/**
 * Values in JavaScript and as bytes (iceberg.apache.org/spec, "Binary single-value serialization"). They bound columns
 * in manifests, so a reader skips files: a bound that is missing costs time, a wrong one loses rows. What is not surely
 * understood here is therefore left out.
 */
import { asDecimal } from './types.ts'

/** string: text · int, date (days since 1970): number · long, timestamps (µs since 1970), decimal (unscaled): bigint · double: number. */
export type Value = string | number | bigint | boolean | null

export const microsPerDay = 86_400_000_000n

/** Longest text kept in a bound, in code points, as Iceberg's own writers do. */
const boundLength = 16

/** A value as bytes; undefined for a type this room does not bound. */
export function encodeValue(type: string, value: Exclude<Value, null>): Buffer | undefined {
  switch (type) {
    case 'string':
      return Buffer.from(String(value), 'utf8')
    case 'boolean':
      return Buffer.of(value === true ? 1 : 0)
    case 'int':
    case 'date': {
      const bytes = Buffer.alloc(4)
      bytes.writeInt32LE(Number(value))
      return bytes
    }
    case 'long':
    case 'timestamp':
    case 'timestamptz': {
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64LE(BigInt(value))
      return bytes
    }
    case 'double': {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleLE(Number(value))
      return bytes
    }
    default:
      return asDecimal(type) === undefined ? undefined : twosComplement(BigInt(value))
  }
}

/** A value from the text DuckDB gives for it in statistics; undefined when the text has no exact place in the type. */
export function parseValue(type: string, text: string): Exclude<Value, null> | undefined {
  switch (type) {
    case 'string':
      return text
    case 'boolean':
      return text === '1' || text === 'true' ? true : text === '0' || text === 'false' ? false : undefined
    case 'int':
      return /^-?\d{1,10}$/.test(text) ? Number(text) : undefined
    case 'long':
      return /^-?\d{1,19}$/.test(text) ? BigInt(text) : undefined
    case 'double':
      return /\d/.test(text) && Number.isFinite(Number(text)) ? Number(text) : undefined
    case 'date': {
      const micros = parseMicros(text)
      return micros === undefined ? undefined : Number(micros / microsPerDay)
    }
    case 'timestamp':
    case 'timestamptz':
      return parseMicros(text)
    default:
      return parseDecimal(type, text)
  }
}

/** A lower bound: text is cut, which only lowers it; zero may stand for -0, which sorts before it. */
export function lowerBound(type: string, value: Exclude<Value, null>): Buffer | undefined {
  if (type === 'double' && value === 0) return encodeValue(type, -0)
  return encodeValue(type, type === 'string' ? [...String(value)].slice(0, boundLength).join('') : value)
}

/** An upper bound: text is cut and its last character raised, so that it still bounds; none when nothing can be raised. */
export function upperBound(type: string, value: Exclude<Value, null>): Buffer | undefined {
  if (type !== 'string') return encodeValue(type, value)
  const points = [...String(value)].map(character => character.codePointAt(0) ?? 0)
  if (points.length <= boundLength) return encodeValue(type, value)
  for (let last = boundLength - 1; last >= 0; last--) {
    const raised = nextCodePoint(points[last] ?? 0)
    if (raised !== undefined) return encodeValue(type, String.fromCodePoint(...points.slice(0, last), raised))
  }
  return undefined
}

function nextCodePoint(point: number): number | undefined {
  if (point >= 0x10ffff) return undefined
  const next = point + 1
  return next >= 0xd800 && next <= 0xdfff ? 0xe000 : next
}

const moment = /^(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:\+00)?)?$/

/** Microseconds since 1970 of `2026-11-24` or `2026-11-24 02:30:00.5+00`; undefined before year 0, after 9999 or infinite. */
function parseMicros(text: string): bigint | undefined {
  const match = moment.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = ''] = match
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  date.setUTCHours(Number(hour), Number(minute), Number(second))
  return BigInt(date.getTime()) * 1000n + BigInt(fraction.padEnd(6, '0'))
}

function parseDecimal(type: string, text: string): bigint | undefined {
  const scale = asDecimal(type)?.scale
  const match = /^(-?)(\d*)(?:\.(\d+))?$/.exec(text)
  if (scale === undefined || match === null || (match[3] ?? '').length > scale) return undefined
  const unscaled = BigInt(`${match[2]}${(match[3] ?? '').padEnd(scale, '0')}`)
  return match[1] === '-' ? -unscaled : unscaled
}

/** Big-endian two's complement in as few bytes as the value needs. */
function twosComplement(value: bigint): Buffer {
  let length = 1
  while (value < -(1n << BigInt(length * 8 - 1)) || value >= 1n << BigInt(length * 8 - 1)) length++
  return Buffer.from(
    BigInt.asUintN(length * 8, value)
      .toString(16)
      .padStart(length * 2, '0'),
    'hex',
  )
}
