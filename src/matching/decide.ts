/** Which matches a machine may take alone, and which are questions for a person. Policy decides; pure. */
import type { MappedColumn } from '../../contracts/data/mapping.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import { Failure } from '../../contracts/failures.ts'
import { quoteIdentifier } from '../lakehouse/identifiers.ts'
import type { ColumnMatch, MappingPolicy } from './match.ts'

export interface Decided {
  readonly columns: readonly MappedColumn[]
  /** Required and unsure: the run waits. */
  readonly blocking: readonly MappedColumn[]
  /** Optional and unsure: left null, asked about. */
  readonly optional: readonly MappedColumn[]
}

/** Errors: MAPPING_MISSING where a required column is unsure and policy would rather have no delivery than wait for a person. */
export function decide(matches: readonly ColumnMatch[], standard: Standard, policy: MappingPolicy): Decided {
  const required = new Map(
    standard.columns.map(column => [column.name, column.required && column.fallback === undefined]),
  )
  const columns = matches.map(match => decideOne(match, policy))
  const open = columns.filter(({ status }) => status === 'open')
  const unanswered = columns.filter(({ status, column }) => status === 'absent' && required.get(column) === true)
  const ask = policy.unsureOptional === 'leave-null-and-ask'
  const blocking = [...open.filter(({ column }) => required.get(column) === true), ...unanswered]
  if (policy.unsureRequired === 'refuse' && blocking.length > 0) {
    const names = blocking.map(({ column }) => column).join(', ')
    throw new Failure('MAPPING_MISSING', `No column of the feed is surely ${names}, which ${standard.name} requires.`, {
      owner: standard.owner,
      wayOut: 'Add a synonym to the standard, or write the mapping under catalog/feeds.',
    })
  }
  return {
    columns: columns.map(column => (unanswered.includes(column) ? { ...column, status: 'open' } : column)),
    blocking,
    optional: ask ? open.filter(({ column }) => required.get(column) !== true) : [],
  }
}

function decideOne({ column, candidates, assigned, lead }: ColumnMatch, policy: MappingPolicy): MappedColumn {
  const best = assigned === undefined ? undefined : candidates[0]
  const base = {
    column,
    step: 'evidence' as const,
    confidence: best?.confidence ?? 0,
    evidence: best?.evidence ?? [],
    candidates: [...candidates],
  }
  if (best === undefined) return { ...base, expression: null, sourceColumns: [], status: 'absent' }
  const sure = best.confidence >= policy.acceptConfidence && lead >= policy.leadMargin
  if (!sure) return { ...base, expression: null, sourceColumns: [], status: 'open' }
  return {
    ...base,
    expression: quoteIdentifier(best.sourceColumn),
    sourceColumns: [best.sourceColumn],
    status: 'accepted',
  }
}
