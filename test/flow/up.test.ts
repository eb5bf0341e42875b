/** `up`: the chain kept running. Files come while it runs, one grows slowly, somebody stops it in the middle. */
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { keepRunning, type Progress } from '../../src/cli/chain.ts'
import { replay } from '../../src/cli/replay.ts'
import type { Workspace } from '../../src/cli/workspace.ts'
import { orphans } from '../../src/telemetry/orphans.ts'
import { keeps } from '../promises.ts'
import { answer, csv, deliveryOf, products, rowsOf, spansOf, workspaceWith } from './support.ts'
import { unbalanced } from './workspace.ts'

const first = 'acme/products-2026-01-10.csv'
const dropped = 'bolt/lamps-2026-01-10.csv'

/** Looks until it is so; the test's own time limit is the only other way out. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await delay(20)
}

const stateOfFile = async ({ stores }: Workspace, file: string) =>
  (await stores.runs.all()).find(({ delivery }) => delivery.file === file)?.state

keeps('P3')('a file dropped into landing while others run is picked up without a restart', async () => {
  const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
  await workspace.with(async place => {
    const stop = new AbortController()
    const running = keepRunning(place, { signal: stop.signal })
    await until(async () => (await stateOfFile(place, first)) !== undefined)
    await workspace.land(dropped, csv(products(1, 25)))
    await until(async () => (await stateOfFile(place, dropped)) === 'published')
    await until(async () => (await stateOfFile(place, first)) === 'published')
    stop.abort()
    await running
  })
  const settled = await workspace.run()
  expect(settled.deliveries.map(({ state }) => state)).toEqual(['duplicate', 'duplicate'])
  expect(rowsOf(settled, 'product_core.product')).toBe(55)
})

keeps('P1')('a file that grows while it runs is taken once, when it is whole', async () => {
  const workspace = await workspaceWith()
  await workspace.with(async place => {
    const stop = new AbortController()
    const running = keepRunning(place, { signal: stop.signal })
    const target = join(workspace.dir, 'landing', dropped)
    await mkdir(join(target, '..'), { recursive: true })
    const [header = '', ...lines] = csv(products(1, 200)).trimEnd().split('\n')
    await writeFile(target, `${header}\n`)
    // Some looks of the intake happen in between: pauses are far shorter than the policy's settle time.
    for (let at = 0; at < lines.length; at += 10) {
      await appendFile(target, `${lines.slice(at, at + 10).join('\n')}\n`)
      await delay(100)
    }
    await until(async () => (await stateOfFile(place, dropped)) === 'published')
    stop.abort()
    await running
  })
  const summary = await workspace.run()
  expect(summary.deliveries).toHaveLength(1)
  expect(deliveryOf(summary, dropped)).toMatchObject({ rowsRead: 200, rowsPublished: 200 })
})

keeps(
  'P1',
  'P2',
  'P5',
)('stopped in the middle of a delivery: it drains, and the next run ends the delivery where it was', async () => {
  const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
  await workspace.with(async place => {
    const stop = new AbortController()
    const onProgress = (progress: Progress) => {
      if (progress.kind === 'step' && progress.agent === 'ingestion') stop.abort()
    }
    await keepRunning(place, { signal: stop.signal, onProgress })
    expect(await stateOfFile(place, first)).toBe('running')
    expect(await place.bus.deadLetters()).toEqual([])
  })
  const summary = await workspace.run()
  expect(deliveryOf(summary, first)).toMatchObject({ state: 'published', rowsRead: 30, rowsPublished: 30 })
  expect(unbalanced(summary)).toEqual([])
  expect(rowsOf(summary, 'product_raw.acme_products')).toBe(30)
  expect(orphans(await spansOf(workspace, deliveryOf(summary, first).runId))).toEqual([])
})

keeps('P6')('an answer given by another process while it runs resumes the run that waits', async () => {
  const strange = csv(products(1, 30)).replace('title', 'zzquux')
  const workspace = await workspaceWith({ [first]: strange })
  await workspace.with(async place => {
    const stop = new AbortController()
    const running = keepRunning(place, { signal: stop.signal })
    await until(async () => (await stateOfFile(place, first)) === 'waiting')
    await answer(workspace, 'mapping:product_name', { answer: 'zzquux' })
    await until(async () => (await stateOfFile(place, first)) === 'published')
    stop.abort()
    await running
  })
  expect(await workspace.query('SELECT count(product_name) FROM product_core.product')).toEqual([[30]])
})

keeps('P1', 'P7')(
  'a catalog that somebody breaks while it runs: it says so and runs on, and takes the file once the catalog is mended',
  async () => {
    const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
    await workspace.with(async place => {
      const stop = new AbortController()
      const trouble: string[] = []
      const onProgress = (progress: Progress) => {
        if (progress.kind === 'trouble') trouble.push(`${progress.file} ${progress.failure.code}`)
      }
      const running = keepRunning(place, { signal: stop.signal, onProgress })
      await until(async () => (await stateOfFile(place, first)) === 'published')
      await workspace.edit('vendors.yaml', text => text.replace('kind: vendors', 'kind: [vendors'))
      await workspace.land(dropped, csv(products(1, 25)))
      await until(async () => trouble.length > 0)
      expect(trouble).toEqual(['catalog DOCUMENT_INVALID'])
      expect(await stateOfFile(place, dropped)).toBeUndefined()
      await workspace.edit('vendors.yaml', text => text.replace('kind: [vendors', 'kind: vendors'))
      await until(async () => (await stateOfFile(place, dropped)) === 'published')
      stop.abort()
      await running
    })
  },
)

keeps('P1', 'P7')(
  'a policy that somebody breaks while a run is under way: the run fails with file and line, and a replay ends it',
  async () => {
    const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
    await workspace.with(async place => {
      const stop = new AbortController()
      let broken: Promise<void> | undefined
      const onProgress = (progress: Progress) => {
        if (progress.kind !== 'step' || progress.agent !== 'ingestion') return
        broken ??= workspace.edit('policies/spending.yaml', text =>
          text.replace('kind: policy.spending', 'kind: no policy'),
        )
      }
      const running = keepRunning(place, { signal: stop.signal, onProgress })
      await until(async () => (await stateOfFile(place, first)) === 'failed')
      stop.abort()
      await running
      await broken
      const [view] = await place.stores.runs.all()
      expect(view?.failure).toMatchObject({
        code: 'DOCUMENT_INVALID',
        message: expect.stringMatching(/policies\/spending\.yaml:\d+/),
      })
      expect(await place.bus.deadLetters()).toEqual([])
      await workspace.edit('policies/spending.yaml', text => text.replace('kind: no policy', 'kind: policy.spending'))
      await replay(place, view?.run.id ?? '')
    })
    expect(deliveryOf(await workspace.run(), first)).toMatchObject({ state: 'published', rowsPublished: 30 })
  },
)
