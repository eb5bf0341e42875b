/**
 * The intake: what lies in landing becomes deliveries, and deliveries become runs. It decides whose feed a file is before
 * anything in it is read, takes its bytes in, and starts a run for what is new. It also starts runs for settled deliveries
 * whose governing documents have changed since: standard, rules or mapping.
 *
 * Owns the keys of deliveries.ts and the events it starts runs with (outbox `intake`).
 *
 * Invariants:
 * 1. The same bytes of a feed are one delivery, under whatever file name and however often they are seen.
 * 2. A file is taken only when it has stood still for as long as policy says.
 * 3. A delivery, its first run and the event that starts it are one transaction; the event is published afterwards, and
 *    again on the next look if a crash came between.
 * 4. A feed's files are taken in the order their names say, so that the feed's order is the vendor's. Behind one that is still
 *    being written the later ones wait.
 *
 * How it fails: one file's trouble is that file's sighting, and a broken catalog is the sighting `catalog`; the others go on.
 */
import { readdir, realpath, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { Bus } from '../../bus/bus.ts'
import { type Feed, feedKey } from '../../contracts/data/common.ts'
import type { Delivery, Run, RunCause } from '../../contracts/data/delivery.ts'
import { Failure, type FailureCode } from '../../contracts/failures.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { peopleOutbox } from '../runtime/decide-approval.ts'
import { deliveryId } from '../runtime/identity.ts'
import { replayLimit } from '../runtime/replay-limit.ts'
import { intakeOutbox, startRun } from '../runtime/start-run.ts'
import type { ActorStores } from '../runtime/stores.ts'
import type { Telemetry } from '../telemetry/tracer.ts'
import { Deliveries, type KnownDelivery } from './deliveries.ts'
import { identify, inFeedOrder } from './identity.ts'
import { ruledAnew } from './ruled-anew.ts'
import { observe, type Standing } from './stability.ts'
import { fileFailure, takeFile } from './take.ts'

export type Sighting =
  | {
      readonly kind: 'delivered' | 'rebuilt' | 'known'
      readonly file: string
      readonly delivery: Delivery
      readonly run: Run
    }
  /** Not whole yet, or behind one of its feed that is not: looked at again next time. */
  | { readonly kind: 'changing'; readonly file: string; readonly lookAgainMs: number; readonly behind?: string }
  | { readonly kind: 'failed'; readonly file: string; readonly failure: Failure }

type Changing = Extract<Sighting, { kind: 'changing' }>

export interface IntakeOptions {
  readonly workspaceDir: string
  readonly landingDir: string
  /** Where taken bytes are kept, inside the workspace. */
  readonly storeDir: string
  readonly stores: ActorStores
  readonly bus: Bus
  readonly catalog: Catalog
  readonly telemetry: Telemetry
  readonly clock?: () => number
}

/** A file of a feed in landing; `run` is the latest one of the delivery that it was taken as, undefined for one not yet taken. */
export interface Surveyed {
  readonly file: string
  readonly path: string
  readonly feed: Feed
  readonly sizeBytes: number
  readonly run: Run | undefined
}

interface Found {
  readonly path: string
  readonly feed: Feed
  readonly sizeBytes: number
  readonly modifiedAtMs: number
}

export class Intake {
  readonly #options: IntakeOptions
  readonly #deliveries: Deliveries
  readonly #clock: () => number
  /** How each file stood at the last look. */
  readonly #standing = new Map<string, Standing>()

  constructor(options: IntakeOptions) {
    this.#options = options
    this.#deliveries = new Deliveries(options.stores.store)
    this.#clock = options.clock ?? Date.now
  }

  /** One look at landing, or at some files there, and, unless `rules` is false, at what governs the deliveries taken before. */
  async look(options: { readonly rules?: boolean; readonly only?: ReadonlySet<string> } = {}): Promise<Sighting[]> {
    await this.flush()
    const sightings: Sighting[] = []
    await governed(sightings, async () => {
      const { only } = options
      const files = (await this.#files(sightings)).filter(({ path }) => only === undefined || only.has(path))
      const unwhole = new Map<string, Changing>()
      for (const file of inFeedOrder(files)) {
        const feed = feedKey(file.feed)
        const sighting = await this.#take(file, unwhole.get(feed)).catch(error => ({
          kind: 'failed' as const,
          file: file.path,
          failure: fileFailure(error, file.path),
        }))
        if (sighting.kind === 'changing' && !unwhole.has(feed)) unwhole.set(feed, sighting)
        sightings.push(sighting)
      }
    })
    await governed(sightings, async () => {
      for (const known of options.rules === false ? [] : await ruledAnew(this.#options, this.#deliveries)) {
        const again = await this.#again(known.known, known.cause)
        if (again) sightings.push(again)
      }
    })
    await this.flush()
    return sightings
  }

  /** Starts a run of a delivery once more; undefined when it has that run already. */
  async #again(known: KnownDelivery, cause: RunCause): Promise<Sighting | undefined> {
    const { delivery } = known
    const { catalog, telemetry } = this.#options
    const { run, writes } = await startRun(
      delivery,
      cause,
      (await catalog.policies()).spending,
      telemetry,
      this.#clock(),
      this.#options.bus.system,
    )
    if (!(await this.#deliveries.addRun(delivery.id, run, writes))) return undefined
    return { kind: 'rebuilt', file: delivery.file, delivery, run }
  }

  /** What lies in landing, in the order in which it is or would be taken; nothing is taken and nothing changes. */
  async survey(): Promise<{ files: Surveyed[]; failed: Extract<Sighting, { kind: 'failed' }>[] }> {
    const sightings: Sighting[] = []
    const files: Surveyed[] = []
    await governed(sightings, async () => {
      for (const { path, feed, sizeBytes, modifiedAtMs } of inFeedOrder(await this.#files(sightings))) {
        const landed = await this.#deliveries.landed(path)
        const isTaken = landed?.sizeBytes === sizeBytes && landed.modifiedAtMs === modifiedAtMs
        const known = isTaken ? await this.#deliveries.get(landed.deliveryId) : undefined
        const where = join(this.#options.landingDir, path)
        files.push({ file: path.split(sep).join('/'), path: where, feed, sizeBytes, run: known?.runs.at(-1) })
      }
    })
    return { files, failed: sightings.filter(sighting => sighting.kind === 'failed') }
  }

  /** A person asked for a failed or refused delivery again. Errors: RUN_UNKNOWN; REPLAY_LIMIT. */
  async replay(deliveryIdentity: string, of: string): Promise<Run> {
    const known = await this.#deliveries.get(deliveryIdentity)
    if (known === undefined) throw new Failure('RUN_UNKNOWN', `There is no delivery ${deliveryIdentity}.`)
    const { spending } = await this.#options.catalog.policies()
    const replays = known.runs.filter(({ cause }) => cause.kind === 'replayed').length
    if (replays >= spending.replays.perLetter) throw replayLimit(known.delivery.file, replays, spending.owner)
    const again = await this.#again(known, { kind: 'replayed', of, attempt: known.runs.length })
    await this.flush()
    if (again?.kind !== 'rebuilt') throw new Failure('STATE_BUSY', `Somebody else is replaying ${deliveryIdentity}.`)
    return again.run
  }

  /** Says what came from outside and is not yet said: deliveries, and answers whose command died before it could say them. */
  async flush(): Promise<void> {
    const { stores, bus } = this.#options
    for (const outbox of [intakeOutbox, peopleOutbox])
      await stores.outbox.flush(outbox, messages => bus.publish(messages))
  }

  /** Files below landing that belong to a feed; trouble goes to `sightings`. */
  async #files(sightings: Sighting[]): Promise<Found[]> {
    const { landingDir, catalog } = this.#options
    const register = await catalog.vendors()
    const root = await realpath(landingDir)
    const found: Found[] = []
    for (const path of await this.#walk(landingDir, sightings)) {
      const failed = (error: unknown) =>
        sightings.push({ kind: 'failed', file: path, failure: fileFailure(error, path) })
      try {
        const identity = identify(path.split(sep).join('/'), register)
        if (identity.kind === 'ignored') continue
        if (identity.kind === 'problem') throw identity.failure
        const real = await realpath(join(landingDir, path))
        if (real !== root && !real.startsWith(root + sep)) {
          throw new Failure('PATH_OUTSIDE_ROOT', `${path} is a link that leads outside of landing.`)
        }
        const { size, mtimeMs } = await stat(real)
        found.push({ path, feed: identity.feed, sizeBytes: size, modifiedAtMs: mtimeMs })
      } catch (error) {
        failed(error)
      }
    }
    return found
  }

  async #walk(folder: string, sightings: Sighting[]): Promise<string[]> {
    const { landingDir } = this.#options
    const paths: string[] = []
    const entries = await readdir(folder, { withFileTypes: true }).catch(error => {
      sightings.push({ kind: 'failed', file: relative(landingDir, folder) || '.', failure: fileFailure(error, folder) })
      return []
    })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name)
      const refuse = (code: 'PATH_OUTSIDE_ROOT' | 'FILE_UNREADABLE', what: string) =>
        sightings.push({ kind: 'failed', file: relative(landingDir, path), failure: new Failure(code, what) })
      if (entry.isDirectory()) paths.push(...(await this.#walk(path, sightings)))
      else if (entry.isFile() || (entry.isSymbolicLink() && !(await leadsToFolder(path))))
        paths.push(relative(landingDir, path))
      else if (entry.isSymbolicLink())
        refuse('PATH_OUTSIDE_ROOT', `${entry.name} is a link to a folder; links to folders are not followed.`)
      else refuse('FILE_UNREADABLE', `${entry.name} is no file but a pipe, socket or device.`)
    }
    return paths
  }

  /** @param before the first file of its feed that is not whole yet */
  async #take(file: Found, before: Changing | undefined): Promise<Sighting> {
    const landed = await this.#deliveries.landed(file.path)
    if (landed?.sizeBytes === file.sizeBytes && landed.modifiedAtMs === file.modifiedAtMs) {
      return this.#known(file.path, landed.deliveryId)
    }
    const lookAgainMs = await this.#unsettledMs(file)
    if (lookAgainMs > 0) return { kind: 'changing', file: file.path, lookAgainMs }
    if (before !== undefined)
      return { kind: 'changing', file: file.path, lookAgainMs: before.lookAgainMs, behind: before.file }
    const { storeDir, landingDir, workspaceDir, catalog, telemetry } = this.#options
    const taken = await takeFile(join(landingDir, file.path), storeDir).catch(error => {
      if (error instanceof Failure && error.code === 'FILE_CHANGING') return undefined
      throw error
    })
    if (taken === undefined)
      return { kind: 'changing', file: file.path, lookAgainMs: (await catalog.policies()).discovery.settleMs }
    const id = deliveryId(file.feed, taken.sha256)
    const mark = { sizeBytes: file.sizeBytes, modifiedAtMs: file.modifiedAtMs, deliveryId: id }
    for (;;) {
      if ((await this.#deliveries.get(id)) !== undefined) {
        await this.#deliveries.land(file.path, mark)
        return this.#known(file.path, id)
      }
      const atMs = await this.#deliveries.nextTimeMs(feedKey(file.feed), this.#clock())
      const receivedAt = new Date(atMs).toISOString()
      const delivery: Delivery = {
        id,
        feed: file.feed,
        file: file.path.split(sep).join('/'),
        stored: relative(workspaceDir, join(storeDir, taken.stored)),
        sha256: taken.sha256,
        sizeBytes: taken.sizeBytes,
        receivedAt,
        ingestionDate: receivedAt.slice(0, 10),
      }
      const { run, writes } = await startRun(
        delivery,
        { kind: 'delivered' },
        (await catalog.policies()).spending,
        telemetry,
        this.#clock(),
        this.#options.bus.system,
      )
      if (await this.#deliveries.add({ delivery, runs: [run] }, mark, file.path, writes)) {
        return { kind: 'delivered', file: file.path, delivery, run }
      }
    }
  }

  async #known(path: string, id: string): Promise<Sighting> {
    const known = await this.#deliveries.get(id)
    const run = known?.runs.at(-1)
    if (known === undefined || run === undefined)
      throw new Failure('INTERNAL', `The delivery ${id} of ${path} is not in the state store.`)
    return { kind: 'known', file: path, delivery: known.delivery, run }
  }

  /** How long to wait until the file has stood still long enough; 0: it is whole. */
  async #unsettledMs(file: Found): Promise<number> {
    const { settleMs } = (await this.#options.catalog.policies()).discovery
    const observedMs = this.#clock()
    const { sizeBytes, modifiedAtMs: modifiedMs } = file
    const { stability, standing } = observe(
      this.#standing.get(file.path),
      { sizeBytes, modifiedMs, observedMs },
      settleMs,
    )
    if (standing === undefined) this.#standing.delete(file.path)
    else this.#standing.set(file.path, standing)
    return stability.kind === 'settling' ? Math.max(1, stability.lookAgainMs - observedMs) : 0
  }
}

const catalogFaults: ReadonlySet<FailureCode> = new Set([
  'DOCUMENT_INVALID',
  'RULE_INVALID',
  'CATALOG_MISSING',
  'STANDARD_MISSING',
])

/** A broken document of the catalog is trouble to tell, not the end of looking: what lies in landing stays there until it is mended. */
async function governed(sightings: Sighting[], work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof Failure && catalogFaults.has(error.code))) throw error
    sightings.push({ kind: 'failed', file: 'catalog', failure: error })
  }
}

async function leadsToFolder(path: string): Promise<boolean> {
  const to = await stat(path).catch(() => undefined)
  return to?.isDirectory() ?? false
}
