/** A bucket of the rig's store, as lakehouses and tests use it. */
import type { LakehouseOptions } from '../../src/lakehouse/lakehouse.ts'
import { openS3 } from '../../src/lakehouse/storage/s3.ts'
import type { Storage } from '../../src/lakehouse/storage/storage.ts'
import { objectStorage } from '../../src/lakehouse/storage/store.ts'
import type { RigS3 } from '../rig/s3.ts'

export type Store = NonNullable<LakehouseOptions['store']>

/** Makes the bucket; tables go below a path in it. */
export async function bucketOf(s3: RigS3, bucket: string): Promise<Store> {
  await s3.makeBucket(bucket)
  return storeAt(s3.endpoint, `s3://${bucket}/shop/tables`, s3.credentials)
}

export function storeAt(endpoint: string, url: string, credentials: Store['credentials']): Store {
  return { url, endpoint, region: 'eu-central-1', credentials, mostCopiedBytes: 1 << 30 }
}

export function storageOf(store: Store, folder: string, mostBytes = store.mostCopiedBytes): Storage {
  return objectStorage({ s3: openS3(store), url: store.url, folder, mostBytes })
}
