/** Which client speaks for `provider:model`. A provider of one's own is a function that makes a {@link ModelClient}. */
import { Failure } from '../../contracts/failures.ts'
import { type Cassette, cassetteFetch } from './cassette.ts'
import type { ModelClient } from './client.ts'
import { noKey, openAiClient } from './openai.ts'

export interface ModelChoice {
  /** `provider:model`, or the base address of an OpenAI-compatible server; its fragment names the model there. */
  readonly name: string
  /** Where the provider is, instead of its own address. */
  readonly url?: string | undefined
  readonly key?: string | undefined
  readonly cassette?: Cassette | undefined
}

/** Makes the client of a provider's model. It may use the global `fetch`, or the one it is given, so that cassettes work. */
export type Provider = (choice: ModelChoice & { readonly model: string; readonly fetch?: typeof fetch }) => ModelClient

const providers = new Map<string, Provider>()

/** Adds a provider, for `model: NAME:…`. @throws Failure SETTING_INVALID for a name that is taken. */
export function registerProvider(name: string, provider: Provider): void {
  if (providers.has(name) || name === 'openai')
    throw new Failure('SETTING_INVALID', `There is a provider ${name} already.`)
  providers.set(name, provider)
}

/** @throws Failure MODEL_PROVIDER_UNKNOWN, MODEL_KEY_MISSING. */
export function createClient(choice: ModelChoice): ModelClient {
  const { name, url, key, cassette } = choice
  const taped = cassette === undefined ? {} : { fetch: cassetteFetch(cassette) }
  if (/^https?:\/\//.test(name)) {
    const [baseUrl = name, model] = name.split('#')
    return openAiClient({ id: name, model: model || 'default', baseUrl, key: key ?? noKey, ...taped })
  }
  const [, providerName = '', model = ''] = /^([^:]+):(.+)$/.exec(name) ?? []
  const provider = providers.get(providerName)
  if (provider !== undefined) return provider({ ...choice, model, ...taped })
  if (providerName !== 'openai')
    throw new Failure('MODEL_PROVIDER_UNKNOWN', `There is no provider for the model ${name}.`, {
      wayOut: `Providers are ${['openai', ...providers.keys()].join(', ')}; others are added with registerProvider, or reached by modelUrl where they speak OpenAI's language.`,
    })
  if (key === undefined && url === undefined && cassette?.mode !== 'replay')
    throw new Failure('MODEL_KEY_MISSING', `${name} wants a key, and there is none in the environment.`)
  return openAiClient({ id: name, model, baseUrl: url, key: key ?? noKey, ...taped })
}
