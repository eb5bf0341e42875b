/**
 * The log of the local bus: topics with a fixed number of partitions, and messages in the order they were published.
 * Positions are one ascending sequence over all topics, so a partition sees gaps; they are never reused.
 */
import type { OutgoingMessage } from './bus.ts'
import { EmbeddedDatabase } from './database.ts'

export const logSchema = `
  CREATE TABLE IF NOT EXISTS topics (name TEXT PRIMARY KEY, partitions INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS messages (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, key TEXT NOT NULL,
    headers TEXT NOT NULL, value BLOB NOT NULL, published_at INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS messages_by_partition ON messages (topic, partition, position);
  CREATE INDEX IF NOT EXISTS messages_by_age ON messages (published_at);
  CREATE TABLE IF NOT EXISTS partitions (
    consumer_group TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    committed INTEGER NOT NULL, owner TEXT, epoch INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS partitions_by_topic ON partitions (topic, partition);
  CREATE TABLE IF NOT EXISTS members (
    consumer_group TEXT NOT NULL, owner TEXT NOT NULL, topics TEXT NOT NULL, expires_at INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, owner)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS deliveries (
    consumer_group TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, position INTEGER NOT NULL,
    attempt INTEGER NOT NULL, failures INTEGER NOT NULL, retry_at INTEGER, done INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition, position)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, consumer_group TEXT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, position INTEGER NOT NULL, key TEXT NOT NULL,
    headers TEXT NOT NULL, value BLOB NOT NULL, published_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL, failure TEXT NOT NULL, died_at INTEGER NOT NULL)`

/** Publishing and pruning, on a connection whose commits survive loss of power. */
export class LocalLog {
  readonly #database: EmbeddedDatabase
  readonly #partitions: number
  readonly #statements

  /** @param partitions for topics that do not exist yet */
  constructor(path: string, partitions: number) {
    this.#database = new EmbeddedDatabase(path, logSchema, { synchronous: 'full' })
    this.#partitions = partitions
    const prepare = (sql: string) => this.#database.prepare(sql)
    this.#statements = {
      addTopic: prepare('INSERT OR IGNORE INTO topics VALUES (?, ?)'),
      topic: prepare('SELECT partitions FROM topics WHERE name = ?'),
      add: prepare(
        'INSERT INTO messages (topic, partition, key, headers, value, published_at) VALUES (?, ?, ?, ?, ?, ?)',
      ),
      // Kept while a group has yet to acknowledge it; a topic that no group reads is kept for the retention alone.
      prune: prepare(`
        DELETE FROM messages WHERE position IN (
          SELECT position FROM messages m WHERE published_at < ? AND NOT EXISTS (
            SELECT 1 FROM partitions p
            WHERE p.topic = m.topic AND p.partition = m.partition AND p.committed <= m.position)
          LIMIT ?)`),
      pruneDead: prepare(
        'DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE died_at < ? ORDER BY id LIMIT ?)',
      ),
    }
  }

  /** One transaction: all messages or none. */
  append(messages: readonly OutgoingMessage[], nowMs: number): void {
    const { add } = this.#statements
    this.#database.write(() => {
      for (const { topic, key, headers, value } of messages) {
        add.run(topic, partitionOf(key, this.#partitionsOf(topic)), key, JSON.stringify(headers), value, nowMs)
      }
    })
  }

  /** Removes at most `limit` messages and dead letters older than `beforeMs` that nobody has to read any more. */
  prune(beforeMs: number, limit: number): number {
    const { prune, pruneDead } = this.#statements
    return this.#database.write(
      () => Number(prune.run(beforeMs, limit).changes) + Number(pruneDead.run(beforeMs, limit).changes),
    )
  }

  close(): void {
    this.#database.close()
  }

  #partitionsOf(topic: string): number {
    this.#statements.addTopic.run(topic, this.#partitions)
    return Number(this.#statements.topic.get(topic)?.partitions)
  }
}

/** FNV-1a over the key's UTF-8 bytes: the same key is always in the same partition. */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(key, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0) % partitions
}
