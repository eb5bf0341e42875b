/**
 * A change of metadata as an Iceberg REST catalog takes it: what has to hold of the table, and what becomes of it then
 * (CommitTableRequest of the REST specification). Pure.
 */
import { isDeepStrictEqual } from 'node:util'
import type { TableMetadata } from '../iceberg/metadata.ts'
import { headOf, mainBranch } from '../iceberg/snapshots.ts'

/** 64-bit ids are bigint. */
export interface CommitRequest {
  readonly requirements: readonly Readonly<Record<string, unknown>>[]
  readonly updates: readonly Readonly<Record<string, unknown>>[]
}

type Update = CommitRequest['updates'][number]

export function commitRequest(before: TableMetadata, after: TableMetadata): CommitRequest {
  const moved = Object.keys({ ...before.refs, ...after.refs }).filter(
    name => !isDeepStrictEqual(before.refs[name], after.refs[name]),
  )
  return {
    requirements: [
      { type: 'assert-table-uuid', uuid: before['table-uuid'] },
      { type: 'assert-current-schema-id', 'current-schema-id': before['current-schema-id'] },
      { type: 'assert-default-spec-id', 'default-spec-id': before['default-spec-id'] },
      // What is staged on a branch was made of what `main` held.
      ...[...new Set([mainBranch, ...moved])].map(ref => ({
        type: 'assert-ref-snapshot-id',
        ref,
        'snapshot-id': headOf(before, ref)?.['snapshot-id'] ?? null,
      })),
    ],
    updates: [
      ...schemaUpdates(before, after),
      ...specUpdates(before, after),
      ...snapshotUpdates(before, after, moved),
      ...propertyUpdates(before, after),
    ],
  }
}

function schemaUpdates(before: TableMetadata, after: TableMetadata): Update[] {
  const known = new Set(before.schemas.map(schema => schema['schema-id']))
  const added = after.schemas.filter(schema => !known.has(schema['schema-id']))
  const current = after['current-schema-id']
  return [
    ...added.map(schema => ({ action: 'add-schema', schema, 'last-column-id': after['last-column-id'] })),
    ...(current === before['current-schema-id'] ? [] : [{ action: 'set-current-schema', 'schema-id': current }]),
  ]
}

function specUpdates(before: TableMetadata, after: TableMetadata): Update[] {
  const known = new Set(before['partition-specs'].map(spec => spec['spec-id']))
  const added = after['partition-specs'].filter(spec => !known.has(spec['spec-id']))
  const current = after['default-spec-id']
  return [
    ...added.map(spec => ({ action: 'add-spec', spec })),
    ...(current === before['default-spec-id'] ? [] : [{ action: 'set-default-spec', 'spec-id': current }]),
  ]
}

function snapshotUpdates(before: TableMetadata, after: TableMetadata, moved: readonly string[]): Update[] {
  const ids = (metadata: TableMetadata) => new Set(metadata.snapshots.map(snapshot => snapshot['snapshot-id']))
  const [had, has] = [ids(before), ids(after)]
  const gone = [...had].filter(id => !has.has(id))
  return [
    ...after.snapshots
      .filter(snapshot => !had.has(snapshot['snapshot-id']))
      .map(snapshot => ({ action: 'add-snapshot', snapshot })),
    ...moved.map(name => {
      const reference = after.refs[name]
      return reference === undefined
        ? { action: 'remove-snapshot-ref', 'ref-name': name }
        : { action: 'set-snapshot-ref', 'ref-name': name, ...reference }
    }),
    ...(gone.length === 0 ? [] : [{ action: 'remove-snapshots', 'snapshot-ids': gone }]),
  ]
}

function propertyUpdates({ properties: before }: TableMetadata, { properties: after }: TableMetadata): Update[] {
  const set = Object.entries(after).filter(([name, value]) => before[name] !== value)
  const removed = Object.keys(before).filter(name => !Object.hasOwn(after, name))
  return [
    ...(set.length === 0 ? [] : [{ action: 'set-properties', updates: Object.fromEntries(set) }]),
    ...(removed.length === 0 ? [] : [{ action: 'remove-properties', removals: removed }]),
  ]
}
