/**
 * Which files a write has to look into at all, by what manifests say of them: partition and bounds. Pure. Where it is not sure that a
 * file holds none of the rows, it says that it may.
 */
import type { DataFile, LiveFile } from './iceberg/data-file.ts'
import type { ManifestListEntry } from './iceberg/manifest-list.ts'
import { currentSchema, partitionSpecOf, type SchemaField, type TableMetadata } from './iceberg/metadata.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'
import type { Condition } from './write.ts'

/** The condition on a row as SQL; true where there is none. */
export function conditionSql(condition: Condition | undefined): string {
  if (condition === undefined) return 'true'
  if (typeof condition === 'string') return `(${condition})`
  const parts = Object.entries(condition).map(([name, values]) => `${quoteIdentifier(name)} IN ${listSql(values)}`)
  return parts.length === 0 ? 'true' : parts.join(' AND ')
}

const listSql = (values: readonly string[]): string =>
  values.length === 0 ? '(NULL)' : `(${values.map(quoteLiteral).join(', ')})`

/** Whether a manifest may name files with rows of the condition. */
export function manifestMayHold(
  metadata: TableMetadata,
  manifest: ManifestListEntry,
  condition: Condition | undefined,
) {
  const { partitions } = manifest
  if (condition === undefined || typeof condition === 'string' || partitions === null) return true
  const { fields } = partitionSpecOf(metadata, manifest.specId)
  return Object.entries(condition).every(([name, values]) => {
    const source = textField(metadata, name)
    const at = fields.findIndex(field => field['source-id'] === source?.id && field.transform === 'identity')
    const range = partitions[at]
    if (range === undefined || range.lower_bound === null || range.upper_bound === null) return true
    return anyWithin(values, range.lower_bound, range.upper_bound)
  })
}

/** Whether a file may hold rows of the condition. */
export function fileMayHold(metadata: TableMetadata, file: LiveFile, condition: Condition | undefined): boolean {
  if (condition === undefined || typeof condition === 'string') return true
  return Object.entries(condition).every(([name, values]) => {
    const partition = partitionValue(metadata, file, name)
    if (partition.known) return values.some(value => value === partition.value)
    const id = textField(metadata, name)?.id ?? -1
    const [lower, upper] = [file.lowerBounds.get(id), file.upperBounds.get(id)]
    return lower === undefined || upper === undefined || anyWithin(values, lower, upper)
  })
}

/** Whether every row of a file is surely one of the condition: its partition says so. */
export function fileHoldsOnly(metadata: TableMetadata, file: LiveFile, condition: Condition | undefined): boolean {
  if (condition === undefined) return true
  if (typeof condition === 'string') return false
  return Object.entries(condition).every(([name, values]) => {
    const partition = partitionValue(metadata, file, name)
    return partition.known && values.some(value => value === partition.value)
  })
}

/** Whether a file may hold a key of the new rows: the ranges of every key column meet. */
export function keysMayMeet(
  metadata: TableMetadata,
  file: LiveFile,
  added: readonly DataFile[],
  keyColumns: readonly string[],
): boolean {
  return added.some(({ metrics }) =>
    keyColumns.every(name => {
      const field = textField(metadata, name)
      // A missing key is a key too, and no bound speaks of it.
      if (field === undefined || (metrics.nullCounts.get(field.id) ?? 1) > 0) return true
      const [lower, upper] = [file.lowerBounds.get(field.id), file.upperBounds.get(field.id)]
      const [least, most] = [metrics.lowerBounds.get(field.id), metrics.upperBounds.get(field.id)]
      if (lower === undefined || upper === undefined || least === undefined || most === undefined) return true
      return Buffer.compare(lower, most) <= 0 && Buffer.compare(least, upper) <= 0
    }),
  )
}

/** A text column: only of those the order of bounds is known here. */
function textField(metadata: TableMetadata, name: string): SchemaField | undefined {
  return currentSchema(metadata).fields.find(field => field.name === name && field.type === 'string')
}

function partitionValue(metadata: TableMetadata, file: LiveFile, name: string): { known: boolean; value?: unknown } {
  const source = textField(metadata, name)
  const { fields } = partitionSpecOf(metadata, file.specId)
  const at = fields.findIndex(field => field['source-id'] === source?.id && field.transform === 'identity')
  return at === -1 ? { known: false } : { known: true, value: file.partition[at] }
}

/** Bounds may be cut: a lower one is then lower still, an upper one raised. */
function anyWithin(values: readonly string[], lower: Buffer, upper: Buffer): boolean {
  return values.some(value => {
    const bytes = Buffer.from(value, 'utf8')
    return Buffer.compare(lower, bytes) <= 0 && Buffer.compare(bytes, upper) <= 0
  })
}
