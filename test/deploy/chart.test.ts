import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { agentNames, chain, consumerGroup } from '../../contracts/chain.ts'
import { chartChainText } from '../../contracts/chart.ts'
import { serverNames } from '../../contracts/tools/index.ts'
import { chartChainFile } from '../../scripts/contracts.ts'
import { drainTimeoutMs } from '../../src/cli/chain.ts'
import { readyPath } from '../../src/cli/health.ts'
import { secretNames } from '../../src/cli/secrets.ts'
import { environmentName, readSettings, settingNames } from '../../src/cli/settings.ts'
import { sparkConfiguration } from '../../src/compiler/spark-configuration.ts'
import { healthPath } from '../../src/tools/http.ts'
import { keeps } from '../promises.ts'
import {
  chartFolder,
  type Deployment,
  faultsOf,
  lint,
  mayReach,
  NetworkPolicy,
  program,
  render,
  roleOf,
  ScaledObject,
  template,
  templating,
} from './chart.ts'

/** Everything that may be turned on. */
const everything = {
  otlpEndpoint: 'http://collector:4318',
  model: 'openai:gpt-5.1',
  'kafka.namespace': 'shop',
  'kafka.tls': true,
  'kafka.sasl.mechanism': 'scram-sha-512',
  'kafka.sasl.username': 'aiworkflow',
  'lakehouse.warehouse': 's3://lake/warehouse',
  'lakehouse.storeEndpoint': 'https://store:9000',
  'spark.enabled': true,
  'spark.image': 'spark:4.1',
  'spark.serverImage': 'aiworkflow-spark:1',
  'image.pullSecrets[0]': 'registry',
  'nodeSelector.disk': 'ssd',
  'podAnnotations.team': 'data',
}
const releases = {
  'as it comes': {},
  everything,
  least: {
    'scaling.enabled': false,
    'network.enabled': false,
    'workspace.existingClaim': 'shop',
    'workspace.prepare': false,
  },
}
const plain = render()
const full = render(everything)

const agentRole = (name: string) => `agent-${name}`
const serverRole = (name: string) => `tools-${name}`
/** Who may ask a language model. */
const asking = agentNames.filter(name => (chain[name].nodes as readonly string[]).includes('consult')).map(agentRole)
const roles = [...agentNames.map(agentRole), ...serverNames.map(serverRole), 'intake']
const ofRole = ({ deployments }: typeof plain, role: string): Deployment => deployments.get(role)!
const podOf = (release: typeof plain, role: string) => ofRole(release, role).spec.template.spec
const environmentOf = (release: typeof plain, role: string) =>
  new Map(podOf(release, role).containers[0].env!.map(entry => [entry.name, entry]))

