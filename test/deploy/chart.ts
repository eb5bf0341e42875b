/** What the tests of deploy/chart work with: Helm and kubeconform as programs, and what a release is made of. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'

const root = join(import.meta.dirname, '../..')
export const chartFolder = join(root, 'deploy/chart')
const parts = join(root, '.cache/helm')
const schemas = join(parts, 'schemas/{{.ResourceKind}}{{.KindSuffix}}.json')

/** A program of the project's scripts; missing, it says how to get it. */
export function program(name: 'helm' | 'kubeconform', words: readonly string[], input = '') {
  const file = join(parts, name)
  if (!existsSync(file)) throw new Error(`${file} is missing: get it with \`bash scripts/parts/helm.sh\``)
  const home = { HOME: parts, PATH: process.env['PATH'] ?? '' }
  const { status, stdout, stderr } = spawnSync(file, words, { input, encoding: 'utf8', env: home, maxBuffer: 1 << 26 })
  return { status, stdout, stderr }
}

/** Settings as they are typed: `--set name=value`. */
const set = (values: Readonly<Record<string, string | number | boolean>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`])

export const lint = (values: Parameters<typeof set>[0] = {}) =>
  program('helm', ['lint', '--strict', '--kube-version', '1.34.0', chartFolder, ...set(values)])

export const templating = ['template', 'shop', chartFolder, '--namespace', 'lake', '--kube-version', '1.34.0']
export const template = (values: Parameters<typeof set>[0] = {}) => program('helm', [...templating, ...set(values)])

/** What kubeconform has against documents, by the schemas of Kubernetes and KEDA; a kind without a schema is one of them. */
export function faultsOf(documents: string): { valid: number; faults: string[] } {
  const words = ['-strict', '-summary', '-output', 'json', '-schema-location', schemas, '-']
  const { stdout } = program('kubeconform', words, documents)
  const { resources, summary } = z
    .object({
      resources: z.array(z.object({ kind: z.string(), name: z.string(), status: z.string(), msg: z.string() })),
      summary: z.object({ valid: z.int(), skipped: z.int() }),
    })
    .parse(JSON.parse(stdout))
  const skipped = summary.skipped > 0 ? [`${summary.skipped} were skipped`] : []
  return {
    valid: summary.valid,
    faults: [...resources.map(({ kind, name, status, msg }) => `${kind} ${name}: ${status}: ${msg}`), ...skipped],
  }
}

const Labels = z.record(z.string(), z.string())
const Selector = z.object({ matchLabels: Labels })
const Resource = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), labels: Labels.optional() }),
})

export const EnvironmentEntry = z.strictObject({
  name: z.string(),
  value: z.string().optional(),
  valueFrom: z
    .object({
      secretKeyRef: z.strictObject({ name: z.string(), key: z.string(), optional: z.boolean().optional() }).optional(),
      fieldRef: z.object({ fieldPath: z.string() }).optional(),
    })
    .optional(),
})
const Mount = z.strictObject({
  name: z.string(),
  mountPath: z.string(),
  subPath: z.string().optional(),
  readOnly: z.boolean().optional(),
})
const Probe = z.looseObject({ httpGet: z.strictObject({ path: z.string(), port: z.string() }) })
const Container = z.looseObject({
  args: z.array(z.string()).optional(),
  env: z.array(EnvironmentEntry).optional(),
  ports: z.array(z.object({ name: z.string(), containerPort: z.int() })).optional(),
  securityContext: z.looseObject({}),
  volumeMounts: z.array(Mount),
  startupProbe: Probe.optional(),
  livenessProbe: Probe.optional(),
  readinessProbe: Probe.optional(),
})
const PodSpec = z.looseObject({
  serviceAccountName: z.string(),
  automountServiceAccountToken: z.boolean(),
  terminationGracePeriodSeconds: z.int(),
  securityContext: z.looseObject({}),
  initContainers: z.array(Container).optional(),
  containers: z.tuple([Container]),
})
export const Deployment = Resource.extend({
  spec: z.looseObject({
    replicas: z.int().optional(),
    selector: Selector,
    template: z.object({ metadata: z.looseObject({ labels: Labels }), spec: PodSpec }),
  }),
})
export type Deployment = z.infer<typeof Deployment>

export const ScaledObject = Resource.extend({
  spec: z.looseObject({
    scaleTargetRef: z.object({ name: z.string() }),
    pollingInterval: z.int(),
    minReplicaCount: z.int(),
    maxReplicaCount: z.int(),
    triggers: z.array(z.looseObject({ type: z.literal('kafka'), metadata: z.record(z.string(), z.string()) })),
  }),
})

const Peer = z.looseObject({ podSelector: Selector.optional() })
const Ports = z.array(z.object({ protocol: z.string(), port: z.int() }))
export const NetworkPolicy = Resource.extend({
  spec: z.looseObject({
    podSelector: Selector,
    policyTypes: z.array(z.string()),
    ingress: z.array(z.object({ from: z.array(Peer), ports: Ports })).optional(),
    egress: z.array(z.object({ to: z.array(Peer), ports: Ports })).optional(),
  }),
})
type NetworkPolicy = z.infer<typeof NetworkPolicy>

export interface Release {
  readonly text: string
  readonly all: readonly z.infer<typeof Resource>[]
  of<T extends z.ZodType>(kind: string, shape: T): z.infer<T>[]
  /** By the role of its pods: agent-planner, tools-lakehouse, intake. */
  readonly deployments: ReadonlyMap<string, Deployment>
}

export function render(values: Parameters<typeof set>[0] = {}): Release {
  const { status, stdout, stderr } = template(values)
  if (status !== 0) throw new Error(stderr)
  const all = parseAllDocuments(stdout, { merge: true })
    .map(document => document.toJS())
    .filter(document => document !== null)
    .map(document => Resource.parse(document))
  const of: Release['of'] = (kind, shape) =>
    all.filter(resource => resource.kind === kind).map(resource => shape.parse(resource))
  const deployments = new Map(
    of('Deployment', Deployment).map(found => [roleOf(found.spec.template.metadata.labels), found]),
  )
  return { text: stdout, all, of, deployments }
}

export const roleOf = (labels: Readonly<Record<string, string>>): string => labels['app.kubernetes.io/component'] ?? ''

const selects = (selector: z.infer<typeof Selector>, labels: Readonly<Record<string, string>>): boolean =>
  Object.entries(selector.matchLabels).every(([name, value]) => labels[name] === value)

/** Whether one pod of the release may open a connection to a port of another: both sides have to allow it, as the cluster judges. */
export function mayReach(policies: readonly NetworkPolicy[], from: Deployment, to: Deployment, port: number): boolean {
  const [caller, called] = [from, to].map(({ spec }) => spec.template.metadata.labels)
  const allows = (
    own: Readonly<Record<string, string>>,
    type: 'Ingress' | 'Egress',
    other: Readonly<Record<string, string>>,
  ): boolean => {
    const governing = policies.filter(({ spec }) => spec.policyTypes.includes(type) && selects(spec.podSelector, own))
    if (governing.length === 0) return true
    return governing.some(({ spec }) => {
      const rules =
        type === 'Ingress'
          ? (spec.ingress ?? []).map(({ from: peers, ports }) => ({ peers, ports }))
          : (spec.egress ?? []).map(({ to: peers, ports }) => ({ peers, ports }))
      return rules.some(
        ({ peers, ports }) =>
          ports.some(each => each.port === port && each.protocol === 'TCP') &&
          // A peer of other namespaces, or an address, may be any pod's.
          peers.some(({ podSelector }) => podSelector === undefined || selects(podSelector, other)),
      )
    })
  }
  return allows(caller!, 'Egress', called!) && allows(called!, 'Ingress', caller!)
}
