/** Numbers as they are written: a decimal mark, perhaps marks between groups of three. A number has no superfluous leading zero. Pure. */
import type { ValueFormat } from '../../contracts/data/feed-contract.ts'

export type NumberFormat = Extract<ValueFormat, { kind: 'number' }>

/** How a number with neither group nor comma is written: the only way that needs no format in a contract. */
export const plainNumber: NumberFormat = { kind: 'number', decimal: '.', group: '' }

export const numberFormats: readonly NumberFormat[] = [
  plainNumber,
  { kind: 'number', decimal: ',', group: '' },
  { kind: 'number', decimal: '.', group: ',' },
  { kind: 'number', decimal: ',', group: '.' },
  { kind: 'number', decimal: '.', group: "'" },
  { kind: 'number', decimal: ',', group: ' ' },
  { kind: 'number', decimal: '.', group: ' ' },
]

const escaped = (mark: string): string => (mark === '.' ? '\\.' : mark)

const patterns = new Map(
  numberFormats.map(format => {
    const whole =
      format.group === '' ? '(?:0|[1-9]\\d*)' : `(?:0|[1-9]\\d{0,2}(?:${escaped(format.group)}\\d{3})+|[1-9]\\d*)`
    const mark = escaped(format.decimal)
    return [keyOf(format), new RegExp(`^-?(?:${whole}(?:${mark}(\\d*))?|${mark}(\\d+))$`)] as const
  }),
)

function keyOf(format: NumberFormat): string {
  return format.decimal + format.group
}

export interface Digits {
  /** Digits in front of and behind the decimal mark. */
  readonly whole: number
  readonly fraction: number
  /** Those behind the mark up to the last that is not zero. */
  readonly significant: number
}

/** What a number is made of, or undefined: no number in that format. */
export function digitsOf(text: string, format: NumberFormat): Digits | undefined {
  const match = patterns.get(keyOf(format))?.exec(text)
  if (match === null || match === undefined) return undefined
  const behind = match[1] ?? match[2]
  const whole = text.slice(0, behind === undefined ? undefined : -behind.length - 1).replaceAll(/\D/g, '')
  return { whole: whole.length, fraction: behind?.length ?? 0, significant: behind?.replace(/0+$/, '').length ?? 0 }
}

/** A number that two formats read differently: three digits behind its only mark. */
export const isAmbiguousNumber = (text: string): boolean => /^-?[1-9]\d{0,2}[.,]\d{3}$/.test(text)

export const isScientific = (text: string): boolean => /^-?\d(?:[.,]\d+)?[eE][-+]?\d+$/.test(text)
