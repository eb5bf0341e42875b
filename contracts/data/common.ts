import { z } from 'zod'

/** A folder-safe, table-safe name: what a vendor or table is called everywhere. */
export const Name = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,62}$/, 'expected lower case letters, digits and _, starting with a letter, at most 63 long')

/** Who answers for a document: a person or a team. */
export const Owner = z.string().min(1).max(200)

export const Feed = z.strictObject({ vendor: Name, table: Name })
export type Feed = z.infer<typeof Feed>

/** `vendor/table`: the identity of a feed, and the key of every message about it. */
export const feedKey = (feed: Feed): string => `${feed.vendor}/${feed.table}`

/** A time in UTC, ISO 8601. */
export const Instant = z.iso.datetime()

export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/)

/** Share of a whole, 0 to 1. */
export const Fraction = z.number().min(0).max(1)

export const Count = z.int().min(0)

/** A version of a contract or mapping: 1, 2, 3 … */
export const Version = z.int().min(1)

/** `string`, `boolean`, `int`, `long`, `double`, `date`, `timestamp`, `timestamptz` or `decimal(p,s)`: Iceberg's own names. */
export const ColumnType = z
  .string()
  .regex(
    /^(string|boolean|int|long|double|date|timestamp|timestamptz|decimal\((?:[1-9]|[12][0-9]|3[0-8]),(?:0|[1-9]|[12][0-9]|3[0-8])\))$/,
    'expected string, boolean, int, long, double, date, timestamp, timestamptz or decimal(p,s)',
  )

/** The step of the ladder that answered a question. */
export const DecisionStep = z.enum(['rule', 'memory', 'evidence', 'model', 'person'])
export type DecisionStep = z.infer<typeof DecisionStep>
export const decisionSteps = DecisionStep.options
