/**
 * Every place where a process can die around things that last: before, during and after each transaction of the state store, each
 * publish on the bus, each write of the lake, each version in the catalog. A transaction is named by the kinds of keys it writes.
 */
import { setTimeout as delay, setImmediate as soon } from 'node:timers/promises'
import type { OpenOptions } from '../../src/cli/workspace.ts'
import { keyParts } from '../../src/state/keys.ts'
import type { Transaction } from '../../src/state/store.ts'

/** How long a write of the lake has been at work when it is said to be under way. */
const underWayMs = 10

/** Options whose adapters call `at` at each such place, with its name. */
export function crashPoints(at: (place: string) => void): OpenOptions {
  const guarded = <T extends object>(
    part: T,
    methods: Readonly<Partial<Record<keyof T & string, (given: never) => string>>>,
    duringMs = 0,
  ): T =>
    new Proxy(part, {
      get(target, property) {
        const value = Reflect.get(target, property, target)
        if (typeof value !== 'function') return value
        const method = value.bind(target)
        const nameOf = methods[property as keyof T & string]
        if (nameOf === undefined) return method
        return async (...given: unknown[]) => {
          const name = nameOf(given[0] as never)
          at(`before ${name}`)
          const work: Promise<unknown> = method(...given)
          void (duringMs === 0 ? soon() : delay(duringMs)).then(() => at(`during ${name}`))
          const result = await work
          at(`after ${name}`)
          return result
        }
      },
    })
  const named = <K extends string>(part: string, ...methods: K[]) =>
    Object.fromEntries(methods.map(method => [method, () => `${part}.${method}`])) as Record<K, () => string>
  return {
    store: store =>
      guarded(store, { transact: (transaction: Transaction) => `store.transact ${kindsOf(transaction)}` }),
    bus: bus => guarded(bus, named('bus', 'publish')),
    lakehouse: lakehouse =>
      guarded(
        lakehouse,
        named('lakehouse', 'createTable', 'addColumns', 'append', 'stage', 'publish', 'dropBranch'),
        underWayMs,
      ),
    catalog: catalog => guarded(catalog, named('catalog', 'putContract', 'putMapping')),
  }
}

const kindsOf = ({ writes }: Transaction): string => {
  const kinds = writes.map(write => keyParts('put' in write ? write.put : write.delete)[0] ?? '')
  return [...new Set(kinds)].sort().join('+')
}
