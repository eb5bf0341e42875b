/** Opens a workspace: the one place where settings become adapters. What it opens it closes, in the order of dependence. */
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isGraphBubbleUp } from '@langchain/langgraph'
import type { Bus } from '../../bus/bus.ts'
import { LocalBus } from '../../bus/local.ts'
import { claimOwner, ownerIsDead } from '../../bus/owner.ts'
import { localPartitions } from '../../contracts/chain.ts'
import { Failure } from '../../contracts/failures.ts'
import type { ServerName } from '../../contracts/tools/index.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { FileCatalog } from '../catalog/files.ts'
import { Intake } from '../intake/intake.ts'
import { type Lakehouse, openLakehouse } from '../lakehouse/lakehouse.ts'
import { type ActorStores, actorStores } from '../runtime/stores.ts'
import { SqliteStateStore } from '../state/sqlite.ts'
import type { StateStore } from '../state/store.ts'
import { createTelemetry, type Telemetry } from '../telemetry/tracer.ts'
import { createHost, type Host, type HostOptions } from '../tools/host.ts'
import type { ToolServer } from '../tools/server.ts'
import { createToolServers, deliveriesFolder, landingFolder } from '../tools/servers.ts'
import type { Settings } from './settings.ts'

export interface Workspace {
  readonly dir: string
  readonly settings: Settings
  readonly catalog: Catalog
  readonly bus: Bus
  readonly stores: ActorStores
  readonly lakehouse: Lakehouse
  readonly telemetry: Telemetry
  readonly host: Host
  readonly intake: Intake
  /** The tool servers, for one that is served to others. */
  readonly tools: Readonly<Record<ServerName, ToolServer>>
  /** Names this process among those that hold leases. */
  readonly owner: string
  close(): Promise<void>
}

/** Stands between an adapter and those who use it: simulators put faults there, tests take a safeguard away. */
export interface OpenOptions {
  readonly store?: (store: StateStore) => StateStore
  readonly stores?: (stores: ActorStores) => ActorStores
  readonly bus?: (bus: Bus) => Bus
  readonly catalog?: (catalog: Catalog) => Catalog
  readonly lakehouse?: (lakehouse: Lakehouse) => Lakehouse
  readonly host?: (options: HostOptions) => HostOptions
}

/** Errors: CATALOG_MISSING for a folder that is no workspace, SETTING_INVALID for an adapter that is not there. */
export async function openWorkspace(settings: Settings, options: OpenOptions = {}): Promise<Workspace> {
  const dir = settings.directory
  const { metadata, lakehouse: lake } = settings
  if (settings.bus.kind !== 'local') throw notThere('bus', settings.bus.kind)
  if (settings.state.kind !== 'local') throw notThere('state', settings.state.kind)
  if (metadata.kind !== 'files') throw notThere('metadata', metadata.kind)
  if (lake.catalog.kind !== 'local') throw notThere('lakehouse.catalog', lake.catalog.kind)
  if (lake.warehouse.kind !== 'folder') throw notThere('lakehouse.warehouse', lake.warehouse.kind)
  if (settings.engine === 'spark') throw notThere('engine', 'spark')
  if (settings.model.kind !== 'none') throw notThere('model', settings.model.kind)
  if (settings.telemetry !== 'local') throw notThere('telemetry', settings.telemetry)
  if (!(await isFolder(metadata.path))) {
    throw new Failure('CATALOG_MISSING', `${dir} is no workspace: it has no catalog at ${metadata.path}.`, {
      wayOut: `Make one with: aiworkflow init ${dir}`,
    })
  }
  const own = join(dir, '.aiworkflow')
  const landingDir = join(dir, landingFolder)
  const storeDir = join(dir, deliveriesFolder)
  for (const folder of [own, landingDir, storeDir]) await mkdir(folder, { recursive: true })

  const telemetry = createTelemetry({
    journalFile: join(own, 'telemetry.sqlite'),
    serviceName: 'aiworkflow',
    isPause: isGraphBubbleUp,
  })
  const owner = claimOwner()
  const same = <T>(part: T): T => part
  const store = (options.store ?? same)(new SqliteStateStore({ path: join(own, 'state.sqlite'), ownerIsDead }))
  const stores = (options.stores ?? same)(actorStores(store))
  const bus = (options.bus ?? same)(new LocalBus({ path: join(own, 'bus.sqlite'), partitions: localPartitions }))
  const catalog = (options.catalog ?? same)(new FileCatalog(metadata.path))
  const { embedded } = (await catalog.policies()).compute
  const lakehouse = (options.lakehouse ?? same)(
    openLakehouse({ warehouseDir: lake.warehouse.path, memoryLimit: `${embedded.memoryLimitBytes}B` }),
  )
  const tools = createToolServers({ workspace: dir, catalog, store, lakehouse }, telemetry)
  const servers = Object.values(tools)
  const host = await createHost(
    (options.host ?? same)({ servers, ledger: stores.ledger, budgets: stores.budgets, telemetry }),
  )
  const intake = new Intake({ workspaceDir: dir, landingDir, storeDir, stores, bus, catalog, telemetry })
  return {
    dir,
    settings,
    catalog,
    bus,
    stores,
    lakehouse,
    telemetry,
    host,
    intake,
    tools,
    owner: owner.id,
    close: async () => {
      await bus.close()
      await host.close()
      await lakehouse.close()
      await store.sweep()
      await store.close()
      await telemetry.shutdown()
      owner.release()
    },
  }
}

function notThere(setting: string, value: string): Failure {
  return new Failure('SETTING_INVALID', `${setting}: ${value} is not available in this version.`, {
    wayOut: `Leave ${setting} at its default.`,
  })
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
}
