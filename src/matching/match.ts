/** Feed columns ↔ standard columns: candidates with evidence and confidence, and the best one-to-one assignment. Pure. */
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { MappingCandidate } from '../../contracts/data/mapping.ts'
import type { AutonomyPolicy } from '../../contracts/data/policy.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import { assign } from './assign.ts'
import { inContext, saidName } from './context.ts'
import { evidenceFor, type Source, targetOf } from './evidence.ts'

export type MappingPolicy = AutonomyPolicy['mapping']

export interface ColumnMatch {
  /** The standard's column. */
  readonly column: string
  /** Best first; the assigned one, if any, leads. */
  readonly candidates: readonly MappingCandidate[]
  /** The source column the assignment gives it. */
  readonly assigned: string | undefined
  /** How far the assigned candidate leads the next that is still free. */
  readonly lead: number
}

const kept = 5

/** @param taken source columns that are spoken for already */
export function match(
  contract: FeedContract,
  standard: Standard,
  policy: MappingPolicy,
  wanted: ReadonlySet<string>,
  taken: ReadonlySet<string>,
): ColumnMatch[] {
  const sources = sourcesOf(contract, new Set(policy.asides)).filter(({ column }) => !taken.has(column.name))
  const targets = standard.columns
    .filter(({ name }) => wanted.has(name))
    .map(column => targetOf(column, standard.key.includes(column.name)))
  const candidates = targets.map(target =>
    sources.map((source): MappingCandidate => {
      const evidence = evidenceFor(source, target, policy.weights)
      const points = evidence.reduce((sum, { weight }) => sum + weight, policy.weights['prior'] ?? 0)
      return { sourceColumn: source.column.name, confidence: squeeze(points), evidence }
    }),
  )
  const gain = candidates.map(row =>
    row.map(({ confidence }) => (confidence >= policy.askConfidence ? confidence ** 2 : 0)),
  )
  const assignment = assign(gain)
  const given = new Set(assignment.filter(index => index >= 0))
  return targets.map(({ column }, row) => {
    const index = assignment[row] ?? -1
    const all = candidates[row] ?? []
    const best = all[index]
    const others = all
      .filter((candidate, at) => at !== index && candidate.confidence >= policy.askConfidence)
      .sort((a, b) => b.confidence - a.confidence || (a.sourceColumn < b.sourceColumn ? -1 : 1))
    // A rival that serves another column well is no rival here.
    const rival = others.find(
      candidate => !given.has(sources.findIndex(source => source.column.name === candidate.sourceColumn)),
    )
    return {
      column: column.name,
      candidates: [...(best ? [best] : []), ...others].slice(0, kept),
      assigned: best?.sourceColumn,
      lead: best === undefined ? 0 : best.confidence - (rival?.confidence ?? 0),
    }
  })
}

function sourcesOf(contract: FeedContract, asides: ReadonlySet<string>): Source[] {
  const columns = contract.columns.filter(({ retired }) => retired !== true)
  const rows = Math.max(1, ...columns.map(({ quality }) => quality?.distinct ?? 0))
  const names = inContext(
    columns.map(column => ({ sourceName: saidName(column), distinctShare: (column.quality?.distinct ?? 0) / rows })),
    asides,
  )
  const unique = new Set(contract.keys.filter(key => key.columns.length === 1).map(key => key.columns[0]))
  return columns.map((column, index) => ({ column, name: names[index]!, unique: unique.has(column.name) }))
}

/** Points to a confidence between 0 and 1: the logistic function, rounded so that equal evidence is equal. */
const squeeze = (points: number): number => Math.round(1000 / (1 + Math.exp(-points))) / 1000
