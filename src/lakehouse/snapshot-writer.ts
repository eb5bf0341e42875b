/**
 * From files on disk to a snapshot in metadata. Manifests are written once per write; the manifest list is written again
 * for each attempt, since it carries the parent's manifests and the sequence number.
 */
import { randomUUID } from 'node:crypto'
import type { DataFile } from './iceberg/data-file.ts'
import { encodeManifest } from './iceberg/manifest.ts'
import {
  carried,
  encodeManifestList,
  type ManifestListEntry,
  type NewManifest,
  summarize,
} from './iceberg/manifest-list.ts'
import {
  currentSchema,
  currentSpec,
  type PartitionSpec,
  partitionSpecOf,
  type Snapshot,
  type TableMetadata,
} from './iceberg/metadata.ts'
import { partitionColumns } from './iceberg/partition.ts'
import { newSnapshotId, nextTimestamp } from './iceberg/snapshots.ts'
import type { ManifestReader } from './scan.ts'
import type { Storage } from './storage/storage.ts'

/** Files of one spec: new data is of the current one, deletes are of that of the data they delete from. */
export interface FilesOfSpec {
  readonly specId: number
  readonly files: readonly DataFile[]
}

interface SnapshotParts {
  readonly reader: ManifestReader
  readonly storage: Storage
}

/** Writes one manifest per spec and kind. */
export async function writeManifests(
  storage: Storage,
  metadata: TableMetadata,
  groups: readonly FilesOfSpec[],
): Promise<NewManifest[]> {
  const manifests: NewManifest[] = []
  for (const { specId, files } of groups) {
    const spec = partitionSpecOf(metadata, specId)
    for (const kind of ['data', 'position-deletes'] as const) {
      const chosen = files.filter(file => file.content === kind)
      if (chosen.length > 0) manifests.push(await writeManifest(storage, metadata, spec, kind, chosen))
    }
  }
  return manifests
}

async function writeManifest(
  storage: Storage,
  metadata: TableMetadata,
  spec: PartitionSpec,
  kind: DataFile['content'],
  files: readonly DataFile[],
): Promise<NewManifest> {
  const schema = currentSchema(metadata)
  const bytes = encodeManifest(schema, spec, kind, files)
  const location = `${metadata.location}/metadata/${randomUUID()}-m0.avro`
  await storage.writeNew(location, bytes)
  return {
    location,
    sizeBytes: BigInt(bytes.length),
    specId: spec['spec-id'],
    content: kind,
    added: { files: files.length, rows: BigInt(files.reduce((rows, file) => rows + file.rows, 0)) },
    partitions: summarize(partitionColumns(spec, schema), files),
  }
}

/** A snapshot of `parent` and the new manifests, with its manifest list on disk. */
export async function writeSnapshot(
  { reader, storage }: SnapshotParts,
  metadata: TableMetadata,
  parent: Snapshot | undefined,
  manifests: readonly NewManifest[],
  summary: Snapshot['summary'],
): Promise<Snapshot> {
  const snapshotId = newSnapshotId()
  const sequence = BigInt(metadata['last-sequence-number'] + 1)
  const entries = [
    ...manifests.map(manifest => carried(manifest, snapshotId, sequence)),
    ...(await reader.manifests(parent)),
  ]
  return writeSnapshotOf(storage, metadata, parent, snapshotId, entries, summary)
}

/** A snapshot of exactly these manifests. */
export async function writeSnapshotOf(
  storage: Storage,
  metadata: TableMetadata,
  parent: Snapshot | undefined,
  snapshotId: bigint,
  entries: readonly ManifestListEntry[],
  summary: Snapshot['summary'],
): Promise<Snapshot> {
  const parentId = parent?.['snapshot-id'] ?? null
  const sequence = metadata['last-sequence-number'] + 1
  const location = `${metadata.location}/metadata/snap-${snapshotId}-${randomUUID()}.avro`
  await storage.writeNew(location, encodeManifestList({ snapshotId, parentId, sequence: BigInt(sequence) }, entries))
  return {
    'snapshot-id': snapshotId,
    ...(parentId !== null && { 'parent-snapshot-id': parentId }),
    'sequence-number': sequence,
    'timestamp-ms': nextTimestamp(metadata),
    'manifest-list': location,
    'schema-id': metadata['current-schema-id'],
    summary,
  }
}

export function ofCurrentSpec(metadata: TableMetadata, files: readonly DataFile[]): FilesOfSpec {
  return { specId: currentSpec(metadata)['spec-id'], files }
}
