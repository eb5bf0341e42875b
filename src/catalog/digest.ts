import { createHash } from 'node:crypto'
import type { RuleBook, VendorRegister } from '../../contracts/data/rule.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import { vendorFacts } from './catalog.ts'

/** JSON with keys in order, so that equal values are equal texts. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

/** Equal but for the time of making: a version that is put again after a crash carries a later time and means the same. */
export function sameContent<T extends { createdAt: string }>(one: T, other: T): boolean {
  return canonicalJson({ ...one, createdAt: '' }) === canonicalJson({ ...other, createdAt: '' })
}

/** See `Catalog.digest`. What is left out (definitions, synonyms, antonyms, patterns) guides matching and changes no row. */
export function governingDigest(
  standards: readonly Standard[],
  rules: RuleBook,
  register: VendorRegister,
  vendor?: string,
): string {
  const governing = {
    standards: standards.map(({ name, version, key, checks, columns }) => ({
      name,
      version,
      key,
      checks,
      columns: columns.map(column => ({
        name: column.name,
        type: column.type,
        required: column.required,
        fallback: column.fallback,
      })),
    })),
    normalization: rules.normalization,
    checks: rules.checks,
    vendor: vendor === undefined ? undefined : vendorFacts(register, vendor),
  }
  return createHash('sha256').update(canonicalJson(governing)).digest('hex')
}
