/**
 * The functions an expression may call, with what they take and give. The list is a safety property, not a business rule: nothing
 * on it reads a file, asks the clock, draws a random number or keeps state, and each has one meaning on every engine.
 *
 * A parameter is a kind, or
 * - `any`: a value of any kind;
 * - `same`: of one kind with the other `same` parameters, and with the result that says so;
 * - `pattern`: a regular expression written out, without look-around and back references (no engine of linear time has them);
 * - `words`: a text written out;
 * - `size`: a whole number written out, at most `largestSize`.
 * A trailing `?` may be left out, `*` may be repeated.
 */
import type { Kind } from './tree.ts'

export interface Signature {
  readonly result: Kind | 'same'
  readonly parameters: readonly string[]
}

const gives = (result: Signature['result'], ...parameters: string[]): Signature => ({ result, parameters })

export const largestSize = 1000

export const functions: Readonly<Record<string, Signature>> = {
  abs: gives('number', 'number'),
  ceil: gives('number', 'number'),
  coalesce: gives('same', 'same', 'same*'),
  concat: gives('text', 'any', 'any*'),
  concat_ws: gives('text', 'words', 'any', 'any*'),
  contains: gives('truth', 'text', 'text'),
  ends_with: gives('truth', 'text', 'text'),
  floor: gives('number', 'number'),
  greatest: gives('same', 'same', 'same*'),
  least: gives('same', 'same', 'same*'),
  left: gives('text', 'text', 'number'),
  length: gives('number', 'text'),
  lower: gives('text', 'text'),
  lpad: gives('text', 'text', 'size', 'words'),
  ltrim: gives('text', 'text', 'words?'),
  nullif: gives('same', 'same', 'same'),
  regexp_extract: gives('text', 'text', 'pattern', 'size?'),
  regexp_matches: gives('truth', 'text', 'pattern'),
  regexp_replace: gives('text', 'text', 'pattern', 'words', 'words?'),
  replace: gives('text', 'text', 'text', 'text'),
  right: gives('text', 'text', 'number'),
  round: gives('number', 'number', 'size?'),
  rpad: gives('text', 'text', 'size', 'words'),
  rtrim: gives('text', 'text', 'words?'),
  split_part: gives('text', 'text', 'words', 'size'),
  starts_with: gives('truth', 'text', 'text'),
  substring: gives('text', 'text', 'number', 'number?'),
  trim: gives('text', 'text', 'words?'),
  try_strptime: gives('timestamp', 'text', 'words'),
  upper: gives('text', 'text'),
}

/** Other spellings, and the function they mean. */
export const spellings: Readonly<Record<string, string>> = {
  ceiling: 'ceil',
  char_length: 'length',
  ifnull: 'coalesce',
  prefix: 'starts_with',
  regexp_like: 'regexp_matches',
  substr: 'substring',
  suffix: 'ends_with',
}
