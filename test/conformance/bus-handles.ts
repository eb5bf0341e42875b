/**
 * The handles that a test of the bus opens: they are closed after it, and a killed one stays dead.
 */
import type { Bus, HandlerOutcome, OutgoingMessage, SubscribeOptions, Subscription } from '../../bus/bus.ts'

export interface BusFixture<B extends Bus = Bus> {
  /** Opens one more handle on the same bus. */
  open(): Promise<B>
  /** Ends a handle as a crash of its process would: nothing is acknowledged or given back. */
  kill(bus: B): Promise<void>
  /** Removes what the fixture made. */
  dispose(): Promise<void>
}

export interface Handles {
  open(): Promise<Bus>
  close(bus: Bus): Promise<void>
  kill(bus: Bus): Promise<void>
  /** As group `readers` on topic `numbers`, unless told otherwise. */
  subscribe(bus: Bus, handler: SubscribeOptions['handler'], more?: Partial<SubscribeOptions>): Promise<Subscription>
  /** Subscribes and collects what arrives as `key=body`. */
  collect(bus: Bus, more?: Partial<SubscribeOptions>): Promise<string[]>
  lag(bus: Bus): Promise<number>
}

const decoder = new TextDecoder()
const encoder = new TextEncoder()

export const done: HandlerOutcome = { kind: 'done' }
export const keys = Array.from({ length: 12 }, (_, number) => `feed-${number}`)
export const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
export const bodyOf = ({ value }: Pick<OutgoingMessage, 'value'>) => decoder.decode(value)

export function message(key: string, body: string, topic = 'numbers'): OutgoingMessage {
  return { topic, key, headers: { ce_id: `${topic}/${key}/${body}` }, value: encoder.encode(body) }
}

export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await pause(5)
}

export class TestHandles<B extends Bus> implements Handles {
  readonly #fixture: BusFixture<B>
  readonly #opened = new Set<B>()

  constructor(fixture: BusFixture<B>) {
    this.#fixture = fixture
  }

  async open(): Promise<B> {
    const bus = await this.#fixture.open()
    this.#opened.add(bus)
    return bus
  }

  async close(bus: B): Promise<void> {
    this.#opened.delete(bus)
    await bus.close()
  }

  async kill(bus: B): Promise<void> {
    this.#opened.delete(bus)
    await this.#fixture.kill(bus)
  }

  subscribe(bus: B, handler: SubscribeOptions['handler'], more: Partial<SubscribeOptions> = {}): Promise<Subscription> {
    return bus.subscribe({ group: 'readers', topics: ['numbers'], handler, ...more })
  }

  async collect(bus: B, more: Partial<SubscribeOptions> = {}): Promise<string[]> {
    const seen: string[] = []
    const handler = async (received: OutgoingMessage) => {
      seen.push(`${received.key}=${bodyOf(received)}`)
      return done
    }
    await this.subscribe(bus, handler, more)
    return seen
  }

  async lag(bus: B): Promise<number> {
    return (await bus.lag('readers')).reduce((sum, { messages }) => sum + messages, 0)
  }

  async dispose(): Promise<void> {
    for (const bus of this.#opened) await bus.close()
    await this.#fixture.dispose()
  }
}