describe('deploy/chart', () => {
  test.each(Object.entries(releases))(
    '%s: Helm has nothing against it, and every resource is one of Kubernetes or KEDA',
    (_, values) => {
      const { status, stdout, stderr } = lint(values)
      expect(status, stdout + stderr).toBe(0)
      const { text, all } = render(values)
      expect(faultsOf(text)).toEqual({ valid: all.length, faults: [] })
    },
  )

  test('what checks it would notice: a field that no kind has, a kind that nobody knows', () => {
    const mistyped = plain.text.replace('limitToPartitionsWithLag', 'x').replace('minReplicaCount', 'minReplicas')
    expect(faultsOf(mistyped).faults.join()).toContain('minReplicas')
    expect(faultsOf(plain.text.replace('  selector:', '  selectr:')).faults).toHaveLength(1)
    expect(faultsOf('apiVersion: keda.sh/v1\nkind: Unknown\nmetadata: {name: x}').faults).toHaveLength(1)
  })

  test('a value that there is not, or that is of another kind, is refused by name', () => {
    for (const values of [
      { 'kafka.broker': 'x:1' },
      { 'agents.reviewer.minReplicas': 1 },
      { 'scaling.lagThreshold': 'few' },
    ])
      expect(template(values)).toMatchObject({ status: 1 })
    expect(template({ 'agents.reviewer.minReplicas': 1 }).stderr).toContain('reviewer')
    expect(template({ terminationGracePeriodSeconds: 30 }).stderr).toContain('terminationGracePeriodSeconds')
    expect(template({ 'spark.enabled': true }).stderr).toContain('spark.serverImage')
    const store = { 'lakehouse.warehouse': 's3://lake/shop', 'lakehouse.catalog': 'local' }
    expect(template(store).stderr).toContain('name a REST catalog')
  })

  test('the values that deploy/README.md shows are such as it takes', async () => {
    const readme = await readFile(join(chartFolder, '../README.md'), 'utf8')
    const [shown] = [...readme.matchAll(/```yaml\n([^`]*storageClassName[^`]*)```/g)].map(([, text]) => text!)
    const { status, stdout, stderr } = program('helm', [...templating, '-f', '-'], shown)
    expect(status, stderr).toBe(0)
    expect(stdout).toContain('http://rest-catalog.lake:8181')
    expect(faultsOf(stdout).faults).toEqual([])
  })

  test('the table it is made of is the pipeline’s', async () => {
    expect(await readFile(chartChainFile, 'utf8'), 'run `npm run contracts`').toBe(chartChainText())
  })

  test('there is a process for every agent, every tool server and the intake, each started by a command there is', () => {
    expect([...plain.deployments.keys()].sort()).toEqual([...roles].sort())
    const commands = roles.map(role => podOf(plain, role).containers[0].args!.slice(0, 3).join(' '))
    expect(commands).toEqual([
      ...agentNames.map(name => `agent ${name} /workspace`),
      ...serverNames.map(name => `tools ${name} /workspace`),
      expect.stringMatching(/^intake \/workspace/),
    ])
  })

  test.each(roles)('%s is asked at a port and a path that it answers', role => {
    const { containers } = podOf(plain, role)
    const { args, ports, startupProbe, livenessProbe, readinessProbe } = containers[0]
    const isServer = role.startsWith('tools-')
    const listens = args![args!.indexOf(isServer ? '--http' : '--health') + 1]
    expect(ports).toContainEqual({ name: 'health', containerPort: Number(listens) })
    for (const probe of [startupProbe, livenessProbe])
      expect(probe?.httpGet).toEqual({ path: healthPath, port: 'health' })
    expect(readinessProbe?.httpGet).toEqual({ path: isServer ? healthPath : readyPath, port: 'health' })
  })

  test('a process is given longer to stop than it takes to drain, and than Kafka takes to miss it', async () => {
    const { bus } = await readSettings({ directory: '/nowhere', environment: { AIWORKFLOW_BUS: 'kafka://k:9092' } })
    const sessionMs = bus.kind === 'kafka' ? bus.sessionTimeoutMs : Number.NaN
    for (const role of roles)
      expect(podOf(plain, role).terminationGracePeriodSeconds * 1000).toBeGreaterThan(drainTimeoutMs + sessionMs)
  })

  test('every process may be moved by an emptied node, one copy at a time', () => {
    const Budget = z.looseObject({ spec: z.looseObject({ maxUnavailable: z.literal(1), selector: z.looseObject({}) }) })
    const selectors = plain.of('PodDisruptionBudget', Budget).map(({ spec }) => spec.selector)
    expect(selectors).toHaveLength(roles.length)
    for (const role of roles) expect(selectors).toContainEqual(ofRole(plain, role).spec.selector)
  })
})

describe('scaling', () => {
  const triggersOf = (release: typeof plain) =>
    new Map(release.of('ScaledObject', ScaledObject).map(found => [roleOf(found.metadata.labels!), found]))

  test('each agent by the lag of its own group in every topic that it consumes, and in no other', () => {
    for (const [release, prefix] of [
      [plain, ''],
      [full, 'shop.'],
    ] as const) {
      const scaled = triggersOf(release)
      expect([...scaled.keys()].sort()).toEqual(agentNames.map(agentRole).sort())
      for (const name of agentNames) {
        const { spec } = scaled.get(agentRole(name))!
        expect(spec.scaleTargetRef.name).toBe(ofRole(release, agentRole(name)).metadata.name)
        expect(spec.triggers.map(({ metadata }) => metadata['topic'])).toEqual(
          chain[name].consumes.map(topic => prefix + topic),
        )
        for (const { metadata } of spec.triggers)
          expect(metadata).toMatchObject({
            consumerGroup: prefix + consumerGroup(name),
            limitToPartitionsWithLag: 'true',
            offsetResetPolicy: 'earliest',
          })
      }
    }
  })

  test('a Deployment that KEDA scales names no number of copies itself; without KEDA it does', () => {
    const without = render(releases.least)
    expect(without.of('ScaledObject', ScaledObject)).toEqual([])
    for (const name of agentNames) {
      expect(ofRole(plain, agentRole(name)).spec.replicas).toBeUndefined()
      expect(ofRole(without, agentRole(name)).spec.replicas).toBe(1)
    }
  })
})

