/** How far groups are, from what Kafka has, what members in this process know, and the notes. Owns nothing. */
import type { PartitionLag } from './bus.ts'
import type { DeliveryNotes } from './delivery-notes.ts'

export interface OffsetSources {
  readonly notes: Pick<DeliveryNotes, 'topicsOf' | 'read'>
  /** Committed offsets per topic, in the order of `topics`; -1 where the group has none. */
  committed(
    group: string,
    topics: readonly string[],
  ): Promise<
    readonly { readonly topic: string; readonly partitions: readonly { partition: number; offset: string }[] }[]
  >
  /** The oldest message kept, and one past the newest, per partition. */
  ends(topic: string): Promise<readonly { partition: number; low: string; high: string }[]>
  /** What members of the group in this process have finished, which may not be committed yet. */
  finishedUpTo(group: string, topic: string, partition: number): readonly number[]
}

interface Finished {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** One past the last message of an unbroken row of finished ones. */
  readonly upTo: number
}

type Behind = Finished & PartitionLag

export class KafkaOffsets {
  readonly #sources: OffsetSources

  constructor(sources: OffsetSources) {
    this.#sources = sources
  }

  async lag(group: string): Promise<readonly PartitionLag[]> {
    const behind = await this.#behind(await this.#finishedOf(group))
    const counted = await Promise.all(
      behind.map(async ({ topic, partition, messages, upTo }) => {
        const notes = await this.#sources.notes.read({ group, topic, partition }, upTo)
        const done = [...notes.values()].filter(note => note.done).length
        return { topic, partition, messages: messages - done }
      }),
    )
    return counted.filter(({ messages }) => messages > 0)
  }

  /** One consistent look at all of the groups. */
  async allFinished(groups: readonly string[]): Promise<boolean> {
    // What is finished is looked at first: ends that are no further afterwards mean that nothing was under way in between.
    const finished = await Promise.all(groups.map(group => this.#finishedOf(group)))
    return (await this.#behind(finished.flat())).length === 0
  }

  async #finishedOf(group: string): Promise<readonly Finished[]> {
    const topics = await this.#sources.notes.topicsOf(group)
    if (topics.length === 0) return []
    const committed = await this.#sources.committed(group, topics)
    return committed.flatMap(({ partitions }, at) => {
      const topic = topics[at]!
      return partitions.map(({ partition, offset }) => {
        const upTo = Math.max(Number(offset), ...this.#sources.finishedUpTo(group, topic, partition))
        return { group, topic, partition, upTo }
      })
    })
  }

  async #behind(finished: readonly Finished[]): Promise<readonly Behind[]> {
    const topics = [...new Set(finished.map(({ topic }) => topic))]
    const ends = new Map(
      await Promise.all(topics.map(async topic => [topic, await this.#sources.ends(topic)] as const)),
    )
    return finished.flatMap(each => {
      const end = ends.get(each.topic)?.find(({ partition }) => partition === each.partition)
      const messages = end === undefined ? 0 : Number(end.high) - Math.max(each.upTo, Number(end.low))
      return messages > 0 ? [{ ...each, messages }] : []
    })
  }
}
