/**
 * Consumer groups of the local bus: who reads which partition, how far the group is, and what happened to single messages.
 * Tables are in local-log.ts.
 *
 * Owns: `members`, `partitions` (owner, epoch, committed), `deliveries`, `dead_letters`. `committed` is the position from
 * which on a restart reads; `deliveries` holds only what `committed` cannot say: attempts, delays, and messages finished
 * above it. Invariants:
 * 1. A partition has one owner per group. Taking it over raises `epoch`, and nothing is recorded under an older epoch.
 * 2. Only free partitions are taken: given back, lease run out, or owner known to be dead.
 * 3. `committed` never falls, and everything below it is finished.
 *
 * Runs on a connection that survives a crash of the process but may lose its latest commits with the power: then messages
 * are delivered again, as promised.
 */
import type { Failure } from '../contracts/failures.ts'
import type { DeadLetter, PartitionLag, ReceivedMessage } from './bus.ts'
import { EmbeddedDatabase } from './database.ts'
import { logSchema } from './local-log.ts'
import { ownerIsDead } from './owner.ts'

/** The right to read a partition and to record what came of it. */
export interface Claim {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly owner: string
  readonly epoch: number
  /** Where reading starts. */
  readonly committed: number
}

export interface Assignment {
  readonly claim: Claim
  /** False where another member should have the partition: finish what runs, then `surrender`. */
  readonly wanted: boolean
}

/** A message that waits, without its body. */
export interface Waiting {
  readonly position: number
  readonly key: string
  readonly failures: number
  readonly retryAtMs: number | undefined
  readonly done: boolean
}

export interface Member {
  readonly group: string
  readonly owner: string
  readonly topics: readonly string[]
}

type Row = Record<string, unknown>

export class LocalGroups {
  readonly #database: EmbeddedDatabase
  readonly #statements