describe('who may what', () => {
  keeps('P11')(
    'by the network an agent reaches the tool servers whose tools the pipeline gives it, and nobody else anybody',
    () => {
      for (const release of [plain, full]) {
        const policies = release.of('NetworkPolicy', NetworkPolicy)
        const reached = roles.flatMap(from =>
          roles
            .filter(to => to !== from)
            .filter(to =>
              podOf(release, to)
                .containers[0].ports!.filter(({ name }) => name === 'health')
                .some(({ containerPort }) =>
                  mayReach(policies, ofRole(release, from), ofRole(release, to), containerPort),
                ),
            )
            .map(to => `${from} > ${to}`),
        )
        const wanted = agentNames.flatMap(name => {
          const servers = new Set<string>(chain[name].tools.map(tool => tool.split('.')[0]!))
          return serverNames
            .filter(server => servers.has(server))
            .map(server => `${agentRole(name)} > ${serverRole(server)}`)
        })
        expect(reached.sort()).toEqual(wanted.sort())
      }
    },
  )

  keeps('P11')(
    'no container may write its image, is root, has a capability or, but for Spark, a token of the cluster',
    () => {
      for (const release of [plain, full])
        for (const role of roles) {
          const pod = podOf(release, role)
          expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
          for (const container of [...pod.containers, ...(pod.initContainers ?? [])])
            expect(container.securityContext).toEqual({
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ['ALL'] },
            })
          expect(pod.automountServiceAccountToken).toBe(release === full && role === serverRole('lakehouse'))
        }
    },
  )

  keeps('P11')(
    'an agent sees the catalog to read and its journal, no landing zone; the metadata server alone writes the catalog',
    () => {
      const places = (role: string, release = plain) =>
        podOf(release, role).containers[0].volumeMounts.map(
          ({ mountPath, readOnly }) => `${mountPath}${readOnly ? ':ro' : ''}`,
        )
      for (const name of agentNames)
        expect(places(agentRole(name))).toEqual(['/workspace/.aiworkflow', '/tmp', '/workspace/catalog:ro'])
      expect(roles.filter(role => places(role, full).includes('/workspace/prompts:ro'))).toEqual(asking)
      expect(roles.filter(role => places(role).includes('/workspace/catalog'))).toEqual([serverRole('metadata')])
      expect(roles.filter(role => places(role).includes('/workspace/landing:ro'))).toEqual([
        serverRole('filesystem'),
        'intake',
      ])
      expect(roles.filter(role => places(role).includes('/workspace/.aiworkflow/deliveries'))).toEqual(['intake'])
    },
  )

  test('every name in the environment is a setting, a secret, or of OpenTelemetry, the object store or Spark', () => {
    const known = new Set([...settingNames.map(environmentName), ...secretNames, 'POD_NAME'])
    const strangers = roles.flatMap(role =>
      [...environmentOf(full, role).keys()].filter(name => !known.has(name) && !/^(OTEL|AWS|SPARK)_/.test(name)),
    )
    expect(strangers).toEqual([])
  })

  test('the settings are such as the program takes', async () => {
    for (const role of roles) {
      const entries = [...environmentOf(full, role)].map(([name, { value }]) => [name, value])
      const settings = await readSettings({ directory: '/nowhere', environment: Object.fromEntries(entries) })
      expect(settings).toMatchObject({
        bus: { kind: 'kafka', partitions: 8, replication: 3, sasl: { mechanism: 'scram-sha-512' } },
        state: { kind: 'redis' },
        namespace: 'shop',
        lakehouse: { catalog: { kind: 'rest' }, warehouse: { kind: 'store' } },
        telemetry: 'otlp',
        model: asking.includes(role) ? { kind: 'provider' } : { kind: 'none' },
      })
    }
  })

  test('a secret is handed by reference, and to whom it is for', () => {
    expect(full.all.filter(({ kind }) => kind === 'Secret')).toEqual([])
    const secret = /PASSWORD|SECRET|TOKEN|KEY/
    for (const role of roles)
      for (const [name, { value, valueFrom }] of environmentOf(full, role))
        expect([name, value === undefined && valueFrom?.secretKeyRef !== undefined]).toEqual([name, secret.test(name)])
    const holders = (name: string) => roles.filter(role => environmentOf(full, role).has(name))
    expect(holders('AIWORKFLOW_TOOLS_SECRET')).toEqual(serverNames.map(serverRole))
    expect(holders('AIWORKFLOW_TOOLS_TOKEN')).toEqual(agentNames.map(agentRole))
    expect(holders('AIWORKFLOW_MODEL_KEY')).toEqual(asking)
    expect(asking).toContain(agentRole('modeling'))
    expect(holders('AIWORKFLOW_LAKE_TOKEN')).toEqual([serverRole('lakehouse')])
    expect(holders('AWS_SECRET_ACCESS_KEY')).toEqual([serverRole('lakehouse')])
    const token = (name: string) => environmentOf(full, agentRole(name)).get('AIWORKFLOW_TOOLS_TOKEN')?.valueFrom
    expect(agentNames.map(name => token(name)?.secretKeyRef?.key)).toEqual(agentNames.map(name => `token-${name}`))
  })
})

