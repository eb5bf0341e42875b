/** Columns by which a table of this feed could be divided. Pure. */
import type { DiscoveredSpec, FeedColumn } from '../../contracts/data/feed-contract.ts'
import type { ColumnProfile } from './profile.ts'

const mostParts = 64
const mostCandidates = 5

export function findPartitions(
  columns: readonly FeedColumn[],
  profiles: readonly ColumnProfile[],
  records: number,
): DiscoveredSpec['partitionCandidates'] {
  const found = columns.flatMap(
    (column, index): (DiscoveredSpec['partitionCandidates'][number] & { rank: number })[] => {
      const profile = profiles[index] as ColumnProfile
      const distinct = profile.counts.size
      if (profile.present < records * 0.95 || records === 0) return []
      if (/^(date|timestamp)/.test(column.type)) {
        const months = new Set([...profile.counts.keys()].map(value => value.slice(0, 7))).size
        return [
          {
            column: column.name,
            transform: months > 24 ? 'year' : 'month',
            reason: `a ${column.type} in nearly every record`,
            rank: 1,
          },
        ]
      }
      const short = column.type === 'string' && profile.maxLength <= 40
      if (!short || distinct < 2 || distinct > mostParts || distinct > records / 4) return []
      return [
        {
          column: column.name,
          transform: 'identity',
          reason: `${distinct} values over ${records} records of the sample, none empty`,
          rank: distinct / mostParts,
        },
      ]
    },
  )
  return found
    .sort((a, b) => a.rank - b.rank)
    .slice(0, mostCandidates)
    .map(({ rank: _, ...candidate }) => candidate)
}
