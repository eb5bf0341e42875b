/** The figures of a snapshot's summary that Iceberg's readers and tools expect, beside what the caller adds. */
import type { DataFile, LiveFile } from './data-file.ts'
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

/** The summary of a commit that writes rows anew which are there already: the table is the same afterwards. */
export function summaryOfRewrite(
  files: {
    readonly written: readonly DataFile[]
    readonly gone: readonly LiveFile[]
    /** Delete files that nothing is left for. */
    readonly idle: readonly LiveFile[]
  },
  parent: Snapshot | undefined,
  extra: Summary,
): Snapshot['summary'] {
  const { written, gone, idle } = files
  const total = (name: string, plus: number) => String(Math.max(0, Number(parent?.summary[name] ?? 0) + plus))
  const rowsOf = (of: readonly { rows: number }[]) => sum(of.map(({ rows }) => rows))
  const bytesOf = (of: readonly { sizeBytes: number }[]) => sum(of.map(({ sizeBytes }) => sizeBytes))
  const bytesGone = bytesOf(gone) + bytesOf(idle)
  return {
    ...extra,
    operation: 'replace',
    'added-data-files': String(written.length),
    'deleted-data-files': String(gone.length),
    'added-records': String(rowsOf(written)),
    'deleted-records': String(rowsOf(gone)),
    'added-files-size': String(bytesOf(written)),
    'removed-files-size': String(bytesGone),
    'removed-delete-files': String(idle.length),
    'removed-position-deletes': String(rowsOf(idle)),
    'total-records': total('total-records', rowsOf(written) - rowsOf(gone)),
    'total-files-size': total('total-files-size', bytesOf(written) - bytesGone),
    'total-data-files': total('total-data-files', written.length - gone.length),
    'total-delete-files': total('total-delete-files', -idle.length),
    'total-position-deletes': total('total-position-deletes', -rowsOf(idle)),
    'total-equality-deletes': total('total-equality-deletes', 0),
  }
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
