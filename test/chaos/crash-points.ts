/**
 * Every place where a process can die between two things that last: before and after each transaction of the state store, each
 * publish on the bus, each write of the lake, each version in the catalog. Counted, so that a number names a place.
 */
import type { OpenOptions } from '../../src/cli/workspace.ts'

/** Options whose adapters call `at` at each such place. */
export function crashPoints(at: (place: string) => void): OpenOptions {
  const guarded = <T extends object>(part: T, name: string, methods: readonly (keyof T & string)[]): T =>
    new Proxy(part, {
      get(target, property) {
        const value = Reflect.get(target, property, target)
        if (typeof value !== 'function') return value
        const method = value.bind(target)
        if (!methods.includes(property as keyof T & string)) return method
        return async (...given: unknown[]) => {
          at(`before ${name}.${String(property)}`)
          const result = await method(...given)
          at(`after ${name}.${String(property)}`)
          return result
        }
      },
    })
  return {
    store: store => guarded(store, 'store', ['transact']),
    bus: bus => guarded(bus, 'bus', ['publish']),
    lakehouse: lakehouse =>
      guarded(lakehouse, 'lakehouse', ['createTable', 'addColumns', 'append', 'stage', 'publish', 'dropBranch']),
    catalog: catalog => guarded(catalog, 'catalog', ['putContract', 'putMapping']),
  }
}
