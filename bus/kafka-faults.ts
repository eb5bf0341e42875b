/** What kafkajs throws, as Failures; and which of it waiting mends. It is told apart by names, so this file needs no kafkajs. */
import { z } from 'zod'
import { Failure } from '../contracts/failures.ts'

const Thrown = z.looseObject({
  name: z.string(),
  message: z.string(),
  /** The protocol's name of an error that the broker answered with. */
  type: z.string().optional(),
  cause: z.unknown().optional(),
  originalError: z.unknown().optional(),
  errors: z.array(z.unknown()).optional(),
})

/** The protocol's errors that only a person mends. */
const refusals = new Set([
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'ILLEGAL_SASL_STATE',
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_PARTITIONS',
  'INVALID_CONFIG',
  'POLICY_VIOLATION',
  'UNSUPPORTED_VERSION',
])

const tooLarge = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])

/** An error of the bus as a Failure: `BUS_REFUSED` and `MESSAGE_TOO_LARGE` are for a person, `BUS_UNREACHABLE` goes away. */
export function kafkaFailure(error: unknown, brokers: readonly string[]): Failure {
  if (error instanceof Failure) return error
  const chain = errorsIn(error)
  const place = `Kafka at ${brokers.join(', ')}`
  const refusal = chain.find(({ name, type }) => /SASLAuthentication/.test(name) || (type && refusals.has(type)))
  if (refusal) return new Failure('BUS_REFUSED', `${place} refuses: ${refusal.message}.`, { cause: error })
  const large = chain.find(({ type }) => type !== undefined && tooLarge.has(type))
  if (large) return new Failure('MESSAGE_TOO_LARGE', `${place} takes no message of this size.`, { cause: error })
  const said = chain.at(-1)?.message ?? String(error)
  return new Failure('BUS_UNREACHABLE', `${place} does not answer: ${said}.`, { cause: error })
}

/** An error, and those it was made of. */
function errorsIn(error: unknown): z.output<typeof Thrown>[] {
  const parsed = Thrown.safeParse(error)
  // Own properties only: an Error's name and message are not enumerable, so they are read one by one.
  const one = parsed.success ? parsed.data : undefined
  if (one === undefined) return []
  const inner = [one.originalError, one.cause, ...(one.errors ?? [])].filter(
    each => each !== undefined && each !== error,
  )
  return [one, ...inner.flatMap(errorsIn)]
}