  constructor(path: string) {
    this.#database = new EmbeddedDatabase(path, logSchema, { synchronous: 'normal' })
    const prepare = (sql: string) => this.#database.prepare(sql)
    const ofPartition = 'consumer_group = ? AND topic = ? AND partition = ?'
    this.#statements = {
      addTopic: prepare('INSERT OR IGNORE INTO topics VALUES (?, ?)'),
      topic: prepare('SELECT partitions FROM topics WHERE name = ?'),
      join: prepare('INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?)'),
      members: prepare('SELECT owner, topics, expires_at FROM members WHERE consumer_group = ? ORDER BY owner'),
      allMembers: prepare('SELECT consumer_group, owner, expires_at FROM members'),
      leave: prepare('DELETE FROM members WHERE consumer_group = ? AND owner = ?'),
      free: prepare('UPDATE partitions SET owner = NULL WHERE consumer_group = ? AND owner = ?'),
      addPartition: prepare('INSERT OR IGNORE INTO partitions VALUES (?, ?, ?, 0, NULL, 0, 0)'),
      partition: prepare(`SELECT committed, owner, epoch, expires_at FROM partitions WHERE ${ofPartition}`),
      take: prepare(`UPDATE partitions SET owner = ?, epoch = epoch + 1, expires_at = ? WHERE ${ofPartition}`),
      renew: prepare(`UPDATE partitions SET expires_at = ? WHERE ${ofPartition}`),
      surrender: prepare(`UPDATE partitions SET owner = NULL WHERE ${ofPartition} AND owner = ? AND epoch = ?`),
      holds: prepare(`SELECT 1 FROM partitions WHERE ${ofPartition} AND owner = ? AND epoch = ?`),
      read: prepare(`
        SELECT m.position, m.key, d.failures, d.retry_at, d.done FROM messages m
        LEFT JOIN deliveries d ON d.consumer_group = ? AND d.topic = m.topic AND d.partition = m.partition
          AND d.position = m.position
        WHERE m.topic = ? AND m.partition = ? AND m.position >= ? ORDER BY m.position LIMIT ?`),
      attempt: prepare(`
        INSERT INTO deliveries VALUES (?, ?, ?, ?, 1, 0, NULL, 0)
        ON CONFLICT DO UPDATE SET attempt = attempt + 1, retry_at = NULL RETURNING attempt`),
      message: prepare('SELECT * FROM messages WHERE position = ?'),
      retry: prepare(
        `UPDATE deliveries SET retry_at = ?, failures = ?, attempt = ? WHERE ${ofPartition} AND position = ?`,
      ),
      done: prepare(`UPDATE deliveries SET done = 1, retry_at = NULL WHERE ${ofPartition} AND position = ?`),
      commit: prepare(`UPDATE partitions SET committed = max(committed, ?) WHERE ${ofPartition}`),
      forget: prepare(`DELETE FROM deliveries WHERE ${ofPartition} AND position < ?`),
      bury: prepare('INSERT INTO dead_letters VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'),
      lag: prepare(`
        SELECT p.topic, p.partition, count(*) AS messages FROM partitions p
        JOIN messages m ON m.topic = p.topic AND m.partition = p.partition AND m.position >= p.committed
        LEFT JOIN deliveries d ON d.consumer_group = p.consumer_group AND d.topic = p.topic
          AND d.partition = p.partition AND d.position = m.position
        WHERE p.consumer_group = ? AND coalesce(d.done, 0) = 0 GROUP BY p.topic, p.partition`),
      deadLetters: prepare('SELECT * FROM dead_letters WHERE ? IS NULL OR consumer_group = ? ORDER BY id'),
    }
  }

  /**
   * Joins or stays in the group, drops members that are gone, and takes the free partitions that are this member's share.
   * Returns everything it owns afterwards.
   *
   * @param partitions for topics that do not exist yet
   */
  rebalance(me: Member, nowMs: number, leaseMs: number, partitions: number): Assignment[] {
    const sql = this.#statements
    return this.#database.write(() => {
      sql.join.run(me.group, me.owner, JSON.stringify(me.topics), nowMs + leaseMs)
      const members = this.#liveMembers(me.group, nowMs)
      const owned: Assignment[] = []
      for (const topic of me.topics) {
        sql.addTopic.run(topic, partitions)
        const readers = members.filter(member => member.topics.includes(topic))
        const count = Number(sql.topic.get(topic)?.partitions)
        for (let partition = 0; partition < count; partition += 1) {
          const at = [me.group, topic, partition] as const
          sql.addPartition.run(...at)
          const { committed, owner, epoch, expires_at } = sql.partition.get(...at) as Row
          const wanted = readers[partition % readers.length]?.owner === me.owner
          const mine = owner === me.owner
          if (mine) sql.renew.run(nowMs + leaseMs, ...at)
          else if (!wanted || !isFree(owner, expires_at, nowMs)) continue
          else sql.take.run(me.owner, nowMs + leaseMs, ...at)
          const claim = { group: me.group, topic, partition, owner: me.owner, committed: Number(committed) }
          owned.push({ claim: { ...claim, epoch: Number(epoch) + (mine ? 0 : 1) }, wanted })
        }
      }
      return owned
    })
  }

  surrender({ group, topic, partition, owner, epoch }: Claim): void {
    this.#database.write(() => this.#statements.surrender.run(group, topic, partition, owner, epoch))
  }

  leave({ group, owner }: Member): void {
    this.#database.write(() => {
      this.#statements.leave.run(group, owner)
      this.#statements.free.run(group, owner)
    })
  }

  /** The next messages of a partition from a position on, in order. */
  read({ group, topic, partition }: Claim, from: number, limit: number): Waiting[] {
    return this.#statements.read.all(group, topic, partition, from, limit).map(row => ({
      position: Number(row.position),
      key: String(row.key),
      failures: Number(row.failures ?? 0),
      retryAtMs: row.retry_at === null ? undefined : Number(row.retry_at),
      done: row.done === 1,
    }))
  }

  /** Counts the attempt and hands out the message; undefined when the claim is lost. */
  start(claim: Claim, position: number): ReceivedMessage | undefined {
    return this.#fenced(claim, () => {
      const attempt = this.#statements.attempt.get(claim.group, claim.topic, claim.partition, position)?.attempt
      return toMessage({ ...this.#statements.message.get(position), attempt })
    })
  }

  /**
   * Acknowledges a message, with the failure it died of if it did.
   *
   * @param watermark below this everything of the partition is finished
   * @returns false when the claim is lost and nothing was recorded
   */
  finish(
    claim: Claim,
    message: ReceivedMessage,
    watermark: number,
    died?: { failure: Failure; atMs: number },
  ): boolean {
    const sql = this.#statements
    const at = [claim.group, claim.topic, claim.partition] as const
    const recorded = this.#fenced(claim, () => {
      if (died !== undefined) {
        const { code, message: text, wayOut, owner } = died.failure
        const { offset, key, headers, value, publishedAtMs, attempt } = message
        const failure = JSON.stringify({ code, message: text, wayOut, owner })
        sql.bury.run(...at, offset, key, JSON.stringify(headers), value, publishedAtMs, attempt, failure, died.atMs)
      }
      sql.done.run(...at, message.offset)
      sql.commit.run(watermark, ...at)
      sql.forget.run(...at, watermark)
      return true
    })
    return recorded ?? false
  }

  /** The message is handed out again at `retryAtMs`, also after a restart. Returns false when the claim is lost. */
  retry(claim: Claim, position: number, next: { retryAtMs: number; failures: number; attempt: number }): boolean {
    const { group, topic, partition } = claim
    const recorded = this.#fenced(claim, () => {
      this.#statements.retry.run(next.retryAtMs, next.failures, next.attempt, group, topic, partition, position)
      return true
    })
    return recorded ?? false
  }

  lag(group: string): PartitionLag[] {
    return this.#statements.lag.all(group).map(row => ({
      topic: String(row.topic),
      partition: Number(row.partition),
      messages: Number(row.messages),
    }))
  }

  idle(nowMs: number): boolean {
    return this.#database.read(() => {
      const live = new Set<string>()
      for (const { consumer_group, owner, expires_at } of this.#statements.allMembers.all() as Row[]) {
        if (!isFree(owner, expires_at, nowMs)) live.add(String(consumer_group))
      }
      return [...live].every(group => this.#statements.lag.get(group) === undefined)
    })
  }

  deadLetters(group: string | null): DeadLetter[] {
    return this.#statements.deadLetters.all(group, group).map(row => ({
      group: String(row.consumer_group),
      message: toMessage(row),
      failure: JSON.parse(String(row.failure)),
      atMs: Number(row.died_at),
    }))
  }

  dataVersion(): number {
    return this.#database.dataVersion()
  }

  close(): void {
    this.#database.close()
  }

  #liveMembers(group: string, nowMs: number): { owner: string; topics: string[] }[] {
    const rows = this.#statements.members.all(group) as Row[]
    const live = rows.filter(({ owner, expires_at }) => !isFree(owner, expires_at, nowMs))
    for (const { owner } of rows.filter(row => !live.includes(row))) this.#statements.leave.run(group, String(owner))
    return live.map(({ owner, topics }) => ({ owner: String(owner), topics: JSON.parse(String(topics)) }))
  }

  #fenced<T>({ group, topic, partition, owner, epoch }: Claim, body: () => T): T | undefined {
    return this.#database.write(() => {
      const held = this.#statements.holds.get(group, topic, partition, owner, epoch) !== undefined
      return held ? body() : undefined
    })
  }
}

function isFree(owner: unknown, expiresAtMs: unknown, nowMs: number): boolean {
  return owner === null || Number(expiresAtMs) <= nowMs || ownerIsDead(String(owner))
}

function toMessage(row: Row): ReceivedMessage {
  return {
    topic: String(row.topic),
    partition: Number(row.partition),
    offset: Number(row.position),
    key: String(row.key),
    headers: JSON.parse(String(row.headers)),
    value: row.value as Uint8Array,
    publishedAtMs: Number(row.published_at),
    attempt: Number(row.attempt),
  }
}
