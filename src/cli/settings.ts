import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { Failure } from '../../contracts/failures.ts'
import type { ServerName } from '../../contracts/tools/index.ts'
import { parseDocument } from '../catalog/document.ts'
import { freeze, missingAsUndefined } from '../catalog/document-cache.ts'
import { editDistance } from '../catalog/nearest.ts'
import { secretNames } from './secrets.ts'

const text = z.string().optional()
const count = z.union([z.string(), z.int()]).transform(String).optional()
const toggle = z.union([z.string(), z.boolean()]).transform(String).optional()

/** Every setting as a person writes it in `aiworkflow.yaml`; none is needed. */
const SettingsFile = z.strictObject({
  bus: text,
  kafka: z
    .strictObject({ partitions: count, replication: count, sessionTimeoutMs: count, tls: toggle, sasl: text })
    .optional(),
  state: text,
  namespace: text,
  tools: z.strictObject({ filesystem: text, lakehouse: text, metadata: text }).optional(),
  lakehouse: z
    .strictObject({ catalog: text, warehouse: text, s3Endpoint: text, s3Region: text, s3CopiesMegabytes: count })
    .optional(),
  engine: text,
  spark: z.strictObject({ master: text, home: text }).optional(),
  metadata: text,
  model: text,
  modelUrl: text,
  modelCassette: text,
  telemetry: text,
})

/** What the program runs with: resolved once, frozen, paths absolute. Each part is an adapter's choice and what it needs. */
export interface Settings {
  /** The workspace, absolute. */
  readonly directory: string
  readonly bus: { readonly kind: 'local' } | KafkaSettings
  readonly state: { readonly kind: 'local' } | { readonly kind: 'redis'; readonly url: string }
  /** Stands before the names of topics, groups and keys, so that workspaces can share a cluster and a server. */
  readonly namespace: string
  /** Where the tool servers are: in the agent's own process, or at an address. */
  readonly tools: Readonly<
    Record<ServerName, { readonly kind: 'local' } | { readonly kind: 'http'; readonly url: string }>
  >
  readonly lakehouse: {
    readonly catalog:
      | { readonly kind: 'local' }
      /** `warehouse`: what the server calls it, where it has several. */
      | { readonly kind: 'rest'; readonly url: string; readonly warehouse?: string }
    readonly warehouse: { readonly kind: 'folder'; readonly path: string } | StoreSettings
  }
  readonly engine: 'auto' | 'duckdb' | 'spark'
  /** Undefined: there is none. `home`: a folder with bin/spark-submit, instead of what is found. */
  readonly spark: { readonly master: string; readonly home: string | undefined } | undefined
  readonly metadata:
    | { readonly kind: 'files'; readonly path: string }
    | { readonly kind: 'openmetadata'; readonly url: string }
  readonly model:
    | { readonly kind: 'none' }
    | { readonly kind: 'provider'; readonly provider: string; readonly model: string }
    | { readonly kind: 'endpoint'; readonly url: string }
  /** Where the provider is, instead of its own address. */
  readonly modelUrl: string | undefined
  /** A file in which what providers answered is kept, or from which it is taken instead of asking. */
  readonly modelCassette: { readonly mode: 'record' | 'replay'; readonly file: string } | undefined
  readonly telemetry: 'local' | 'otlp'
  /** Where each value came from, for people who wonder why. */
  readonly sources: Readonly<Record<SettingName, SettingSource>>
}

export interface StoreSettings {
  readonly kind: 'store'
  /** `s3://bucket/path`. */
  readonly url: string
  /** Where the store is, unless it is AWS itself. */
  readonly endpoint: string | undefined
  readonly region: string
  /** What copies of its files may take on this machine, about. */
  readonly copiesMegabytes: number
}

export interface KafkaSettings {
  readonly kind: 'kafka'
  readonly brokers: readonly string[]
  /** Of topics that do not exist yet. */
  readonly partitions: number
  readonly replication: number
  /** An agent that is not heard of for so long has died, and others take over its work. */
  readonly sessionTimeoutMs: number
  /** `caFile` for a certificate authority that the system does not know. */
  readonly tls: { readonly caFile?: string } | undefined
  /** The password is no setting: it comes from the environment, see secrets.ts. */
  readonly sasl:
    | { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string }
    | undefined
}

export type SettingSource = 'option' | 'environment' | 'file' | 'default'

