/** A table's division (partition spec) grows with its volume: new files follow the new one, older files keep theirs and are read as before. */
import type { Tables } from './commit.ts'
import { currentSchema, currentSpec, type PartitionSpec, type TableMetadata } from './iceberg/metadata.ts'
import { newSpec, type Partitioning } from './iceberg/partition.ts'
import { nextTimestamp } from './iceberg/snapshots.ts'
import type { TableName } from './identifiers.ts'
import { describe, type TableDescription } from './tables.ts'

/**
 * Adds the fields that the table is not yet divided by; none is taken away, so that a small delivery does not undo what a large one
 * needed. Throws TABLE_INCOMPATIBLE for an unknown column or one the transform does not take.
 */
export async function divideTable(
  tables: Tables,
  table: TableName,
  partition: readonly Partitioning[],
): Promise<TableDescription> {
  return tables.change(table, async ({ metadata }) => {
    const divided = withDivision(metadata, partition)
    if (divided === metadata) return { kind: 'none', result: describe(table, metadata) }
    const next = { ...divided, 'last-updated-ms': nextTimestamp(metadata) }
    return { kind: 'write', metadata: next, files: [], result: describe(table, next) }
  })
}

/** Pure: the same metadata where nothing is lacking. A field that any earlier spec had keeps its id, as the specification asks. */
export function withDivision(metadata: TableMetadata, partition: readonly Partitioning[]): TableMetadata {
  const current = currentSpec(metadata)
  const earlier = metadata['partition-specs'].flatMap(({ fields }) => fields)
  let last = metadata['last-partition-id']
  const added = newSpec(currentSchema(metadata), partition)
    .fields.filter(field => !current.fields.some(isSame(field)))
    .map(field => earlier.find(isSame(field)) ?? { ...field, 'field-id': ++last })
  if (added.length === 0) return metadata
  const fields = [...current.fields, ...added]
  const known = metadata['partition-specs'].find(
    spec => spec.fields.length === fields.length && fields.every((field, at) => isSame(field)(spec.fields[at]!)),
  )
  const ids = metadata['partition-specs'].map(spec => spec['spec-id'])
  const spec = known ?? { 'spec-id': Math.max(...ids) + 1, fields }
  return {
    ...metadata,
    'default-spec-id': spec['spec-id'],
    'partition-specs': known ? metadata['partition-specs'] : [...metadata['partition-specs'], spec],
    'last-partition-id': last,
  }
}

type Field = PartitionSpec['fields'][number]
const isSame = (one: Field) => (other: Field) =>
  one['source-id'] === other['source-id'] && one.transform === other.transform
