import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { agentNames } from '../../contracts/chain.ts'
import { serverNames } from '../../contracts/tools/index.ts'
import { readyPath } from '../../src/cli/health.ts'
import { secretNames } from '../../src/cli/secrets.ts'
import { environmentName, settingNames } from '../../src/cli/settings.ts'
import { healthPath } from '../../src/tools/http.ts'

const root = join(import.meta.dirname, '../..')
const schemaFile = join(root, '.cache/compose-schema/compose-spec.json')

const Service = z.looseObject({
  image: z.string(),
  command: z.union([z.string(), z.array(z.string())]).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  ports: z.array(z.string()).optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).optional(),
  user: z.string().optional(),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
})

async function compose(): Promise<unknown> {
  return parse(await readFile(join(root, 'deploy/compose.yaml'), 'utf8'), { merge: true })
}

async function services() {
  return z.object({ services: z.record(z.string(), Service) }).parse(await compose()).services
}

async function ours() {
  return Object.entries(await services()).filter(([, { image }]) => image.startsWith('aiworkflow:'))
}

describe('deploy/compose.yaml', () => {
  test('fits the schema of the Compose specification', async () => {
    const schema = await readFile(schemaFile, 'utf8').catch(() => {
      throw new Error(`${schemaFile} is missing: get it with \`bash scripts/parts/compose-schema.sh\``)
    })
    const ajv = new Ajv({ strict: false, allErrors: true })
    addFormats.default(ajv)
    // What the schema knows of durations is a format of Compose's own.
    ajv.addFormat('duration', /^(\d+(\.\d+)?(us|ms|s|m|h))+$/)
    // Its address of the draft is one that nobody else uses.
    const valid = ajv.compile({ ...JSON.parse(schema), $schema: 'http://json-schema.org/draft-07/schema#' })
    expect(valid(await compose()) ? [] : valid.errors).toEqual([])
    expect(valid({ services: { intake: { imagee: 'x' } } })).toBe(false)
  })

  test('there is a process for every agent, every tool server and the intake, each started by a command there is', async () => {
    const commands = (await ours()).map(([, { command }]) => [command].flat().slice(0, 2).join(' '))
    expect(commands.sort()).toEqual(
      [
        'intake /workspace',
        ...agentNames.map(name => `agent ${name}`),
        ...serverNames.map(name => `tools ${name}`),
      ].sort(),
    )
  })

  test('every process of ours is asked whether it works, at a port and a path that it answers', async () => {
    for (const [name, { command, healthcheck }] of await ours()) {
      const words = [command].flat()
      const listens = words[words.findIndex(word => word === '--http' || word === '--health') + 1]
      const path = words[0] === 'tools' ? healthPath : readyPath
      expect([name, healthcheck?.test.at(-1)]).toEqual([name, expect.stringContaining(`127.0.0.1:${listens}${path}'`)])
    }
  })

  test('P11: no process of ours may write its own image, has a capability, or is root', async () => {
    for (const [name, service] of await ours())
      expect({ name, service }).toMatchObject({
        service: { read_only: true, cap_drop: ['ALL'], user: expect.not.stringMatching(/^(0|root)(:|$)/) },
      })
  })

  test('P11: an agent sees the catalog to read and its journal, no landing zone and no warehouse', async () => {
    const all = await services()
    for (const name of agentNames)
      expect(all[name]?.volumes?.map(volume => volume.split('/workspace/')[1])).toEqual(['.aiworkflow', 'catalog:ro'])
  })

  test('every name in the environment of ours is a setting, a secret, or of OpenTelemetry', async () => {
    const known = new Set([...settingNames.map(environmentName), ...secretNames])
    const strangers = (await ours()).flatMap(([, { environment = {} }]) =>
      Object.keys(environment).filter(name => !known.has(name) && !name.startsWith('OTEL_')),
    )
    expect(strangers).toEqual([])
  })

  test('a secret is handed to whom it is for', async () => {
    const holders = (name: string) => async () =>
      (await ours()).filter(([, { environment = {} }]) => name in environment).map(([service]) => service)
    expect((await holders('AIWORKFLOW_TOOLS_SECRET')()).sort()).toEqual([...serverNames].sort())
    expect((await holders('AIWORKFLOW_TOOLS_TOKEN')()).sort()).toEqual([...agentNames].sort())
  })

  test('nothing is published but on loopback', async () => {
    const ports = Object.values(await services()).flatMap(({ ports = [] }) => ports)
    expect(ports.filter(port => !port.startsWith('127.0.0.1:'))).toEqual([])
    expect(ports.length).toBeGreaterThan(0)
  })
})