describe('Spark on the cluster', () => {
  const Role = z.looseObject({
    rules: z.array(z.object({ apiGroups: z.array(z.string()), resources: z.array(z.string()) })),
  })

  test('only where it is asked for: an account that may make pods of this namespace, which the lakehouse server has', () => {
    expect(plain.all.filter(({ kind }) => /Role/.test(kind))).toEqual([])
    expect(full.all.filter(({ kind }) => /ClusterRole/.test(kind))).toEqual([])
    const [role] = full.of('Role', Role)
    expect(role?.rules.flatMap(({ apiGroups }) => apiGroups)).toEqual(['', ''])
    expect(role?.rules.flatMap(({ resources }) => resources)).not.toContain('secrets')
    const accounts = roles.map(name => podOf(full, name).serviceAccountName)
    expect(new Set(accounts)).toEqual(new Set(['shop-aiworkflow', 'shop-aiworkflow-spark']))
  })

  test('jobs are submitted with what the chart knows and what they are sized to, and neither speaks for the other', () => {
    const Defaults = z.looseObject({ data: z.object({ 'spark-defaults.conf': z.string() }) })
    const own = full.all.filter(({ metadata }) => metadata.name === 'shop-aiworkflow-spark')
    const [defaults] = own.filter(({ kind }) => kind === 'ConfigMap').map(found => Defaults.parse(found))
    const lines = defaults!.data['spark-defaults.conf'].trim().split('\n')
    const conf = Object.fromEntries(lines.map(line => line.split(/\s+/, 2)))
    expect(conf).toMatchObject({
      'spark.kubernetes.namespace': 'lake',
      'spark.kubernetes.authenticate.driver.serviceAccountName': 'shop-aiworkflow-spark',
      'spark.kubernetes.container.image': 'spark:4.1',
      'spark.kubernetes.executor.label.app.kubernetes.io/component': 'spark',
    })
    const sized = sparkConfiguration(
      {
        engine: 'spark',
        reason: '',
        source: { sizeBytes: 1, rows: 1 },
        workers: { least: 1, most: 2 },
        coresPerWorker: 1,
        memoryBytesPerWorker: 2 ** 30,
        readPartitionBytes: 1,
        shufflePartitions: 1,
        files: 1,
        partition: [],
      },
      { kind: 'kubernetes' },
    )
    expect(Object.keys(sized).filter(name => name in conf)).toEqual([])
  })
})