const defaults = {
  bus: 'local',
  'kafka.partitions': '8',
  'kafka.replication': '1',
  'kafka.sessionTimeoutMs': '10000',
  'kafka.tls': 'false',
  'kafka.sasl': 'none',
  state: 'local',
  namespace: '',
  'tools.filesystem': 'local',
  'tools.lakehouse': 'local',
  'tools.metadata': 'local',
  'lakehouse.catalog': 'local',
  'lakehouse.warehouse': './warehouse',
  'lakehouse.s3Endpoint': 'default',
  'lakehouse.s3Region': 'us-east-1',
  'lakehouse.s3CopiesMegabytes': '10000',
  engine: 'auto',
  'spark.master': 'none',
  'spark.home': 'auto',
  metadata: './catalog',
  model: 'none',
  modelUrl: 'default',
  modelCassette: 'none',
  telemetry: 'local',
} as const

export type SettingName = keyof typeof defaults
export const settingNames = Object.keys(defaults) as SettingName[]

/** What other programs call the same thing: asked after our own names, before the default. */
const standardNames: { readonly [Name in SettingName]?: readonly string[] } = {
  'lakehouse.s3Endpoint': ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'],
  'lakehouse.s3Region': ['AWS_REGION', 'AWS_DEFAULT_REGION'],
}

/** `kafka.sessionTimeoutMs` is AIWORKFLOW_KAFKA_SESSION_TIMEOUT_MS in the environment. */
export const environmentName = (name: SettingName): string =>
  `AIWORKFLOW_${name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])|\./g, '_').toUpperCase()}`

export interface SettingsInput {
  readonly directory: string
  /** From the command line; wins over all. */
  readonly options?: Partial<Record<SettingName, string>>
  readonly environment?: Readonly<Record<string, string | undefined>>
}

/**
 * Option > environment (`AIWORKFLOW_*`) > `aiworkflow.yaml` > what other programs call it in the environment > default.
 * @throws Failure SETTING_INVALID naming the place, what is valid, and for an unknown key the nearest known one.
 */
export async function readSettings({ directory, options = {}, environment = {} }: SettingsInput): Promise<Settings> {
  const root = resolve(directory)
  const fileText = await missingAsUndefined(readFile(join(root, 'aiworkflow.yaml'), 'utf8'))
  const file = flatten(fileText === undefined ? {} : parseSettings(fileText))
  refuseMistyped(environment)

  const sources = {} as Record<SettingName, SettingSource>
  const read = <T>(name: SettingName, understand: (text: string) => T | undefined, valid: string): T => {
    const others = (standardNames[name] ?? []).map(other => ['environment', environment[other] || undefined, other])
    const given = [
      ['option', options[name]],
      ['environment', environment[environmentName(name)] || undefined],
      ['file', file[name]],
      ...others,
      ['default', defaults[name]],
    ] as [SettingSource, string | undefined, string?][]
    const [source, text = '', other] = given.find(entry => entry[1] !== undefined)!
    sources[name] = source
    const value = understand(text.trim())
    if (value !== undefined) return value
    throw new Failure(
      'SETTING_INVALID',
      `${other === undefined ? placeOf(name, source) : `${other} in the environment`} is "${text}"; expected ${valid}`,
    )
  }

  const engine = read('engine', oneOf('auto', 'duckdb', 'spark'), 'auto, duckdb or spark')
  const named = read('spark.master', masterOf, mastersValid).master
  const master = named ?? (engine === 'spark' ? 'local[*]' : undefined)
  const home = read('spark.home', text => homeOf(root, text), 'auto, or a folder with bin/spark-submit').home

  return freeze({
    directory: root,
    bus: withKafka(read('bus', brokersOf, 'local or kafka://host:port,…'), {
      partitions: read('kafka.partitions', countOf(10_000), 'a number of partitions, at least 1'),
      replication: read('kafka.replication', countOf(100), 'a number of replicas, at least 1'),
      sessionTimeoutMs: read('kafka.sessionTimeoutMs', countOf(1_800_000), 'a time in milliseconds, at least 1'),
      tls: read('kafka.tls', text => tlsOf(root, text), 'true, false, or the file of a certificate authority').tls,
      sasl: read('kafka.sasl', saslOf, 'none, plain:USER, scram-sha-256:USER or scram-sha-512:USER').sasl,
    }),
    namespace: read('namespace', namespaceOf, 'letters, digits, ".", "_" and "-", at most 100 of them'),
    tools: {
      filesystem: read('tools.filesystem', toolsOf, toolsValid),
      lakehouse: read('tools.lakehouse', toolsOf, toolsValid),
      metadata: read('tools.metadata', toolsOf, toolsValid),
    },
    state: read('state', stateOf, 'local or redis://host:port'),
    lakehouse: {
      catalog: read(
        'lakehouse.catalog',
        restOf,
        'local or the http(s) address of an Iceberg REST catalog, perhaps with ?warehouse=NAME',
      ),
      warehouse: withStore(
        read('lakehouse.warehouse', text => warehouseOf(root, text), 'a folder or s3://bucket/path'),
        {
          endpoint: read('lakehouse.s3Endpoint', addressOf, 'default, or the http(s) address of an S3-compatible store')
            .url,
          region: read('lakehouse.s3Region', regionOf, "a region's name, like eu-central-1"),
          copiesMegabytes: read('lakehouse.s3CopiesMegabytes', countOf(9_999_999), 'a number of megabytes, at least 1'),
        },
      ),
    },
    engine,
    spark: master === undefined ? undefined : { master, home },
    metadata: read('metadata', text => metadataOf(root, text), 'a folder or openmetadata:http(s)://…'),
    model: read('model', modelOf, 'none, provider:model, or the http(s) base address of an OpenAI-compatible server'),
    modelUrl: read('modelUrl', addressOf, 'default, or the http(s) base address of an OpenAI-compatible server').url,
    modelCassette: read('modelCassette', text => cassetteOf(root, text), 'none, record:FILE or replay:FILE').cassette,
    telemetry: read('telemetry', oneOf('local', 'otlp'), 'local or otlp'),
    sources,
  })
}

