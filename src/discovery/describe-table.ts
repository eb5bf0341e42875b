/** A table of text as columns with names, types, meanings, keys and partitions. Pure. */
import type { DiscoveredSpec, FeedColumn, QualitySignal } from '../../contracts/data/feed-contract.ts'
import type { DiscoveryPolicy } from '../../contracts/data/policy.ts'
import { findKeys } from './keys.ts'
import { digitsOf, numberFormats } from './numbers.ts'
import { findPartitions } from './partitions.ts'
import { type ColumnProfile, presentText, profileColumn, samplesOf, shareOf } from './profile.ts'
import { tableSignals } from './quality.ts'
import type { SampleTable } from './sample.ts'
import { semanticOf } from './semantics.ts'
import { proposeType } from './types.ts'
import { nameColumns } from './words.ts'

export type TableDescription = Pick<
  DiscoveredSpec,
  'columns' | 'keys' | 'partitionCandidates' | 'quality' | 'nullTokens'
>

/** Records beyond these add little to what is known of a column. */
const mostRows = 50_000

export function describeTable(table: SampleTable, policy: DiscoveryPolicy, complete: boolean): TableDescription {
  const tokens = new Set(policy.nullTokens)
  const rows = table.rows.slice(0, mostRows)
  const named = nameColumns(table.columns.map(({ sourceName }) => sourceName))
  const profiles = table.columns.map(({ sourceName }, index) =>
    profileColumn(
      sourceName,
      rows.map(row => row[index]),
      tokens,
    ),
  )
  const context = {
    complete: complete && rows.length === table.rows.length,
    decimals: decimalMarks(profiles, table.decimalHint),
  }
  const signals: QualitySignal[] = []
  const columns = table.columns.map(({ sourceName, sourcePath }, index): FeedColumn => {
    const name = named.names[index] ?? `column_${index + 1}`
    const profile = profiles[index] as ColumnProfile
    const proposed = proposeType(name, profile, policy, context)
    const semantic = semanticOf(profile, policy)
    signals.push(...proposed.signals)
    return {
      name,
      sourceName,
      ...(sourcePath === undefined ? {} : { sourcePath }),
      type: proposed.type,
      nullable: true,
      ...(proposed.format === undefined ? {} : { format: proposed.format }),
      ...(semantic === undefined ? {} : { semantic }),
      quality: {
        nullFraction: rows.length === 0 ? 0 : 1 - profile.present / rows.length,
        distinct: profile.counts.size,
        minLength: profile.minLength,
        maxLength: profile.maxLength,
        fit: proposed.fit,
        samples: samplesOf(profile),
      },
    }
  })
  const present = rows.map(row => columns.map((_, index) => presentText(row[index], tokens)))
  const keys = findKeys({ columns, profiles, rows: present, policy })
  const identifying = keys.find(({ kind, confidence }) => kind === 'primary' && confidence >= 0.5)?.columns ?? []
  return {
    columns: columns.map(column => (identifying.includes(column.name) ? { ...column, nullable: false } : column)),
    keys,
    partitionCandidates: findPartitions(columns, profiles, rows.length),
    quality: [...table.signals, ...signals, ...tableSignals(columns, profiles, named, present)],
    nullTokens: [...policy.nullTokens],
  }
}

/** Decimal marks that at least one column leaves no doubt about, or else the one that the dialect speaks for. */
function decimalMarks(profiles: readonly ColumnProfile[], hint: '.' | ',' | undefined): ReadonlySet<'.' | ','> {
  const marks = new Set<'.' | ','>()
  for (const profile of profiles) {
    if (profile.present === 0 || shareOf(profile, value => /\d[.,]\d/.test(value)) === 0) continue
    for (const mark of ['.', ','] as const) {
      const other = numberFormats.filter(({ decimal }) => decimal !== mark)
      const own = numberFormats.filter(({ decimal }) => decimal === mark)
      const reads = (formats: typeof own) =>
        shareOf(profile, value => formats.some(format => digitsOf(value, format) !== undefined))
      if (reads(own) > 0.95 && reads(other) < 0.95) marks.add(mark)
    }
  }
  return marks.size === 0 && hint !== undefined ? new Set([hint]) : marks
}
