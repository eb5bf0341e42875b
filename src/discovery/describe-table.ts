/** A table of text as columns with names, types, meanings, keys and partitions. Pure. */
import type { Doubt, Reading } from '../../contracts/data/doubt.ts'
import type { DiscoveredSpec, FeedColumn, KeyCandidate, QualitySignal } from '../../contracts/data/feed-contract.ts'
import type { DiscoveryPolicy } from '../../contracts/data/policy.ts'
import { type DoubtedColumn, doubtsOf } from './doubts.ts'
import { findKeys } from './keys.ts'
import { digitsOf, numberFormats } from './numbers.ts'
import { findPartitions } from './partitions.ts'
import { type ColumnProfile, presentText, profileColumn, samplesOf, shareOf } from './profile.ts'
import { tableSignals } from './quality.ts'
import type { SampleTable } from './sample.ts'
import { semanticsOf } from './semantics.ts'
import { Settled } from './settled.ts'
import { proposeType, typeInFormat } from './types.ts'
import { nameColumns } from './words.ts'

export interface TableDescription {
  readonly said: Pick<DiscoveredSpec, 'columns' | 'keys' | 'partitionCandidates' | 'quality' | 'nullTokens'>
  readonly doubts: readonly Doubt[]
  /** Readings that the values do not bear out. */
  readonly refused: readonly Reading[]
}

/** Records beyond these add little to what is known of a column. */
const mostRows = 50_000

/** @param readings how doubts were settled, by the names that columns have without them */
export function describeTable(
  table: SampleTable,
  policy: DiscoveryPolicy,
  complete: boolean,
  readings: readonly Reading[] = [],
): TableDescription {
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
  const settled = new Settled(readings)
  const unnamed = table.columns.map(({ sourceName }) => table.headerRows === 0 || sourceName === '')
  const names = settled.names(named.names, unnamed)
  const signals: QualitySignal[] = []
  const doubted: DoubtedColumn[] = []
  const columns = table.columns.map(({ sourceName, sourcePath }, index): FeedColumn => {
    const found = named.names[index] as string
    const name = names[index] as string
    const profile = profiles[index] as ColumnProfile
    const proposed =
      settled.take('valueFormat', found, ({ format }) => typeInFormat(profile, format, policy, context)) ??
      proposeType(name, profile, policy, context)
    const kinds = semanticsOf(profile, policy)
    const meaning = settled.take('meaning', found, ({ semantic }) =>
      semantic === null || kinds.some(kind => kind.name === semantic) ? { semantic } : undefined,
    )
    const semantic = meaning === undefined ? kinds[0]?.name : (meaning.semantic ?? undefined)
    signals.push(...proposed.signals)
    const column: FeedColumn = {
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
    doubted.push({
      column,
      readings: proposed.readings ?? [],
      meanings: meaning === undefined && kinds[0]?.doubted ? kinds.map(kind => kind.name) : [],
      unnamed: unnamed[index] === true && name === found && profile.present > 0,
    })
    return column
  })
  const present = rows.map(row => columns.map((_, index) => presentText(row[index], tokens)))
  const candidates = findKeys({ columns, profiles, rows: present, policy })
  const renamed = (name: string) => names[named.names.indexOf(name)] ?? name
  const chosen = settled.take('key', undefined, key => first(candidates, key.columns.map(renamed)))
  const keys = chosen ?? candidates
  const identifying = keys.find(({ kind, confidence }) => kind === 'primary' && confidence >= 0.5)?.columns ?? []
  return {
    said: {
      columns: columns.map(column => (identifying.includes(column.name) ? { ...column, nullable: false } : column)),
      keys,
      partitionCandidates: findPartitions(columns, profiles, rows.length),
      quality: [...table.signals, ...signals, ...tableSignals(columns, profiles, named, present)],
      nullTokens: [...policy.nullTokens],
    },
    doubts: doubtsOf(table, doubted, chosen === undefined ? keys : [], policy),
    refused: settled.refused(),
  }
}

/** The candidate of these columns in front of the others; undefined where they are none. */
function first(candidates: readonly KeyCandidate[], columns: readonly string[]): KeyCandidate[] | undefined {
  const isChosen = (key: KeyCandidate) => key.columns.join('\0') === columns.join('\0')
  return candidates.some(isChosen)
    ? [...candidates.filter(isChosen), ...candidates.filter(key => !isChosen(key))]
    : undefined
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