/** An empty file, or one of comments only, says nothing. */
function parseSettings(text: string): z.output<typeof SettingsFile> {
  return parseDocument(SettingsFile.nullable(), text, 'aiworkflow.yaml', 'SETTING_INVALID') ?? {}
}

/** `{lakehouse: {catalog: x}}` as `{'lakehouse.catalog': x}`. */
function flatten(file: z.output<typeof SettingsFile>): Partial<Record<SettingName, string | undefined>> {
  return Object.fromEntries(
    Object.entries(file).flatMap(([name, value]) =>
      typeof value === 'object'
        ? Object.entries(value).map(([part, inner]) => [`${name}.${part}`, inner])
        : [[name, value]],
    ),
  )
}

/** AIWORKFLOW_ names that are one or two slips from a setting; other programs' names are theirs. */
function refuseMistyped(environment: Readonly<Record<string, string | undefined>>): void {
  const known: string[] = [...settingNames.map(environmentName), ...secretNames]
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('AIWORKFLOW_') || known.includes(name)) continue
    const meant = known.find(candidate => editDistance(name, candidate) <= 2)
    if (meant) throw new Failure('SETTING_INVALID', `The environment has ${name}; did you mean ${meant}?`)
  }
}

function placeOf(name: SettingName, source: SettingSource): string {
  if (source === 'environment') return `${environmentName(name)} in the environment`
  return source === 'option' ? `The option ${name}` : `${name} in aiworkflow.yaml`
}

const oneOf =
  <T extends string>(...values: T[]) =>
  (text: string): T | undefined =>
    values.find(value => value === text)

const mastersValid =
  'none, local[*], spark://host:port, k8s://https://host:port, yarn, or sc://host:port for Spark Connect'

function masterOf(text: string): { readonly master: string | undefined } | undefined {
  if (text === 'none') return { master: undefined }
  const isMaster = /^(local(\[(\*|\d+)(,\d+)?\])?|yarn|(spark|sc):\/\/[^\s/]\S*|k8s:\/\/\S+)$/.test(text)
  return isMaster ? { master: text } : undefined
}

function homeOf(root: string, text: string): { readonly home: string | undefined } | undefined {
  if (text === 'auto') return { home: undefined }
  return isPath(text) ? { home: resolve(root, text) } : undefined
}

type Bus = Settings['bus']

function brokersOf(text: string): { readonly kind: 'local' } | Pick<KafkaSettings, 'kind' | 'brokers'> | undefined {
  if (text === 'local') return { kind: 'local' }
  if (!text.startsWith('kafka://')) return undefined
  const brokers = text
    .slice('kafka://'.length)
    .split(',')
    .map(broker => broker.trim())
  return brokers.every(broker => /^[^\s:/]+:\d{1,5}$/.test(broker)) ? { kind: 'kafka', brokers } : undefined
}

const withKafka = (
  bus: { readonly kind: 'local' } | Pick<KafkaSettings, 'kind' | 'brokers'>,
  kafka: Omit<KafkaSettings, 'kind' | 'brokers'>,
): Bus => (bus.kind === 'local' ? bus : { ...bus, ...kafka })

