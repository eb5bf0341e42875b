import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readSecrets } from '../../src/cli/secrets.ts'
import { environmentName, readSettings, type SettingsInput, settingNames } from '../../src/cli/settings.ts'

const folders: string[] = []
afterAll(() => Promise.all(folders.map(folder => rm(folder, { recursive: true, force: true }))))

async function settingsOf(file: string | undefined, given: Omit<SettingsInput, 'directory'> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'settings-'))
  folders.push(directory)
  if (file !== undefined) await writeFile(join(directory, 'aiworkflow.yaml'), file)
  return readSettings({ directory, ...given })
}

describe('settings', () => {
  test.each([
    ['no file', undefined],
    ['an empty file', ''],
    ['comments only', '# bus: local\n'],
  ])('%s: the defaults, with paths in the workspace', async (_, file) => {
    const settings = await settingsOf(file)
    expect(settings).toMatchObject({
      bus: { kind: 'local' },
      state: { kind: 'local' },
      lakehouse: {
        catalog: { kind: 'local' },
        warehouse: { kind: 'folder', path: join(settings.directory, 'warehouse') },
      },
      engine: 'auto',
      metadata: { kind: 'files', path: join(settings.directory, 'catalog') },
      model: { kind: 'none' },
      telemetry: 'local',
    })
    expect(new Set(Object.values(settings.sources))).toEqual(new Set(['default']))
  })

  test('option over environment over file over default, each remembered', async () => {
    const settings = await settingsOf('engine: spark\nmodel: openai:gpt-5.1\nbus: local\n', {
      environment: { AIWORKFLOW_ENGINE: 'duckdb', AIWORKFLOW_MODEL: 'http://127.0.0.1:11434/v1', AIWORKFLOW_STATE: '' },
      options: { engine: 'auto' },
    })
    expect(settings.engine).toBe('auto')
    expect(settings.model).toEqual({ kind: 'endpoint', url: 'http://127.0.0.1:11434/v1' })
    expect(settings.sources).toMatchObject({ engine: 'option', model: 'environment', bus: 'file', state: 'default' })
  })

  test('every adapter that can be named', async () => {
    const settings = await settingsOf(
      [
        'bus: kafka://one:9092,two:9092',
        'state: redis://cache:6379',
        'lakehouse: {catalog: "https://lake/rest", warehouse: "s3://bucket/path"}',
        'engine: spark',
        'metadata: openmetadata:https://meta/api',
        'model: openai:gpt-5.1',
        'telemetry: otlp',
      ].join('\n'),
    )
    expect(settings).toMatchObject({
      bus: {
        kind: 'kafka',
        brokers: ['one:9092', 'two:9092'],
        partitions: 8,
        replication: 1,
        sessionTimeoutMs: 10_000,
      },
      state: { kind: 'redis', url: 'redis://cache:6379' },
      lakehouse: {
        catalog: { kind: 'rest', url: 'https://lake/rest' },
        warehouse: { kind: 'store', url: 's3://bucket/path' },
      },
      engine: 'spark',
      metadata: { kind: 'openmetadata', url: 'https://meta/api' },
      model: { kind: 'provider', provider: 'openai', model: 'gpt-5.1' },
      telemetry: 'otlp',
    })
  })

  test('what a Kafka cluster and tool servers need, in sections, and as names with a dot elsewhere', async () => {
    const settings = await settingsOf(
      [
        'bus: kafka://one:9093',
        'kafka: {partitions: 24, replication: 3, tls: certificates/ca.pem, sasl: "scram-sha-512:agents"}',
        'namespace: shop',
        'tools: {lakehouse: "http://lake:8802"}',
      ].join('\n'),
      { environment: { AIWORKFLOW_TOOLS_METADATA: 'https://meta:8803' }, options: { 'kafka.partitions': '12' } },
    )
    expect(settings.bus).toEqual({
      kind: 'kafka',
      brokers: ['one:9093'],
      partitions: 12,
      replication: 3,
      sessionTimeoutMs: 10_000,
      tls: { caFile: join(settings.directory, 'certificates/ca.pem') },
      sasl: { mechanism: 'scram-sha-512', username: 'agents' },
    })
    expect(settings.namespace).toBe('shop')
    expect(settings.tools).toEqual({
      filesystem: { kind: 'local' },
      lakehouse: { kind: 'http', url: 'http://lake:8802' },
      metadata: { kind: 'http', url: 'https://meta:8803' },
    })
  })

  test('a secret is read from the environment only, and is no part of the settings', async () => {
    const environment = { AIWORKFLOW_KAFKA_PASSWORD: 'hush', AIWORKFLOW_TOOLS_TOKEN: '' }
    expect(readSecrets(environment)).toEqual({ kafkaPassword: 'hush' })
    expect(JSON.stringify(await settingsOf('', { environment }))).not.toContain('hush')
    await expect(settingsOf('kafka: {password: hush}')).rejects.toThrow('kafka.password: unknown key')
  })

  test('a warehouse in a store is told where it is by our names, or by those that other programs know', async () => {
    const file = 'lakehouse: {warehouse: "s3://lake/shop/", s3Region: eu-west-3}'
    const store = { kind: 'store', url: 's3://lake/shop', copiesMegabytes: 10_000 }
    expect((await settingsOf(file)).lakehouse.warehouse).toEqual({ ...store, endpoint: undefined, region: 'eu-west-3' })
    const environment = {
      AWS_ENDPOINT_URL: 'http://all:1',
      AWS_ENDPOINT_URL_S3: 'http://s3:9000',
      AWS_REGION: 'nowhere',
    }
    const settings = await settingsOf(file, { environment })
    expect(settings.lakehouse.warehouse).toEqual({ ...store, endpoint: 'http://s3:9000', region: 'eu-west-3' })
    const own = { ...environment, AIWORKFLOW_LAKEHOUSE_S3_ENDPOINT: 'https://own', AIWORKFLOW_LAKEHOUSE_S3_REGION: 'x' }
    const ours = await settingsOf(file, { environment: own })
    expect(ours.lakehouse.warehouse).toEqual({ ...store, endpoint: 'https://own', region: 'x' })
    await expect(settingsOf(file, { environment: { AWS_ENDPOINT_URL: 's3' } })).rejects.toThrow(
      'AWS_ENDPOINT_URL in the environment is "s3"; expected default, or the http(s) address',
    )
  })

  test('the result is frozen, all the way down', async () => {
    const settings = await settingsOf('bus: kafka://one:9092')
    expect(Object.isFrozen(settings) && Object.isFrozen(settings.bus) && Object.isFrozen(settings.sources)).toBe(true)
    expect(() => Object.assign(settings.bus, { kind: 'local' })).toThrow(TypeError)
  })

  test.each([
    ['engin: duckdb', 'aiworkflow.yaml:1:1 engin: unknown key; did you mean engine?'],
    ['lakehouse:\n  warehause: ./x', 'aiworkflow.yaml:2:3 lakehouse.warehause: unknown key; did you mean warehouse?'],
    ['bus: 7', 'aiworkflow.yaml:1:1 bus: Invalid input: expected string'],
    ['engine: duck', 'engine in aiworkflow.yaml is "duck"; expected auto, duckdb or spark'],
    ['kafka: {partitions: 0}', 'kafka.partitions in aiworkflow.yaml is "0"; expected a number of partitions'],
    ['kafka: {sasl: "kerberos:x"}', 'expected none, plain:USER, scram-sha-256:USER'],
    ['namespace: "a b"', 'namespace in aiworkflow.yaml is "a b"'],
    ['tools: {lakehouse: "lake:8802"}', 'expected local or the http(s) address of a server'],
    ['bus: kafka://broker', 'expected local or kafka://host:port'],
    ['state: http://x', 'expected local or redis://'],
    ['model: gpt', 'expected none, provider:model'],
    ['metadata: openmetadata:somewhere', 'expected a folder or openmetadata:'],
    ['lakehouse: {warehouse: "gs://x"}', 'lakehouse.warehouse in aiworkflow.yaml is "gs://x"'],
    ['lakehouse: {warehouse: "s3://lake/a//b"}', 'expected a folder or s3://bucket/path'],
    ['lakehouse: {warehouse: "s3://lake/../b"}', 'expected a folder or s3://bucket/path'],
  ])('%s: SETTING_INVALID, saying where and what is valid', async (file, words) => {
    await expect(settingsOf(file)).rejects.toMatchObject({
      code: 'SETTING_INVALID',
      message: expect.stringContaining(words),
    })
  })

  test('a mistyped name in the environment is refused, names of others are theirs', async () => {
    await expect(settingsOf('', { environment: { AIWORKFLOW_ENGNIE: 'spark' } })).rejects.toThrow(
      'did you mean AIWORKFLOW_ENGINE?',
    )
    await expect(settingsOf('', { environment: { AIWORKFLOW_SOMETHING_ELSE: '1', PATH: 'x' } })).resolves.toBeDefined()
  })

  test('a fault in the environment is named as such', async () => {
    await expect(settingsOf('', { environment: { AIWORKFLOW_TELEMETRY: 'x' } })).rejects.toThrow(
      'AIWORKFLOW_TELEMETRY in the environment is "x"',
    )
    expect(settingNames.map(environmentName)).toEqual(
      expect.arrayContaining(['AIWORKFLOW_LAKEHOUSE_WAREHOUSE', 'AIWORKFLOW_KAFKA_SESSION_TIMEOUT_MS']),
    )
  })
})
