/** A real Jaeger on loopback, spans in its memory, for as long as a test wants it. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { freePorts, isListening, startServer } from './process.ts'

export interface RigJaeger {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly otlpUrl: string
  /** Of the query API, `/api/v3/…`. */
  readonly queryUrl: string
  stop(): Promise<void>
}

const root = join(import.meta.dirname, '../..')
const cache = join(root, '.cache/jaeger')
/** A cold build on two busy cores. */
const buildLimitMs = 45 * 60_000

export async function startJaeger(): Promise<RigJaeger> {
  const binary = await built()
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-jaeger-'))
  const [otlp, query, grpc, health] = (await freePorts(4)) as [number, number, number, number]
  const file = join(folder, 'config.yaml')
  await writeFile(file, stringify(configuration({ otlp, query, grpc, health })))
  const server = await startServer('Jaeger', {
    command: binary,
    arguments: ['--config', file],
    isReady: async () => (await isListening(otlp)) && (await isListening(query)),
  })
  return {
    otlpUrl: `http://127.0.0.1:${otlp}`,
    queryUrl: `http://127.0.0.1:${query}`,
    stop: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Waits for the build that setup has begun, or builds. */
async function built(): Promise<string> {
  const { status, stderr } = spawnSync('bash', [join(root, 'scripts/parts/jaeger.sh'), '--wait'], {
    encoding: 'utf8',
    timeout: buildLimitMs,
  })
  if (status !== 0)
    throw new Error(`Jaeger could not be built: get it with \`bash scripts/parts/jaeger.sh --wait\`\n${stderr}`)
  const binary = (await readdir(cache)).find(name => /^jaeger-[0-9a-f]+$/.test(name))
  if (binary === undefined) throw new Error(`There is no Jaeger in ${cache}.`)
  return join(cache, binary)
}

/** Every endpoint is named, since Jaeger's defaults listen everywhere. */
function configuration(port: { otlp: number; query: number; grpc: number; health: number }): unknown {
  const at = (number: number) => ({ endpoint: `127.0.0.1:${number}` })
  return {
    service: {
      extensions: ['jaeger_storage', 'jaeger_query', 'healthcheckv2'],
      pipelines: { traces: { receivers: ['otlp'], processors: ['batch'], exporters: ['jaeger_storage_exporter'] } },
      telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
    },
    extensions: {
      healthcheckv2: { use_v2: true, http: at(port.health) },
      jaeger_query: { storage: { traces: 'memory' }, http: at(port.query), grpc: at(port.grpc) },
      jaeger_storage: { backends: { memory: { memory: { max_traces: 100_000 } } } },
    },
    receivers: { otlp: { protocols: { http: at(port.otlp) } } },
    processors: { batch: { timeout: '100ms' } },
    exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
  }
}
