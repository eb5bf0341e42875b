/** What a sample leaves in doubt, each with the closed set of answers that it allows. Pure. */
import type { Doubt, Reading } from '../../contracts/data/doubt.ts'
import type { FeedColumn, KeyCandidate, ValueFormat } from '../../contracts/data/feed-contract.ts'
import type { DiscoveryPolicy } from '../../contracts/data/policy.ts'
import type { SampleTable } from './sample.ts'

export interface DoubtedColumn {
  readonly column: FeedColumn
  /** Formats that read its values differently and equally well. */
  readonly readings: readonly ValueFormat[]
  /** What its values may be, where they prove nothing; the first is what they were taken for. */
  readonly meanings: readonly string[]
  /** The file has no name for it. */
  readonly unnamed: boolean
}

const mostKeys = 5

export function doubtsOf(
  table: Pick<SampleTable, 'headerRows' | 'headerCertainty'>,
  columns: readonly DoubtedColumn[],
  keys: readonly KeyCandidate[],
  policy: Pick<DiscoveryPolicy, 'keyLead' | 'headerCertainty'>,
): Doubt[] {
  return [
    ...headerDoubt(table, policy.headerCertainty),
    ...columns.flatMap(columnDoubts),
    ...keyDoubt(
      keys,
      columns.map(({ column }) => column),
      policy.keyLead,
    ),
  ]
}

function headerDoubt(
  { headerRows, headerCertainty }: Pick<SampleTable, 'headerRows' | 'headerCertainty'>,
  least = 0,
): Doubt[] {
  if (headerRows === undefined || headerCertainty === undefined || Math.abs(headerCertainty) >= least) return []
  const other = headerRows === 1 ? 0 : 1
  const text = other === 0 ? 'the first row is a record' : 'the first row names the columns'
  return [
    {
      subject: 'headerRows',
      kind: 'headerRows',
      samples: [],
      text: `Is the first row of the file a header? It was taken for ${headerRows === 1 ? 'one' : 'a record'}.`,
      options: [
        { answer: other === 0 ? 'no header' : 'header', text, reading: { kind: 'headerRows', headerRows: other } },
      ],
    },
  ]
}

function columnDoubts({ column, readings, meanings, unnamed }: DoubtedColumn): Doubt[] {
  const about = { about: column.sourceName || column.name, samples: column.quality?.samples ?? [] }
  const doubts: Doubt[] = []
  const [first] = readings
  if (first !== undefined) {
    const isNumber = first.kind === 'number'
    doubts.push({
      ...about,
      subject: `${isNumber ? 'decimalMark' : 'dateOrder'}:${column.name}`,
      kind: isNumber ? 'decimalMark' : 'dateOrder',
      text: isNumber
        ? `Which mark of ${about.about} is the decimal mark?`
        : `How are the days of ${about.about} written?`,
      options: readings.map(format => ({
        answer: nameOf(format),
        text: exampleOf(format),
        reading: { kind: 'valueFormat', column: column.name, format },
      })),
    })
  }
  const [taken, ...others] = meanings
  if (taken !== undefined) {
    const meaning = (semantic: string | null): Reading => ({ kind: 'meaning', column: column.name, semantic })
    doubts.push({
      ...about,
      subject: `meaning:${column.name}`,
      kind: 'meaning',
      text: `What are the values of ${about.about}? They look like ${taken}, as other values do.`,
      options: [
        ...others.map(semantic => ({ answer: semantic, text: `they are ${semantic}`, reading: meaning(semantic) })),
        { answer: 'nothing special', text: `they are no ${taken}, only ${column.type}`, reading: meaning(null) },
      ],
    })
  }
  if (unnamed) {
    doubts.push({
      ...about,
      subject: `names:${column.name}`,
      kind: 'names',
      text: `What is the column ${column.name}, for which the file has no name?`,
      // Names are not the file's to say: whoever knows the standard adds its columns.
      options: [],
    })
  }
  return doubts
}

function keyDoubt(keys: readonly KeyCandidate[], columns: readonly FeedColumn[], lead = 0): Doubt[] {
  const [best, ...others] = keys.filter(({ kind }) => kind === 'primary')
  if (best === undefined) return []
  const rivals = others.filter(({ confidence }) => best.confidence - confidence < lead)
  if (rivals.length === 0) return []
  const shown = (key: KeyCandidate) =>
    key.columns.map(name => columns.find(column => column.name === name)?.sourceName || name).join(', ')
  return [
    {
      subject: 'key',
      kind: 'key',
      samples: [],
      text: `What identifies a record? ${shown(best)} was taken; in the sample, other columns would do as well.`,
      options: rivals.slice(0, mostKeys).map(key => ({
        answer: key.columns.join(', '),
        text: `${shown(key)}: ${key.evidence}`,
        reading: { kind: 'key', columns: key.columns },
      })),
    },
  ]
}

const nameOf = (format: ValueFormat): string =>
  format.kind === 'number'
    ? `decimal ${format.decimal}${format.group === '' ? '' : ` group ${format.group}`}`
    : format.kind === 'boolean'
      ? 'boolean'
      : format.pattern

/** The last Christmas of the century, and a number of two thousand, as the format writes them: no value of the file. */
const parts: Readonly<Record<string, string>> = {
  Y: '1999',
  y: '99',
  m: '12',
  d: '25',
  H: '17',
  I: '05',
  M: '30',
  S: '00',
  p: 'pm',
  b: 'Dec',
  B: 'December',
  a: 'Sat',
  A: 'Saturday',
  z: '+0000',
}

function exampleOf(format: ValueFormat): string {
  if (format.kind === 'number') return `two thousand and a half is 2${format.group}000${format.decimal}5`
  if (format.kind === 'boolean') return format.true.join(', ')
  const written = format.pattern.replaceAll(/%-?([A-Za-z])/g, (whole, letter: string) => parts[letter] ?? whole)
  return `25 December 1999 is ${written}`
}
