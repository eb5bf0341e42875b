/**
 * A warehouse in an S3-compatible store: a location is `s3://`, bucket and key. The engine writes a file here, it is sent, and what was
 * sent stays as the copy that is read (`mirror.ts`).
 *
 * A table's folder carries an id beside its name: should two catalogs make tables of one name in one warehouse, neither takes the
 * other's files for orphans.
 */
import { randomUUID } from 'node:crypto'
import { Failure } from '../../../contracts/failures.ts'
import { quoteLiteral } from '../identifiers.ts'
import { mirrorPath, openMirror } from './mirror.ts'
import type { S3 } from './s3.ts'
import type { Storage } from './storage.ts'

export interface ObjectStorageOptions {
  readonly s3: S3
  /** `s3://bucket/path`: where new tables go. */
  readonly url: string
  /** Where copies are kept on this machine, and how many bytes of them, about. */
  readonly folder: string
  readonly mostBytes: number
}

export function objectStorage({ s3, url, folder, mostBytes }: ObjectStorageOptions): Storage {
  const mirror = openMirror({ folder, mostBytes, download: (location, path) => s3.download(location, path) })
  const root = url.replace(/\/+$/, '')
  return {
    folder,
    tableLocation: ({ namespace, name }) => `${root}/${namespace}/${name}-${randomUUID()}`,
    pathOf: location => mirrorPath(folder, location),
    pathSql: location => `${quoteLiteral(`${folder}/`)} || regexp_replace(${location}, '^s3[an]?://', '')`,
    read: location => mirror.read(location),
    bring: files => mirror.bring(files),
    writeNew: async (location, bytes) => {
      const whole = Buffer.from(bytes)
      if (!(await s3.create(location, whole)))
        throw new Failure('TABLE_CONFLICT', `There is a file ${location} already, of other content.`)
      await mirror.keepBytes(location, whole)
    },
    publishFile: async (fromPath, location) => {
      await s3.upload(fromPath, location)
      await mirror.keepFile(fromPath, location)
    },
    discard: async locations => {
      await mirror.forget(locations)
      await s3.remove(locations).catch(() => undefined)
    },
    list: location => s3.list(location),
    dropUnfinished: (location, beforeMs) => s3.dropUploads(location, beforeMs),
  }
}
