/** A process that takes one message, says so, and never finishes it: to be killed by a test. */
import { LocalBus } from '../../bus/local.ts'

const [path] = process.argv.slice(2)
const bus = new LocalBus({ path: path!, leaseMs: 3_600_000 })
await bus.publish([{ topic: 'numbers', key: 'a', headers: {}, value: new Uint8Array([1]) }])
await bus.subscribe({
  group: 'g',
  topics: ['numbers'],
  handler: () => {
    process.stdout.write('taken\n')
    return new Promise(() => {})
  },
})
