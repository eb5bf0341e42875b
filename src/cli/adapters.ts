/** Settings become adapters: which bus, which state, which tool servers, where spans go. What connects does so on its first use. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { Bus } from '../../bus/bus.ts'
import { KafkaBus } from '../../bus/kafka.ts'
import { LocalBus } from '../../bus/local.ts'
import { ownerIsDead } from '../../bus/owner.ts'
import { localPartitions } from '../../contracts/chain.ts'
import { Failure } from '../../contracts/failures.ts'
import { type ServerName, serverNames } from '../../contracts/tools/index.ts'
import type { LakehouseOptions } from '../lakehouse/lakehouse.ts'
import { Model, type ModelOptions } from '../model/model.ts'
import { createClient } from '../model/providers.ts'
import { StateDeliveryNotes } from '../state/delivery-notes.ts'
import { RedisStateStore } from '../state/redis.ts'
import { SqliteStateStore } from '../state/sqlite.ts'
import type { StateStore } from '../state/store.ts'
import { otlpExporter } from '../telemetry/otlp.ts'
import type { RemoteToolServer } from '../tools/client.ts'
import { readOrMakeSecret, type TokenHolder, tokenOf } from '../tools/tokens.ts'
import type { Secrets } from './secrets.ts'
import type { Settings } from './settings.ts'

export interface Place {
  readonly settings: Settings
  readonly secrets: Secrets
  /** The workspace's `.aiworkflow`. */
  readonly own: string
  /** Told when a server goes away and when it is back. */
  readonly onTrouble: (message: string) => void
}

/** Of a workspace whose tables are in a store. */
const storeWarehouseFolder = 'warehouse'

/** Longer than a log keeps its messages. */
const notesTtlMs = 14 * 24 * 60 * 60 * 1000

export function openStore({ settings, secrets, own, onTrouble }: Place): StateStore {
  const { state, namespace } = settings
  if (state.kind === 'local') return new SqliteStateStore({ path: join(own, 'state.sqlite'), ownerIsDead })
  return new RedisStateStore({
    url: state.url,
    password: secrets.redisPassword,
    prefix: namespace === '' ? 'aiworkflow' : `aiworkflow:${namespace}`,
    onTrouble,
  })
}

/** @throws Failure SETTING_INVALID for a certificate that is not there, or a user without a password. */
export async function openBus({ settings, secrets, own, onTrouble }: Place, store: StateStore): Promise<Bus> {
  const { bus, namespace } = settings
  if (bus.kind === 'local') return new LocalBus({ path: join(own, 'bus.sqlite'), partitions: localPartitions })
  const { brokers, partitions, replication, sessionTimeoutMs, tls, sasl } = bus
  return new KafkaBus({
    brokers,
    partitions,
    replication,
    sessionTimeoutMs,
    prefix: namespace === '' ? '' : `${namespace}.`,
    notes: new StateDeliveryNotes(store, { ttlMs: notesTtlMs }),
    onTrouble,
    ...(tls && { tls: tls.caFile === undefined ? {} : { ca: await certificate(tls.caFile) } }),
    ...(sasl && { sasl: { ...sasl, password: passwordOf(sasl.username, secrets) } }),
  })
}

/**
 * Where the lakehouse keeps what. A store's warehouse has a folder here, too: for the catalog, for copies, for what is not finished.
 * @throws Failure SETTING_INVALID for a store without keys.
 */
export function warehousePlace(
  { directory, lakehouse: { warehouse } }: Settings,
  { storeAccessKey, storeSecretKey, storeSessionToken }: Secrets,
): Pick<LakehouseOptions, 'warehouseDir' | 'store'> {
  if (warehouse.kind === 'folder') return { warehouseDir: warehouse.path }
  if (storeAccessKey === undefined || storeSecretKey === undefined) {
    throw new Failure('SETTING_INVALID', `lakehouse.warehouse is ${warehouse.url}, and there are no keys for it.`, {
      wayOut: 'Give them in the environment as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    })
  }
  const { url, endpoint, region, copiesMegabytes } = warehouse
  const credentials = { accessKeyId: storeAccessKey, secretAccessKey: storeSecretKey, sessionToken: storeSessionToken }
  return {
    warehouseDir: join(directory, storeWarehouseFolder),
    store: { url, endpoint, region, credentials, mostCopiedBytes: copiesMegabytes * 1e6 },
  }
}

/** The tool servers that are elsewhere; `holder` is who calls them. */
export function remoteServers({ settings, secrets, own }: Place, holder: TokenHolder): RemoteToolServer[] {
  let token: string | undefined
  return serverNames.flatMap(name => {
    const at = settings.tools[name]
    if (at.kind === 'local') return []
    const tokenNow = async () => {
      token ??= secrets.toolsToken ?? tokenOf(holder, await toolsSecret({ secrets, own }))
      return token
    }
    return [{ name, url: at.url, token: tokenNow }]
  })
}

/** What tokens of this workspace are made and checked by. */
export const toolsSecret = ({ secrets, own }: Pick<Place, 'secrets' | 'own'>): Promise<string> =>
  secrets.toolsSecret === undefined ? readOrMakeSecret(join(own, 'tools.secret')) : Promise.resolve(secrets.toolsSecret)

export const localServers = (settings: Settings): readonly ServerName[] =>
  serverNames.filter(name => settings.tools[name].kind === 'local')

export const spanExporter = (settings: Settings): SpanExporter | undefined =>
  settings.telemetry === 'otlp' ? otlpExporter() : undefined

/** The models of a workspace by name, each made once. */
export function modelsOf(
  { settings, secrets }: Pick<Place, 'settings' | 'secrets'>,
  around: Omit<ModelOptions, 'client'>,
): (name?: string) => Model | undefined {
  const made = new Map<string, Model>()
  return (name = modelName(settings.model)) => {
    if (name === 'none') return undefined
    const known = made.get(name)
    if (known !== undefined) return known
    const key = secrets.modelKey ?? (name.startsWith('openai:') ? secrets.openAiKey : undefined)
    const { modelUrl: url, modelCassette: cassette } = settings
    const model = new Model({ ...around, client: createClient({ name, url, key, cassette }) })
    made.set(name, model)
    return model
  }
}

const modelName = (model: Settings['model']): string => {
  if (model.kind === 'provider') return `${model.provider}:${model.model}`
  return model.kind === 'endpoint' ? model.url : 'none'
}

async function certificate(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(error => {
    throw new Failure('SETTING_INVALID', `The certificate ${file} cannot be read: ${error.message}.`, {
      cause: error,
      wayOut: 'Name a file in PEM in kafka.tls, or true where the system knows the authority.',
    })
  })
}

function passwordOf(username: string, { kafkaPassword }: Secrets): string {
  if (kafkaPassword !== undefined) return kafkaPassword
  throw new Failure('SETTING_INVALID', `kafka.sasl names the user ${username}, and there is no password.`, {
    wayOut: 'Give it in the environment as AIWORKFLOW_KAFKA_PASSWORD.',
  })
}
