/** The same object, but for some of its methods. */
export function butFor<T extends object>(part: T, methods: Partial<T>): T {
  return new Proxy(part, {
    get(target, property) {
      if (Object.hasOwn(methods, property)) return Reflect.get(methods, property)
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
