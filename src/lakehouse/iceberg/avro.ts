/**
 * Avro object container files, whole in memory: manifests are small. avsc does the encoding of records; the container
 * is written here because Iceberg demands `field-id` attributes in the header's schema, as it was given.
 *
 * Grammar: file = "Obj" 1, map<bytes> metadata, sync[16], block*; block = long count, long size, bytes, sync[16].
 */
import { randomBytes } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import avro from 'avsc'
import { Failure } from '../../../contracts/failures.ts'

export type AvroSchema = avro.Schema
export type AvroRecord = Record<string, unknown>

/** A record schema whose fields carry Iceberg's ids. */
export function record(name: string, fields: readonly object[]): AvroSchema {
  return { type: 'record', name, fields } as AvroSchema
}

export function required(name: string, type: unknown, id: number): object {
  return { name, type, 'field-id': id }
}

export function optional(name: string, type: unknown, id: number): object {
  return { name, type: ['null', type], default: null, 'field-id': id }
}

/** Iceberg's longs are 64-bit, snapshot ids above all, so a long is a bigint on both sides. */
const long = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (left: bigint, right: bigint) => (left === right ? 0 : left < right ? -1 : 1),
})

const magic = Buffer.from([0x4f, 0x62, 0x6a, 1])
const syncLength = 16
const header = avro.Type.forSchema({
  type: 'record',
  name: 'Header',
  fields: [
    { name: 'magic', type: { type: 'fixed', name: 'Magic', size: magic.length } },
    { name: 'metadata', type: { type: 'map', values: 'bytes' } },
    { name: 'sync', type: { type: 'fixed', name: 'Sync', size: syncLength } },
  ],
})
const blockLong = avro.Type.forSchema('long')

function typeOf(schema: AvroSchema): avro.Type {
  return avro.Type.forSchema(schema, { registry: { long }, wrapUnions: 'never' })
}

export function encodeAvro(
  schema: AvroSchema,
  metadata: Readonly<Record<string, string>>,
  records: readonly AvroRecord[],
): Buffer {
  const sync = randomBytes(syncLength)
  const pairs = { ...metadata, 'avro.schema': JSON.stringify(schema), 'avro.codec': 'null' }
  const head = header.toBuffer({
    magic,
    metadata: Object.fromEntries(Object.entries(pairs).map(([key, value]) => [key, Buffer.from(value)])),
    sync,
  })
  if (records.length === 0) return head
  const type = typeOf(schema)
  const body = Buffer.concat(records.map(record => type.toBuffer(record)))
  return Buffer.concat([head, blockLong.toBuffer(records.length), blockLong.toBuffer(body.length), body, sync])
}

/** The records as their writer laid them out. `name` is for the message of a failure only. */
export function decodeAvro(bytes: Buffer, name: string): AvroRecord[] {
  const { value, offset } = header.decode(bytes, 0, undefined)
  if (value === undefined || !magic.equals(value.magic)) {
    throw new Failure('TABLE_INCOMPATIBLE', `${name} is no Avro file, or it is cut off.`)
  }
  const codec = value.metadata['avro.codec']?.toString() ?? 'null'
  if (codec !== 'null' && codec !== 'deflate') {
    throw new Failure('TABLE_INCOMPATIBLE', `${name} is compressed with ${codec}: null and deflate are read here.`)
  }
  const type = typeOf(JSON.parse(value.metadata['avro.schema'].toString()))
  const records: AvroRecord[] = []
  for (let at = offset; at < bytes.length; ) {
    const count = blockLong.decode(bytes, at, undefined)
    const size = blockLong.decode(bytes, count.offset, undefined)
    const stored = bytes.subarray(size.offset, size.offset + size.value)
    const block = codec === 'deflate' ? inflateRawSync(stored) : stored
    for (let read = 0, position = 0; read < count.value; read++) {
      const record = type.decode(block, position, undefined)
      if (record.value === undefined) throw new Failure('TABLE_INCOMPATIBLE', `${name} is cut off in a record.`)
      records.push(record.value as AvroRecord)
      position = record.offset
    }
    at = size.offset + size.value + syncLength
  }
  return records
}
