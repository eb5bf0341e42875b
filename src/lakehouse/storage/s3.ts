/**
 * The calls of an S3-compatible store, by the AWS SDK. Requests are tried again with growing pauses, so many times; a file is sent and
 * taken in pieces, so that memory does not grow with it. The SDK is loaded by the first call: who has a folder never does.
 *
 * It fails with LAKE_STORE_UNREACHABLE, which is waited for, LAKE_STORE_REFUSED and LAKE_FILE_MISSING. No failure carries the SDK's own
 * error: what it knows of a request is nobody's to read.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import { Failure } from '../../../contracts/failures.ts'
import { eachOf } from './each.ts'
import type { StoredFile } from './storage.ts'

export interface StoreOptions {
  /** `s3://bucket` or `s3://bucket/path`. */
  readonly url: string
  /** Where the store is, unless it is AWS itself; buckets are then named in the path, not in the host. */
  readonly endpoint?: string | undefined
  readonly region: string
  readonly credentials: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string | undefined
  }
}

export interface S3 {
  /** Writes an object unless there is one of that name; false then. */
  create(location: string, bytes: Buffer): Promise<boolean>
  /** Sends a file. */
  upload(path: string, location: string): Promise<void>
  read(location: string): Promise<Buffer>
  /** Writes an object to a new file. */
  download(location: string, path: string): Promise<void>
  remove(locations: readonly string[]): Promise<void>
  list(location: string): Promise<StoredFile[]>
  /** Gives up uploads below a location that began before. */
  dropUploads(location: string, beforeMs: number): Promise<void>
  close(): void
}

interface Calls {
  readonly sdk: typeof import('@aws-sdk/client-s3')
  readonly client: S3Client
}

const attempts = 5
const connectMs = 5_000
/** Without a byte either way. */
const silentMs = 30_000
/** Until an answer begins, with all that is sent for it. */
const answerMs = 300_000
const partBytes = 8 << 20
const mostParts = 10_000
const removedAtOnce = 16

