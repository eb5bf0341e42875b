/** Opens a workspace: the one place where settings become adapters. What it opens it closes, in the order of dependence. */
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isGraphBubbleUp } from '@langchain/langgraph'
import type { Bus } from '../../bus/bus.ts'
import { claimOwner } from '../../bus/owner.ts'
import { Failure } from '../../contracts/failures.ts'
import type { ServerName } from '../../contracts/tools/index.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { FileCatalog } from '../catalog/files.ts'
import { Intake } from '../intake/intake.ts'
import { defaultCatalogName, type Lakehouse, openLakehouse } from '../lakehouse/lakehouse.ts'
import type { Model } from '../model/model.ts'
import { type ActorStores, actorStores } from '../runtime/stores.ts'
import { RedisStateStore } from '../state/redis.ts'
import type { StateStore } from '../state/store.ts'
import { type Metrics, startMetrics } from '../telemetry/metrics.ts'
import { createTelemetry, type Telemetry } from '../telemetry/tracer.ts'
import { createHost, type Host, type HostOptions } from '../tools/host.ts'
import type { ToolServer } from '../tools/server.ts'
import { createToolServer, deliveriesFolder, landingFolder, type Workplace } from '../tools/servers.ts'
import type { TokenHolder } from '../tools/tokens.ts'
import {
  localServers,
  modelsOf,
  openBus,
  openStore,
  type Place,
  remoteServers,
  spanExporter,
  toolsSecret,
  warehousePlace,
} from './adapters.ts'
import type { Secrets } from './secrets.ts'
import type { Settings } from './settings.ts'
import { offerOf, sparkOf } from './spark.ts'

export interface Workspace {
  readonly dir: string
  readonly settings: Settings
  readonly catalog: Catalog
  readonly bus: Bus
  readonly stores: ActorStores
  /** Opened when it is first asked for: a process whose tools are elsewhere never does. */
  readonly lakehouse: Lakehouse
  readonly telemetry: Telemetry
  /** There where spans are exported. */
  readonly metrics: Metrics | undefined
  readonly intake: Intake
  /**
   * The door to the tools. Who is in a process of its own calls tools elsewhere by its own token; `more` are servers beside the three,
   * with the contracts of those in this process.
   */
  host(holder: TokenHolder, more?: Pick<HostOptions, 'servers' | 'contracts'>): Promise<Host>
  /** A tool server in this process, for others or for its own agents. */
  tools(name: ServerName): ToolServer
  /** The language model of that name, or the one that the settings name; undefined for none. @throws Failure MODEL_PROVIDER_UNKNOWN, MODEL_KEY_MISSING. */
  model(name?: string): Model | undefined
  /** Names this process among those that hold leases. */
  readonly owner: string
  /** What tokens for the tool servers are made and checked by. */
  toolsSecret(): Promise<string>
  /** What the servers' settings do not keep of the program's promises, as sentences. */
  warnings(): Promise<readonly string[]>
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
  readonly secrets?: Secrets
  readonly onTrouble?: (message: string) => void
}

/** Errors: CATALOG_MISSING for a folder that is no workspace, SETTING_INVALID for an adapter that is not there. */
export async function openWorkspace(settings: Settings, options: OpenOptions = {}): Promise<Workspace> {
  const dir = settings.directory
  const { metadata, lakehouse: lake } = settings
  if (metadata.kind !== 'files') throw notThere('metadata', metadata.kind)
  const { catalog: tables } = lake
  if (!(await isFolder(metadata.path))) {
    throw new Failure('CATALOG_MISSING', `${dir} is no workspace: it has no catalog at ${metadata.path}.`, {
      wayOut: `Make one with: aiworkflow init ${dir}`,
    })
  }
  const own = join(dir, '.aiworkflow')
  const landingDir = join(dir, landingFolder)
  const storeDir = join(dir, deliveriesFolder)
  for (const folder of [own, landingDir, storeDir]) await mkdir(folder, { recursive: true })

  const { secrets = {}, onTrouble = () => {} } = options
  const place: Place = { settings, secrets, own, onTrouble }
  const exporter = spanExporter(settings)
  const metrics = exporter && startMetrics('aiworkflow', process.env)
  const telemetry = createTelemetry({
    journalFile: join(own, 'telemetry.sqlite'),
    serviceName: 'aiworkflow',
    isPause: isGraphBubbleUp,
    ...(exporter && { exporter }),
    ...(metrics && { onSpanEnd: metrics.spanEnded }),
  })
  const owner = claimOwner()
  const same = <T>(part: T): T => part
  const opened = openStore(place)
  const store = (options.store ?? same)(opened)
  const stores = (options.stores ?? same)(actorStores(store))
  const bus = (options.bus ?? same)(await openBus(place, store))
  const catalog = (options.catalog ?? same)(new FileCatalog(metadata.path))
  const { embedded } = (await catalog.policies()).compute
  const lakehouse = lazily(() =>
    (options.lakehouse ?? same)(
      openLakehouse({
        ...tablesAt(),
        memoryLimit: `${embedded.memoryLimitBytes}B`,
      }),
    ),
  )
  const tablesAt = () => ({
    ...warehousePlace(settings, secrets),
    rest:
      tables.kind === 'rest' ? { url: tables.url, warehouse: tables.warehouse, token: secrets.lakeToken } : undefined,
  })
  const workplace: Workplace = {
    workspace: dir,
    catalog,
    store,
    engines: offerOf(settings),
    get spark() {
      return sparkOf(settings, () => ({ name: defaultCatalogName, ...tablesAt() }))
    },
    get lakehouse() {
      return lakehouse.get()
    },
  }
  const served = new Map<ServerName, ToolServer>()
  const tools = (name: ServerName): ToolServer => {
    const known = served.get(name) ?? createToolServer(name, workplace, telemetry)
    served.set(name, known)
    return known
  }
  const hosts: Host[] = []
  const models = modelsOf(place, {
    store,
    budgets: stores.budgets,
    telemetry,
    owner: owner.id,
    policy: async () => {
      const { model, spending } = await catalog.policies()
      if (model !== undefined) return { model, spending }
      throw new Failure('MODEL_POLICY_MISSING', 'The catalog says nothing of what a model may be asked and may cost.')
    },
  })
  const intake = new Intake({ workspaceDir: dir, landingDir, storeDir, stores, bus, catalog, telemetry })
  return {
    dir,
    settings,
    catalog,
    bus,
    stores,
    get lakehouse() {
      return lakehouse.get()
    },
    telemetry,
    metrics,
    intake,
    host: async (holder, more = { servers: [] }) => {
      const servers = [...localServers(settings).map(tools), ...remoteServers(place, holder), ...more.servers]
      const { ledger, budgets } = stores
      const host = await createHost((options.host ?? same)({ ...more, servers, ledger, budgets, telemetry }))
      hosts.push(host)
      return host
    },
    tools,
    model: models,
    owner: owner.id,
    toolsSecret: () => toolsSecret(place),
    warnings: async () => (opened instanceof RedisStateStore ? opened.durabilityWarnings() : []),
    close: async () => {
      await bus.close()
      for (const host of hosts) await host.close()
      await lakehouse.opened?.close()
      await store.sweep().catch(() => 0)
      await store.close()
      await telemetry.shutdown()
      await metrics?.close().catch(() => undefined)
      owner.release()
    },
  }
}

/** Made when it is first asked for, and once. */
function lazily<T>(make: () => T): { get(): T; readonly opened: T | undefined } {
  let made: T | undefined
  return {
    get() {
      made ??= make()
      return made
    },
    get opened() {
      return made
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
