/** Runtimes that are broken on purpose. A simulation that finds nothing wrong with them is worth nothing. */
import { Outbox } from '../../src/state/outbox.ts'
import { butFor } from './but-for.ts'
import type { Sabotage } from './process.ts'

class ForgetfulOutbox extends Outbox {
  override async flush(agent: string, publish: Parameters<Outbox['flush']>[1]): Promise<number> {
    const batch = await this.pending(agent)
    await this.remove(batch)
    if (batch.length > 0) await publish(batch.map(({ message }) => message))
    return batch.length
  }
}

export const canaries: Readonly<Record<string, Sabotage>> = {
  'an outbox that is emptied before it is published': stores => ({
    ...stores,
    outbox: new ForgetfulOutbox(stores.store),
  }),
  'an inbox that forgets': stores => ({
    ...stores,
    inbox: butFor(stores.inbox, { find: async () => undefined }),
  }),
  'a ledger that is blind': stores => ({
    ...stores,
    ledger: butFor(stores.ledger, { begin: async () => ({ kind: 'fresh' }) }),
  }),
  'a feed that does not wait for its person': stores => ({
    ...stores,
    parked: butFor(stores.parked, { park: async () => ({ kind: 'open' }) }),
  }),
}