export function openS3({ endpoint, region, credentials }: StoreOptions): S3 {
  let started: Promise<Calls> | undefined
  const start = async (): Promise<Calls> => {
    const sdk = await import('@aws-sdk/client-s3')
    const { accessKeyId, secretAccessKey, sessionToken } = credentials
    const client = new sdk.S3Client({
      region,
      ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
      maxAttempts: attempts,
      // Each request says the hash of its body anyway; checksums of their own are not known to every store.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: connectMs,
        socketTimeout: silentMs,
        requestTimeout: answerMs,
        throwOnRequestTimeout: true,
      },
    })
    return { sdk, client }
  }
  const calls = () => (started ??= start())
  const at = endpoint ?? `S3 in ${region}`

  /** Runs calls that speak of a location, and says what failed in our words. */
  const asked = async <T>(location: string, work: (called: Calls) => Promise<T>): Promise<T> => {
    try {
      return await work(await calls())
    } catch (error) {
      throw storeFailure(error, at, location)
    }
  }

  const get = (location: string, take: (body: Readable, length: number | undefined) => Promise<void>) =>
    asked(location, async ({ sdk, client }) => {
      const { bucket, key } = placeOf(location)
      // The SDK tries again until the answer begins; from there on it is ours.
      for (let attempt = 1; ; attempt++) {
        const { Body, ContentLength } = await client.send(new sdk.GetObjectCommand({ Bucket: bucket, Key: key }))
        try {
          return await take(Body as Readable, ContentLength)
        } catch (error) {
          if (attempt === attempts || isOfDisk(error)) throw error
          await sleep(Math.random() * 100 * 2 ** attempt)
        }
      }
    })

  const read = async (location: string) => {
    let bytes: Buffer = Buffer.alloc(0)
    await get(location, async (body, length) => {
      bytes = Buffer.concat(await body.toArray())
      refuseCut(location, bytes.length, length)
    })
    return bytes
  }

  return {
    create: (location, bytes) =>
      asked(location, async ({ sdk, client }) => {
        const { bucket, key } = placeOf(location)
        const object = { Bucket: bucket, Key: key, Body: bytes }
        try {
          await client.send(new sdk.PutObjectCommand({ ...object, IfNoneMatch: '*' }))
          return true
        } catch (error) {
          const status = statusOf(error)
          // A store that knows no conditions: names are fresh, so that it is the second safeguard that is missing.
          if (status === 501 || nameOf(error) === 'NotImplemented') {
            await client.send(new sdk.PutObjectCommand(object))
            return true
          }
          if (status !== 412) throw error
          // An attempt of ours may have gone through, and its answer been lost.
          return (await read(location)).equals(bytes)
        }
      }),
    upload: (path, location) =>
      asked(location, async ({ client }) => {
        const { Upload } = await import('@aws-sdk/lib-storage')
        const { size } = await stat(path)
        const { bucket, key } = placeOf(location)
        const partSize = Math.max(partBytes, Math.ceil(size / (mostParts - 1)))
        const params = { Bucket: bucket, Key: key, Body: createReadStream(path) }
        await new Upload({ client, params, partSize, queueSize: 3 }).done()
      }),
    read,
    download: (location, path) =>
      get(location, async (body, length) => {
        const file = createWriteStream(path)
        await pipeline(body, file)
        refuseCut(location, file.bytesWritten, length)
      }),
    // One by one: many at once want a checksum that not every store knows.
    remove: locations =>
      eachOf(locations, removedAtOnce, location =>
        asked(location, ({ sdk, client }) => {
          const { bucket, key } = placeOf(location)
          return client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: key }))
        }),
      ),
    list: location =>
      asked(location, async ({ sdk, client }) => {
        const { bucket, key } = placeOf(location)
        const found: StoredFile[] = []
        for await (const page of sdk.paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: `${key}/` })) {
          for (const { Key, Size = 0, LastModified } of page.Contents ?? []) {
            const modifiedMs = LastModified?.getTime() ?? Date.now()
            found.push({ location: `s3://${bucket}/${Key}`, sizeBytes: Size, modifiedMs })
          }
        }
        return found
      }),
    dropUploads: (location, beforeMs) =>
      asked(location, async ({ sdk, client }) => {
        const { bucket, key } = placeOf(location)
        const { Uploads = [] } = await client.send(
          new sdk.ListMultipartUploadsCommand({ Bucket: bucket, Prefix: `${key}/` }),
        )
        for (const { Key, UploadId, Initiated } of Uploads) {
          if (Initiated === undefined || Initiated.getTime() >= beforeMs) continue
          await client.send(new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }))
        }
      }),
    close: () => {
      void started?.then(({ client }) => client.destroy())
    },
  }
}

/** Bucket and key of a location. */
function placeOf(location: string): { bucket: string; key: string } {
  const [, bucket, key] = /^s3[an]?:\/\/([^/]+)\/(.+)$/.exec(location) ?? []
  if (bucket !== undefined && key !== undefined) return { bucket, key }
  throw new Failure('TABLE_INCOMPATIBLE', `${location} is not in an S3 store: this warehouse reads s3:// only.`)
}

function refuseCut(location: string, bytes: number, expected: number | undefined): void {
  if (expected === undefined || bytes === expected) return
  throw new Error(`${bytes} of ${expected} bytes of ${location} came`)
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
}

function nameOf(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined
}

function isOfDisk(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EACCES'
}

function storeFailure(error: unknown, at: string, location: string): unknown {
  if (!(error instanceof Error) || error instanceof Failure || isOfDisk(error)) return error
  const status = statusOf(error)
  const said = `${error.name === 'Error' ? '' : `${error.name}: `}${error.message}`
  const where = `The object store ${at}`
  if (error.name === 'NoSuchKey' || (status === 404 && error.name !== 'NoSuchBucket'))
    return new Failure('LAKE_FILE_MISSING', `${where} has no ${location}.`)
  // An upload is finished with a 200 that may hold an error; 409 says that another change of the same object was under way.
  const isAway = status === undefined || [200, 408, 409, 429].includes(status) || status >= 500
  if (isAway)
    return new Failure(
      'LAKE_STORE_UNREACHABLE',
      `${where} ${status === undefined ? 'cannot be reached' : `answered ${status}`} for ${location}: ${said}`,
    )
  return new Failure('LAKE_STORE_REFUSED', `${where} answered ${status} for ${location}: ${said}`)
}
