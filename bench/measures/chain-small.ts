import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { scaffoldWorkspace } from '../../src/catalog/scaffold.ts'
import { runOnce } from '../../src/cli/chain.ts'
import { readSettings } from '../../src/cli/settings.ts'
import { openWorkspace } from '../../src/cli/workspace.ts'
import { type Benchmark, median, quantile, rounded, timed } from '../measure.ts'

const rowsPerDelivery = 100
const deliveries = 15

/** How long one small delivery of a known feed takes from landing to core, with nothing else going on. */
export const chainSmall: Benchmark = {
  name: 'chain.small',
  async run(tell) {
    const directory = await mkdtemp(join(tmpdir(), 'aiworkflow-bench-'))
    try {
      await scaffoldWorkspace(directory)
      const workspace = await openWorkspace(await readSettings({ directory }))
      const times: number[] = []
      try {
        // The first delivery makes the contract, the mapping and the tables; it is not a sample.
        for (let number = 0; number <= deliveries; number++) {
          await drop(directory, number)
          const ms = await timed(async () => assertPublished(await runOnce(workspace), number))
          if (number > 0) times.push(ms)
        }
      } finally {
        await workspace.close()
      }
      tell(`${times.length} deliveries of ${rowsPerDelivery} rows`)
      return [
        {
          name: 'chain.small.p50',
          value: rounded(median(times)),
          unit: 'ms',
          against: null,
          ratio: null,
          note: `One delivery of ${rowsPerDelivery} rows of a known feed through all four agents in one process, looked for, loaded, staged, checked and published; p90 ${rounded(quantile(times, 0.9))} ms. Left out: start of the process, opening the workspace, the feed's first delivery, and the time a file must stand still.`,
        },
      ]
    } finally {
      await rm(directory, { recursive: true })
    }
  },
}

/** A file that was written a while ago, so that intake need not wait until it is whole. */
async function drop(directory: string, number: number): Promise<void> {
  const folder = join(directory, 'landing', 'bench')
  await mkdir(folder, { recursive: true })
  const rows = Array.from({ length: rowsPerDelivery }, (_, row) => {
    const id = number * rowsPerDelivery + row
    return [`SKU-${id}`, `Product ${id}`, 'Acme', (id % 997) + 0.5, 'EUR', `A product with the number ${id}`].join(',')
  })
  const file = join(folder, `products_${String(number).padStart(4, '0')}.csv`)
  await writeFile(file, `sku,product name,brand,price,currency,description\n${rows.join('\n')}\n`)
  const minuteAgo = new Date(Date.now() - 60_000)
  await utimes(file, minuteAgo, minuteAgo)
}

function assertPublished({ deliveries: all, approvals }: Awaited<ReturnType<typeof runOnce>>, number: number): void {
  const state = all.find(({ file }) => file.includes(String(number).padStart(4, '0')))?.state
  if (state !== 'published')
    throw new Error(`Delivery ${number} is ${state}, so nothing was measured: ${JSON.stringify(approvals)}`)
}
