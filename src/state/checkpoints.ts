/** How checkpoints are written down: the headers of the frames whose bodies are LangGraph's serialised values. */
import { z } from 'zod'

const versions = z.record(z.string(), z.union([z.number(), z.string()]))

/** The one record that a step reads before it writes. */
export const headRecord = z.object({
  /** The checkpoint stored last. */
  latest: z.string().optional(),
  /** Checkpoints kept, oldest first, with the channel versions each refers to; empty where all are kept. */
  kept: z.array(z.object({ id: z.string(), versions })),
  /** Whether everything of the thread has been given a time to go away. */
  retired: z.boolean().optional(),
})

export type Head = z.infer<typeof headRecord>

/** How the serializer names the form of the body. */
export const storedValue = z.object({ type: z.string() })

/** The body is the metadata; the values of the channels are blobs of their own. */
export const storedCheckpoint = storedValue.extend({
  checkpoint: z.looseObject({ v: z.number(), id: z.string(), channel_versions: versions }),
  parent: z.string().optional(),
})

export type StoredCheckpoint = Omit<z.input<typeof storedCheckpoint>, 'type'>

/** The body is the value that a task wrote to the channel. */
export const storedWrite = storedValue.extend({ channel: z.string(), path: z.string() })
