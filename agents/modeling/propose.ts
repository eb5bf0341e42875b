/** The mapping a delivery is modelled by: the one in force, or the next version. Pure. */
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { MappedColumn, Mapping } from '../../contracts/data/mapping.ts'
import type { AutonomyPolicy } from '../../contracts/data/policy.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import type { VendorFacts } from '../../contracts/tools/metadata.ts'
import { decide } from '../../src/matching/decide.ts'
import { match } from '../../src/matching/match.ts'

export interface MappingInput {
  readonly contract: FeedContract
  readonly standard: Standard
  readonly vendor: VendorFacts
  readonly autonomy: AutonomyPolicy
  readonly previous: Mapping | null
  readonly createdAt: string
}

export type MappingProposal =
  | { readonly kind: 'known'; readonly mapping: Mapping }
  | {
      readonly kind: 'next'
      readonly mapping: Mapping
      /** Standard columns decided now, not remembered. */
      readonly fresh: ReadonlySet<string>
      readonly blocking: readonly MappedColumn[]
      readonly optional: readonly MappedColumn[]
    }

export function proposeMapping({
  contract,
  standard,
  vendor,
  autonomy,
  previous,
  createdAt,
}: MappingInput): MappingProposal {
  const remembered = previous === null ? [] : previous.columns.filter(column => stillHolds(column, contract, standard))
  const known = new Map(remembered.map(column => [column.column, column]))
  const wanted = new Set(standard.columns.map(({ name }) => name).filter(name => !known.has(name)))
  if (previous !== null && wanted.size === 0 && !seesNewColumns(previous, contract))
    return { kind: 'known', mapping: previous }
  // Columns the feed had nothing for may find something in what is new.
  for (const column of remembered) {
    if (column.status === 'absent' && column.step !== 'person') wanted.add(column.column)
  }
  const taken = new Set(remembered.flatMap(column => column.sourceColumns))
  const decided = decide(match(contract, standard, autonomy.mapping, wanted, taken), standard, autonomy.mapping)
  const fresh = new Map(decided.columns.map(column => [column.column, column]))
  const columns = standard.columns.flatMap(({ name }) => {
    const column = fresh.get(name) ?? known.get(name)
    return column === undefined
      ? []
      : [fresh.has(name) || column.status !== 'accepted' ? column : { ...column, step: rememberedStep(column) }]
  })
  if (
    previous !== null &&
    wanted.size > 0 &&
    sameColumns(columns, previous.columns) &&
    previous.standard.version === standard.version
  ) {
    return { kind: 'known', mapping: previous }
  }
  return {
    kind: 'next',
    mapping: {
      vendor: contract.vendor,
      table: contract.table,
      version: (previous?.version ?? 0) + 1,
      owner: contract.owner,
      standard: { name: standard.name, version: standard.version },
      contractVersion: contract.version,
      region: vendor.region,
      columns,
      createdAt,
    },
    fresh: new Set(fresh.keys()),
    blocking: decided.blocking,
    optional: decided.optional,
  }
}

/** What a person decided stays a person's; what evidence decided is memory from now on. */
const rememberedStep = (column: MappedColumn): MappedColumn['step'] =>
  column.step === 'person' || column.step === 'rule' ? column.step : 'memory'

function stillHolds(column: MappedColumn, contract: FeedContract, standard: Standard): boolean {
  if (!standard.columns.some(({ name }) => name === column.column)) return false
  const present = new Set(contract.columns.filter(({ retired }) => retired !== true).map(({ name }) => name))
  return column.sourceColumns.every(source => present.has(source))
}

/** Whether the contract brings columns that no column of the mapping was ever weighed against. */
function seesNewColumns(previous: Mapping, contract: FeedContract): boolean {
  return contract.version > previous.contractVersion
}

function sameColumns(one: readonly MappedColumn[], other: readonly MappedColumn[]): boolean {
  const essence = (columns: readonly MappedColumn[]) =>
    JSON.stringify(columns.map(({ column, expression, status }) => [column, expression, status]).sort())
  return essence(one) === essence(other)
}
