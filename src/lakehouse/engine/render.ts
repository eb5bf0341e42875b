/** DuckDB's values as JSON that loses nothing: what a double cannot hold becomes text. */
import {
  DuckDBArrayValue,
  DuckDBDateValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBValue,
} from '@duckdb/node-api'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/**
 * Integers beyond 2^53, decimals and doubles that are not finite are text; dates are `2026-11-24`, timestamps
 * `2026-11-24T02:30:00.5`, with `Z` where they are instants.
 */
export function renderValue(value: DuckDBValue): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof DuckDBTimestampTZValue) return isoText(value.micros, 'Z') ?? value.toString()
  if (value instanceof DuckDBTimestampValue) return isoText(value.micros, '') ?? value.toString()
  if (value instanceof DuckDBDateValue) return value.toString()
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(renderValue)
  if (value instanceof DuckDBStructValue) {
    return Object.fromEntries(Object.entries(value.entries).map(([key, item]) => [key, renderValue(item)]))
  }
  if (value instanceof DuckDBMapValue) {
    return value.entries.map(({ key, value: item }) => ({ key: renderValue(key), value: renderValue(item) }))
  }
  return value.toString()
}

/** ISO 8601 with as many decimals as it takes; undefined for infinity and for years a four-digit year cannot say. */
function isoText(micros: bigint, zone: string): string | undefined {
  const second = micros / 1_000_000n - (micros % 1_000_000n < 0n ? 1n : 0n)
  const date = new Date(Number(second * 1000n))
  const year = date.getUTCFullYear()
  if (!(year >= 0 && year <= 9999)) return undefined
  const fraction = String(micros - second * 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '')
  return `${date.toISOString().slice(0, 19)}${fraction === '' ? '' : `.${fraction}`}${zone}`
}
