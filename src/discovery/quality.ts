/** What a person should know of a feed before trusting it. Pure. */
import type { FeedColumn, QualitySignal } from '../../contracts/data/feed-contract.ts'
import { fitsColumn } from './fits.ts'
import type { ColumnProfile } from './profile.ts'
import type { NamedColumns } from './words.ts'

/** Characters of UTF-8 that was read as Latin-1 and written again. */
const garbled = /Ã[\u0080-\u00bf¤¶¼Ÿ„–œ©¨]|â€[™œ“”¦“]|Â[ °£®©]|\uFFFD/

export function tableSignals(
  columns: readonly FeedColumn[],
  profiles: readonly ColumnProfile[],
  named: NamedColumns,
  rows: readonly (readonly (string | null)[])[],
): QualitySignal[] {
  const signals: QualitySignal[] = []
  if (named.repeated.length > 0) {
    signals.push({
      code: 'DUPLICATE_COLUMN_NAMES',
      message: `more than one column is called ${named.repeated.map(name => JSON.stringify(name)).join(', ')}; the later ones got a number`,
    })
  }
  if (named.blank.length > 0)
    signals.push({ code: 'BLANK_COLUMN_NAMES', message: `columns without a name: ${named.blank.join(', ')}` })
  for (const [index, column] of columns.entries())
    signals.push(...columnSignals(column, profiles[index] as ColumnProfile))
  const empty = rows.filter(row => row.every(value => value === null)).length
  if (empty > 0) signals.push({ code: 'EMPTY_RECORDS', message: `${empty} records have no value at all` })
  const repeated = rows.length - new Set(rows.map(row => JSON.stringify(row))).size - Math.max(0, empty - 1)
  if (repeated > 0)
    signals.push({ code: 'DUPLICATE_RECORDS', message: `${repeated} records of the sample are equal to another one` })
  return signals
}

function columnSignals(column: FeedColumn, profile: ColumnProfile): QualitySignal[] {
  const signals: QualitySignal[] = []
  const values = [...profile.counts.keys()]
  const fit = column.quality?.fit ?? 1
  if (fit < 1) {
    const misfits = values
      .filter(value => !fitsColumn(column, value))
      .slice(0, 3)
      .map(value => JSON.stringify(value.slice(0, 40)))
    const share = `${Math.round((1 - fit) * 1000) / 10} % of the values are no ${column.type}`
    signals.push({ code: 'MIXED_VALUES', column: column.name, message: `${share}: ${misfits.join(', ')}` })
  } else if (column.type === 'string' && column.semantic === undefined) {
    const numbers = values.filter(value => /^-?\d+([.,]\d+)?$/.test(value)).length
    if (numbers > values.length / 2 && numbers < values.length && values.length > 4) {
      const other = values.find(value => !/^-?\d+([.,]\d+)?$/.test(value)) ?? ''
      signals.push({
        code: 'MIXED_VALUES',
        column: column.name,
        message: `mostly numbers, but also ${JSON.stringify(other.slice(0, 40))}`,
      })
    }
  }
  if (profile.counts.size === 1 && profile.records > 1 && profile.present === profile.records) {
    signals.push({
      code: 'CONSTANT_COLUMN',
      column: column.name,
      message: `every record says ${JSON.stringify((values[0] ?? '').slice(0, 60))}`,
    })
  }
  const broken = values.find(value => garbled.test(value))
  if (broken !== undefined) {
    signals.push({
      code: 'GARBLED_TEXT',
      column: column.name,
      message: `characters were lost before the file was written: ${JSON.stringify(broken.slice(0, 60))}`,
    })
  }
  return signals
}
