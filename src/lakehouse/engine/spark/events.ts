/** What a program of the compiler says while it runs: one JSON document per line behind a mark, among whatever else stands there. */
import { z } from 'zod'
import { Failure } from '../../../../contracts/failures.ts'

const Step = z.enum(['append rows', 'append errors'])
const Count = z.int().min(0)

export const SparkEvent = z.discriminatedUnion('event', [
  z.object({ event: z.literal('started'), version: z.string(), application: z.string() }),
  z.object({ event: z.literal('begin'), step: Step }),
  z.object({ event: z.literal('end'), step: Step }),
  /** Without counts where the write was there before. */
  z.object({ event: z.literal('done'), counts: z.object({ read: Count, rejected: Count }).optional() }),
])
export type SparkEvent = z.infer<typeof SparkEvent>

/** The event of a line, or undefined: the line is somebody else's. */
export function eventOf(line: string, mark: string): SparkEvent | undefined {
  if (!line.startsWith(mark)) return undefined
  try {
    return SparkEvent.parse(JSON.parse(line.slice(mark.length)))
  } catch (error) {
    throw new Failure('ENGINE_FAILED', `Spark said what the program does not say: ${line.slice(0, 200)}`, {
      cause: error,
    })
  }
}
