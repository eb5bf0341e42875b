/** A real S3-compatible store on loopback, in memory: moto's server, which many test their S3 clients against. For tests only. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts, isListening, startServer } from './process.ts'

export interface RigS3 {
  readonly port: number
  readonly endpoint: string
  /** Any keys will do until `refuseAll`. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  makeBucket(name: string): Promise<void>
  /** From now on the store answers only who signs with keys that it knows: it knows none. */
  refuseAll(): Promise<void>
  pause(): void
  resume(): void
  stop(): Promise<void>
}

const server = join(import.meta.dirname, '../../.cache/s3/bin/moto_server')

export async function startS3(): Promise<RigS3> {
  if (!existsSync(server))
    throw new Error(`The S3-compatible store is missing at ${server}: get it with \`bash scripts/parts/s3.sh\``)
  const [port] = (await freePorts(1)) as [number]
  const process = await startServer('The S3-compatible store', {
    command: server,
    arguments: ['-H', '127.0.0.1', '-p', String(port)],
    isReady: () => isListening(port),
  })
  const endpoint = `http://127.0.0.1:${port}`
  const told = async (method: string, path: string, body?: string) => {
    const answer = await fetch(`${endpoint}${path}`, { method, ...(body !== undefined && { body }) })
    if (!answer.ok) throw new Error(`The store answered ${answer.status} to ${method} ${path}`)
  }
  return {
    port,
    endpoint,
    credentials: { accessKeyId: 'rig', secretAccessKey: 'rig-secret' },
    makeBucket: name => told('PUT', `/${name}`),
    refuseAll: () => told('POST', '/moto-api/reset-auth', '0'),
    pause: () => process.pause(),
    resume: () => process.resume(),
    // What it has is in its memory.
    stop: () => process.kill(),
  }
}
