/**
 * Every safeguard is needed: each is taken away in turn, and a scenario that holds with it fails without it. What holds a scenario
 * up besides the one safeguard is taken away in both, so that it stands or falls with that alone.
 */
import { randomUUID } from 'node:crypto'
import { describe, expect } from 'vitest'
import type { Bus } from '../../bus/bus.ts'
import { agentNames } from '../../contracts/chain.ts'
import { Failure } from '../../contracts/failures.ts'
import { replay } from '../../src/cli/replay.ts'
import type { OpenOptions } from '../../src/cli/workspace.ts'
import type { Lakehouse } from '../../src/lakehouse/lakehouse.ts'
import type { ActorStores } from '../../src/runtime/stores.ts'
import { keyParts } from '../../src/state/keys.ts'
import type { StateStore } from '../../src/state/store.ts'
import { spanNames } from '../../src/telemetry/names.ts'
import { keeps } from '../promises.ts'
import { butFor } from '../sim/but-for.ts'
import { csv, deliveryOf, namesOf, products, rowsOf, spansOf, workspaceWith } from './support.ts'

const file = 'acme/products-2026-01-10.csv'
const records = 30
const bronze = 'acme_products'

function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}

/** A lake that writes the raw table again for the same write key: each write has another, known only to whoever made it. */
function withoutWriteKeys(lakehouse: Lakehouse): Lakehouse {
  const written = new Map<string, string>()
  return butFor(lakehouse, {
    append: (table, write) => {
      if (table.name !== bronze) return lakehouse.append(table, write)
      const writeKey = `${write.writeKey} ${randomUUID()}`
      written.set(write.writeKey, writeKey)
      return lakehouse.append(table, { ...write, writeKey })
    },
    findWrite: async (table, writeKey, branch) => {
      if (table.name !== bronze) return lakehouse.findWrite(table, writeKey, branch)
      const own = written.get(writeKey)
      written.delete(writeKey)
      return own === undefined ? undefined : lakehouse.findWrite(table, own, branch)
    },
  })
}

/** The step whose effect is in the raw table is lost once, both its result and its checkpoint: it is run again. */
function losingTheStepOfTheLoad(): Required<Pick<OpenOptions, 'lakehouse' | 'store'>> {
  let isLoaded = false
  const toLose = new Set(['write', 'checkpoint'])
  const loseOnce = (store: StateStore): StateStore =>
    butFor(store, {
      transact: transaction => {
        const puts = transaction.writes.flatMap(write => ('put' in write ? [keyParts(write.put)] : []))
        const lost = puts.find(([kind = '', thread = '']) => toLose.has(kind) && thread.endsWith('/ingestion'))
        if (!isLoaded || lost === undefined) return store.transact(transaction)
        toLose.delete(lost[0]!)
        return Promise.reject(new Failure('STATE_BUSY', 'The step of the load was lost.'))
      },
    })
  const noticeLoad = (lakehouse: Lakehouse): Lakehouse =>
    butFor(lakehouse, {
      append: async (table, write) => {
        const result = await lakehouse.append(table, write)
        isLoaded ||= table.name === bronze
        return result
      },
    })
  return { store: loseOnce, lakehouse: lakehouse => noticeLoad(withoutWriteKeys(lakehouse)) }
}

async function aStepThatRunsAgainLoadsOnce(options: OpenOptions): Promise<void> {
  const workspace = await workspaceWith({ [file]: csv(products(1, records)) })
  const summary = await workspace.run({ ...losingTheStepOfTheLoad(), ...options })
  const names = namesOf(await spansOf(workspace, deliveryOf(summary, file).runId))
  must(names.filter(name => name === spanNames.node('load')).length > 1, 'the step did not run again')
  const rows = rowsOf(summary, `product_raw.${bronze}`)
  must(rows === records, `${rows} rows of ${records} records`)
  must(deliveryOf(summary, file).state === 'published', `the delivery is ${deliveryOf(summary, file).state}`)
}

describe('the effect ledger', () => {
  const without: OpenOptions = { host: options => ({ ...options, disableLedger: true }) }

  keeps('P2', 'P4')('a step that runs again after its effect, in a lake without write keys: loads once', () =>
    aStepThatRunsAgainLoadsOnce({}),
  )
  keeps('P2', 'P4')('without it the same step loads twice', () =>
    expect(aStepThatRunsAgainLoadsOnce(without)).rejects.toThrow(`${2 * records} rows of ${records} records`),
  )
})

const everythingTwice = (bus: Bus): Bus =>
  butFor(bus, { publish: messages => bus.publish(messages.flatMap(message => [message, message])) })

async function everyMessageTwiceIsWorkedOnOnce(options: OpenOptions): Promise<void> {
  const workspace = await workspaceWith({ [file]: csv(products(1, records)) })
  const { runId, decisions } = deliveryOf(await workspace.run({ bus: everythingTwice, ...options }), file)
  const names = namesOf(await spansOf(workspace, runId))
  for (const agent of agentNames) {
    const turns = names.filter(name => name === spanNames.agent(agent)).length
    must(turns === 1, `${agent} had ${turns} turns`)
  }
  must(decisions.evidence > 0 && decisions.memory === 0, 'a new feed was decided from memory')
}

describe('the inbox', () => {
  const without: OpenOptions = {
    stores: (stores: ActorStores) => ({ ...stores, inbox: butFor(stores.inbox, { find: async () => undefined }) }),
  }

  keeps('P2')('every message comes twice: every agent works on the run once, and decides once', () =>
    everyMessageTwiceIsWorkedOnOnce({}),
  )
  keeps('P2')('without it an agent works on the run again', () =>
    expect(everyMessageTwiceIsWorkedOnOnce(without)).rejects.toThrow(/had [2-9]\d* turns/),
  )
})

/** The load is committed and its answer says that it failed for good; a person replays the run, which is another for the ledger. */
async function aReplayOfALoadThatWasDoneLoadsOnce(change: (lakehouse: Lakehouse) => Lakehouse): Promise<void> {
  const workspace = await workspaceWith({ [file]: csv(products(1, records)) })
  const failing = (lakehouse: Lakehouse): Lakehouse =>
    butFor(lakehouse, {
      append: async (table, write) => {
        const result = await lakehouse.append(table, write)
        if (table.name === bronze) throw new Failure('DISK_FULL', 'The disk was full just after the load.')
        return result
      },
    })
  const failed = deliveryOf(await workspace.run({ lakehouse: lakehouse => failing(change(lakehouse)) }), file)
  must(failed.failure?.code === 'DISK_FULL', `the delivery is ${failed.state}`)
  await workspace.with(place => replay(place, failed.runId))
  const summary = await workspace.run({ lakehouse: change })
  const rows = rowsOf(summary, `product_raw.${bronze}`)
  must(rows === records, `${rows} rows of ${records} records`)
  must(deliveryOf(summary, file).state === 'published', `the delivery is ${deliveryOf(summary, file).state}`)
}

describe('the check of the write key', () => {
  keeps('P2')('a replay of a load that was committed before its run failed: loads once', () =>
    aReplayOfALoadThatWasDoneLoadsOnce(lakehouse => lakehouse),
  )
  keeps('P2')('without it the replay loads twice', () =>
    expect(aReplayOfALoadThatWasDoneLoadsOnce(withoutWriteKeys)).rejects.toThrow(
      `${2 * records} rows of ${records} records`,
    ),
  )
})
