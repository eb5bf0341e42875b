import { Failure } from '../../contracts/failures.ts'
import { counted } from './render/text.ts'
import type { Workspace } from './workspace.ts'

/**
 * A warehouse without a table, though deliveries were loaded: it was deleted, moved, or is not mounted. To go on would fill a new one
 * with what comes from now on and leave out all that came before, since what is known is not loaded again.
 * @throws Failure TABLE_MISSING
 */
export async function refuseLostWarehouse(workspace: Workspace): Promise<void> {
  const { dir, settings, stores, lakehouse } = workspace
  if ((await lakehouse.listTables()).length > 0) return
  const loaded = (await stores.runs.all()).filter(({ progress }) => progress.bronze !== undefined)
  if (loaded.length === 0) return
  const deliveries = new Set(loaded.map(({ delivery }) => delivery.id))
  const { warehouse, catalog } = settings.lakehouse
  const place =
    warehouse.kind === 'folder'
      ? warehouse.path
      : `${warehouse.url}${catalog.kind === 'local' ? ` with its catalog in ${dir}/warehouse` : ''}`
  throw new Failure(
    'TABLE_MISSING',
    `The warehouse ${place} has no tables, though ${counted(deliveries.size, 'delivery was', 'deliveries were')} loaded: it was deleted or moved, or is not mounted.`,
    {
      wayOut: `Put it back, or set lakehouse.warehouse to where it is. To load all that lies in landing/ anew, move ${dir}/.aiworkflow away too.`,
    },
  )
}
