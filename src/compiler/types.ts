/** Column types of the contracts, as the compiler looks at them. Renderings for an engine live in that engine's folder. */
import type { Kind } from './tree.ts'

export function kindOf(type: string): Exclude<Kind, 'null'> {
  switch (type) {
    case 'string':
      return 'text'
    case 'boolean':
      return 'truth'
    case 'date':
      return 'date'
    case 'timestamp':
    case 'timestamptz':
      return 'timestamp'
    default:
      return 'number'
  }
}

export interface Decimal {
  readonly precision: number
  readonly scale: number
}

/** Precision and scale of `decimal(p,s)`, undefined for any other type. */
export function decimalOf(type: string): Decimal | undefined {
  const match = /^decimal\((\d+),(\d+)\)$/.exec(type)
  return match === null ? undefined : { precision: Number(match[1]), scale: Number(match[2]) }
}
