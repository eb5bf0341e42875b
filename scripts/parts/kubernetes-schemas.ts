/**
 * Writes JSON Schemas of Kubernetes' and KEDA's kinds as kubeconform reads them, one file per kind, from what the servers' own sources
 * describe: `node scripts/parts/kubernetes-schemas.ts FOLDER swagger.json CRD_FOLDER`. A field that a kind does not have is refused.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

type Schema = { [key: string]: unknown }

const Swagger = z.object({ definitions: z.record(z.string(), z.record(z.string(), z.unknown())) })
const Kinds = z.array(z.object({ group: z.string(), version: z.string(), kind: z.string() }))
const ResourceDefinition = z.object({
  spec: z.object({
    group: z.string(),
    names: z.object({ kind: z.string() }),
    versions: z.array(
      z.object({ name: z.string(), schema: z.object({ openAPIV3Schema: z.record(z.string(), z.unknown()) }) }),
    ),
  }),
})

/** Texts that may also be written as a number. */
const textOrNumber = new Set([
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  'io.k8s.apimachinery.pkg.api.resource.Quantity',
])
const place = '#/definitions/'

/** The same schema, in which objects have no fields but those that are described. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed)
  if (typeof value !== 'object' || value === null) return value
  const given = value as Schema
  const schema = Object.fromEntries(Object.entries(given).map(([key, each]) => [key, closed(each)]))
  if (given['x-kubernetes-int-or-string'] === true) return { type: ['string', 'integer'] }
  const isOpen = 'additionalProperties' in given || given['x-kubernetes-preserve-unknown-fields'] === true
  const isObject = typeof given['properties'] === 'object' && !Array.isArray(given['properties'])
  return isObject && !isOpen ? { ...schema, additionalProperties: false } : schema
}

/** A definition and all it refers to, in one document. */
function document(name: string, definitions: Record<string, Schema>): Schema {
  const needed = new Map<string, unknown>()
  const add = (wanted: string): void => {
    if (needed.has(wanted)) return
    const schema = textOrNumber.has(wanted) ? { type: ['string', 'number'] } : closed(definitions[wanted])
    needed.set(wanted, schema)
    for (const [, next] of JSON.stringify(schema).matchAll(/"#\/definitions\/([^"]+)"/g)) add(next!)
  }
  add(name)
  return { $ref: `${place}${name}`, definitions: Object.fromEntries(needed) }
}

const [folder, swaggerFile, crdFolder] = process.argv.slice(2)
if (folder === undefined || swaggerFile === undefined || crdFolder === undefined)
  throw new Error('usage: kubernetes-schemas.ts FOLDER swagger.json CRD_FOLDER')
await mkdir(folder, { recursive: true })
/** Named as kubeconform's `{{.ResourceKind}}{{.KindSuffix}}` asks: of a group its first word. */
const write = (group: string, version: string, kind: string, schema: unknown) => {
  const name = [kind.toLowerCase(), ...(group === '' ? [] : [group.split('.')[0]]), version].join('-')
  return writeFile(join(folder, `${name}.json`), JSON.stringify(schema))
}

const { definitions } = Swagger.parse(JSON.parse(await readFile(swaggerFile, 'utf8')))
for (const [name, schema] of Object.entries(definitions)) {
  const kinds = Kinds.safeParse(schema['x-kubernetes-group-version-kind'])
  // What has several kinds is of no resource: options of a call.
  if (!kinds.success || kinds.data.length !== 1) continue
  for (const { group, version, kind } of kinds.data) await write(group, version, kind, document(name, definitions))
}
for (const file of await readdir(crdFolder)) {
  const definition = ResourceDefinition.safeParse(parse(await readFile(join(crdFolder, file), 'utf8')))
  if (!definition.success) continue
  const { group, names, versions } = definition.data.spec
  for (const { name, schema } of versions) await write(group, name, names.kind, closed(schema.openAPIV3Schema))
}