const countOf =
  (most: number) =>
  (text: string): number | undefined => {
    const number = /^\d{1,7}$/.test(text) ? Number(text) : 0
    return number >= 1 && number <= most ? number : undefined
  }

/** What Kafka allows in names of topics. */
const namespaceOf = (text: string): string | undefined => (/^[\w.-]{0,100}$/.test(text) ? text : undefined)

function tlsOf(root: string, text: string): Pick<KafkaSettings, 'tls'> | undefined {
  if (text === 'false') return { tls: undefined }
  if (text === 'true') return { tls: {} }
  return isPath(text) ? { tls: { caFile: resolve(root, text) } } : undefined
}

function saslOf(text: string): Pick<KafkaSettings, 'sasl'> | undefined {
  if (text === 'none') return { sasl: undefined }
  const [, mechanism, username] = /^(plain|scram-sha-256|scram-sha-512):(\S+)$/.exec(text) ?? []
  if (mechanism === undefined || username === undefined) return undefined
  return { sasl: { mechanism: mechanism as 'plain', username } }
}

const toolsValid = 'local or the http(s) address of a server started with `aiworkflow tools NAME --http PORT`'

function toolsOf(text: string): Settings['tools'][ServerName] | undefined {
  if (text === 'local') return { kind: 'local' }
  return isUrl(text, 'http:', 'https:') ? { kind: 'http', url: text } : undefined
}

function stateOf(text: string): Settings['state'] | undefined {
  if (text === 'local') return { kind: 'local' }
  return isUrl(text, 'redis:', 'rediss:') ? { kind: 'redis', url: text } : undefined
}

function restOf(text: string): Settings['lakehouse']['catalog'] | undefined {
  if (text === 'local') return { kind: 'local' }
  if (!isUrl(text, 'http:', 'https:')) return undefined
  const url = new URL(text)
  const warehouse = url.searchParams.get('warehouse')
  url.search = ''
  return { kind: 'rest', url: url.href, ...(warehouse && { warehouse }) }
}

type Folder = { readonly kind: 'folder'; readonly path: string }

function warehouseOf(root: string, text: string): Folder | Pick<StoreSettings, 'kind' | 'url'> | undefined {
  const url = text.replace(/\/+$/, '')
  if (/^s3:\/\/[a-z0-9][a-z0-9.-]{1,62}(?:\/[\w.=-]*[\w=-])*$/.test(url)) return { kind: 'store', url }
  return isPath(text) ? { kind: 'folder', path: resolve(root, text) } : undefined
}

const withStore = (
  warehouse: Folder | Pick<StoreSettings, 'kind' | 'url'>,
  store: Omit<StoreSettings, 'kind' | 'url'>,
): Settings['lakehouse']['warehouse'] => (warehouse.kind === 'folder' ? warehouse : { ...warehouse, ...store })

const regionOf = (text: string): string | undefined => (/^[\w-]{1,100}$/.test(text) ? text : undefined)

function metadataOf(root: string, text: string): Settings['metadata'] | undefined {
  if (text.startsWith('openmetadata:')) {
    const url = text.slice('openmetadata:'.length).trim()
    return isUrl(url, 'http:', 'https:') ? { kind: 'openmetadata', url } : undefined
  }
  return isPath(text) ? { kind: 'files', path: resolve(root, text) } : undefined
}

function modelOf(text: string): Settings['model'] | undefined {
  if (text === 'none') return { kind: 'none' }
  if (isUrl(text, 'http:', 'https:')) return { kind: 'endpoint', url: text }
  const [, provider, model] = /^([a-z][a-z0-9_-]*):([^\s/][^\s]*)$/.exec(text) ?? []
  return provider && model ? { kind: 'provider', provider, model } : undefined
}

function addressOf(text: string): { readonly url: string | undefined } | undefined {
  if (text === 'default') return { url: undefined }
  return isUrl(text, 'http:', 'https:') ? { url: text } : undefined
}

function cassetteOf(root: string, text: string): { readonly cassette: Settings['modelCassette'] } | undefined {
  if (text === 'none') return { cassette: undefined }
  const [, mode, path] = /^(record|replay):(.+)$/.exec(text) ?? []
  if (mode === undefined || path === undefined || !isPath(path)) return undefined
  return { cassette: { mode: mode as 'record', file: resolve(root, path) } }
}

const isPath = (text: string): boolean => text !== '' && !text.includes('\0') && !/^[a-z][a-z0-9+.-]*:/i.test(text)

function isUrl(text: string, ...schemes: string[]): boolean {
  return URL.canParse(text) && schemes.includes(new URL(text).protocol) && new URL(text).host !== ''
}
