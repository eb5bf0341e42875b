/** The figures of a snapshot's summary that Iceberg's readers and tools expect, beside what the caller adds. */
import type { DataFile } from './data-file.ts'
import type { Snapshot } from './metadata.ts'

export type Summary = Readonly<Record<string, string>>

/** `operation` and the standard counts of a commit that adds files to `parent`. */
export function summaryOf(
  files: readonly DataFile[],
  parent: Snapshot | undefined,
  extra: Summary,
): Snapshot['summary'] {
  const data = files.filter(file => file.content === 'data')
  const deletes = files.filter(file => file.content === 'position-deletes')
  const size = sum(files.map(file => file.sizeBytes))
  const added = {
    'added-data-files': data.length,
    'added-records': sum(data.map(file => file.rows)),
    'added-files-size': size,
    'added-delete-files': deletes.length,
    'added-position-delete-files': deletes.length,
    'added-position-deletes': sum(deletes.map(file => file.rows)),
    'changed-partition-count': new Set(files.map(file => file.partition.map(String).join('\0'))).size,
  }
  return standard(deletes.length === 0 ? 'append' : data.length === 0 ? 'delete' : 'overwrite', added, parent, extra)
}

/** The summary of a commit applied again on another parent: what it adds is the same, the totals are not. */
export function summaryOnto(summary: Summary, parent: Snapshot | undefined): Snapshot['summary'] {
  const { operation = 'append', ...rest } = summary
  const own = Object.fromEntries(Object.entries(rest).filter(([key]) => !key.startsWith('total-')))
  const added = Object.fromEntries(Object.entries(own).filter(([key]) => key.startsWith('added-')))
  return standard(
    operation,
    Object.fromEntries(Object.entries(added).map(([key, value]) => [key, Number(value)])),
    parent,
    own,
  )
}

function standard(
  operation: string,
  added: Record<string, number>,
  parent: Snapshot | undefined,
  extra: Summary,
): Snapshot['summary'] {
  const total = (name: string, plus: number) => Number(parent?.summary[name] ?? 0) + plus
  const totals = {
    'total-records': total('total-records', added['added-records'] ?? 0),
    'total-files-size': total('total-files-size', added['added-files-size'] ?? 0),
    'total-data-files': total('total-data-files', added['added-data-files'] ?? 0),
    'total-delete-files': total('total-delete-files', added['added-delete-files'] ?? 0),
    'total-position-deletes': total('total-position-deletes', added['added-position-deletes'] ?? 0),
    'total-equality-deletes': total('total-equality-deletes', 0),
  }
  const figures = Object.entries({ ...added, ...totals }).map(([key, value]) => [key, String(value)])
  return { ...extra, ...Object.fromEntries(figures), operation }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
