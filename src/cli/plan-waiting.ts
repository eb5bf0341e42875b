import type { Sizing } from '../../contracts/data/sizing.ts'
import { asFailure } from '../../contracts/failures.ts'
import { historyOf, noHistory, type SizedContract, sizeLoad, type TableHistory } from '../compiler/sizing.ts'
import { bronzeRef } from '../compiler/tables.ts'
import { inspectFile } from '../discovery/shell.ts'
import type { Surveyed } from '../intake/intake.ts'
import { tableHistory } from '../tools/lakehouse/reading.ts'
import { offerOf } from './spark.ts'
import { defaultOwner } from './summary.ts'
import type { Workspace } from './workspace.ts'

/** What one waiting delivery would be given. */
export interface DeliveryPlan extends Sizing {
  readonly vendor: string
  readonly table: string
  readonly file: string
  /** Null for a feed that has no contract yet. */
  readonly contractVersion: number | null
  /** Where `source.rows` comes from: the file, the length of records seen before, or nowhere. */
  readonly rowsAre: 'counted' | 'estimated' | 'unknown'
}

/** The document of `aiworkflow plan --json`. */
export interface Plans {
  readonly deliveries: readonly DeliveryPlan[]
  readonly errors: readonly {
    readonly file: string
    readonly code: string
    readonly message: string
    readonly wayOut: string
    readonly owner: string
  }[]
}

/** Sizes every file in landing that is not loaded yet, as ingestion will. One file's trouble is its own entry under `errors`. */
export async function planWaiting(workspace: Workspace): Promise<Plans> {
  const { intake, stores, catalog } = workspace
  const owner = await defaultOwner(catalog)
  const { files, failed } = await intake.survey()
  const deliveries: DeliveryPlan[] = []
  const errors = failed.map(({ file, failure }) => errorOf(file, failure, owner))
  for (const surveyed of files) {
    const view = surveyed.run && (await stores.runs.get(surveyed.run.id))
    if (view?.progress.bronze !== undefined) continue
    try {
      deliveries.push(await planOf(workspace, surveyed))
    } catch (error) {
      errors.push(errorOf(surveyed.file, error, owner))
    }
  }
  return { deliveries, errors }
}

async function planOf(workspace: Workspace, { file, path, feed, sizeBytes }: Surveyed): Promise<DeliveryPlan> {
  const { catalog, settings } = workspace
  const { discovery, compute } = await catalog.policies()
  const known = await catalog.contract(feed)
  const contract: SizedContract = known ?? { ...feed, ...(await inspectFile(path, discovery)) }
  const history = await historyAt(workspace, contract)
  const sizing = sizeLoad({ sizeBytes, contract, history }, compute, offerOf(settings))
  const rowsAre = sizing.source.rows === null ? 'unknown' : known ? 'estimated' : 'counted'
  return { ...feed, file, contractVersion: known?.version ?? null, rowsAre, ...sizing }
}

/** Of the warehouse, where there is one: a plan makes none. */
async function historyAt({ lakehouse }: Workspace, contract: SizedContract): Promise<TableHistory> {
  const found = await tableHistory(lakehouse, { table: bronzeRef(contract), limit: 1, ifMissing: 'empty' })
  return found.snapshots.length === 0 ? noHistory : historyOf(found)
}

function errorOf(file: string, error: unknown, owner: string): Plans['errors'][number] {
  const { code, message, wayOut, owner: own } = asFailure(error)
  return { file, code, message, wayOut, owner: own ?? owner }
}
