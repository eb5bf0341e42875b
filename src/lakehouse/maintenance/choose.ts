/** Which files are worth rewriting. Pure. */
import type { LiveFile } from '../iceberg/data-file.ts'
import { type LiveFiles, mayApply } from '../scan.ts'

export interface CompactPolicy {
  /** A file of less than half of this is small; rewritten files are about as large. */
  readonly targetFileBytes: number
  /** So many small files, or delete files that speak of one file, are too many. */
  readonly smallFiles: number
  /** A file with this share of its rows deleted is rewritten, however large. */
  readonly deletedFraction: number
}

/** Groups of files of one partition, each to become one file. */
export function chooseFiles(
  { data }: LiveFiles,
  deletes: readonly LiveFile[],
  policy: CompactPolicy,
): readonly (readonly LiveFile[])[] {
  const partitions = Map.groupBy(data, file =>
    JSON.stringify(file.partition.map(value => [typeof value, String(value)])),
  )
  return [...partitions.values()].flatMap(files => groupsOf(files, deletes, policy))
}

function groupsOf(files: readonly LiveFile[], deletes: readonly LiveFile[], policy: CompactPolicy): LiveFile[][] {
  const { targetFileBytes, smallFiles, deletedFraction } = policy
  const worn = files.filter(file => {
    const applied = deletes.filter(item => mayApply(item, file))
    const rows = applied.reduce((sum, item) => sum + item.rows, 0)
    return applied.length >= smallFiles || (rows > 0 && rows >= deletedFraction * file.rows)
  })
  const small = files.filter(file => file.sizeBytes < targetFileBytes / 2)
  const chosen = new Set(small.length >= smallFiles ? [...small, ...worn] : worn)
  const groups: LiveFile[][] = []
  let room = 0
  // In the order they were written, so that what came together stays together.
  for (const file of [...chosen].sort((a, b) => Number(a.sequence - b.sequence))) {
    if (groups.length === 0 || file.sizeBytes > room) {
      groups.push([])
      room = targetFileBytes
    }
    groups.at(-1)!.push(file)
    room -= file.sizeBytes
  }
  // One file alone gains nothing but by what was deleted in it.
  return groups.filter(group => group.length > 1 || group.some(file => worn.includes(file)))
}
