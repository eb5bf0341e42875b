/**
 * The skills behind the known workflows: the standing agents, started for as long as a skill lasts. What they do is what the chain
 * does, with the same contracts, ledger and trace per delivery; a skill only says when which of them work.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type AgentName, agentNames, consumerGroup } from '../../contracts/chain.ts'
import { asFailure, Failure } from '../../contracts/failures.ts'
import {
  type BronzeLayer,
  type DiscoveredFeeds,
  type ProductCore,
  skills,
  skillsServer,
} from '../../contracts/workflows.ts'
import { bronzeRef } from '../compiler/tables.ts'
import { inspectFile } from '../discovery/shell.ts'
import { identify } from '../intake/identity.ts'
import type { Sighting } from '../intake/intake.ts'
import { tableText } from '../lakehouse/identifiers.ts'
import { apartFromGraphs } from '../runtime/apart.ts'
import type { RunView } from '../runtime/run-records.ts'
import { listFiles } from '../tools/filesystem/list.ts'
import { createRoots } from '../tools/filesystem/roots.ts'
import { coreTableRef } from '../tools/lakehouse/names.ts'
import { serveTools, type ToolServer } from '../tools/server.ts'
import { landingFolder } from '../tools/servers.ts'
import { stillChanging, withAgents } from './chain.ts'
import { refuseLostWarehouse } from './lost-warehouse.ts'
import type { Workspace } from './workspace.ts'

/** The agents that make raw tables, and all of them: an answered approval may set any of them going. */
const bronzeAgents: readonly AgentName[] = ['planner', 'ingestion']
const mostFiles = 10_000
/** Looks in a row that find a file still changing before it is left out. */
const patience = 4
const pollMs = 10

type Problem = BronzeLayer['errors'][number]
type Loaded = BronzeLayer['tables'][number]
const empty: Omit<Loaded, 'table'> = { files: [], rows: 0, rowsInError: 0 }

export function skillsOf(workspace: Workspace): ToolServer {
  const handlers = {
    discover_feeds: ({ folder }: { folder: string }) => apartFromGraphs(() => discoverFeeds(workspace, folder)),
    build_bronze: ({ files }: { files?: string[] | undefined }) => apartFromGraphs(() => buildBronze(workspace, files)),
    build_core: () => apartFromGraphs(() => buildCore(workspace)),
  }
  return serveTools(skillsServer, skills, handlers, workspace.telemetry)
}

async function discoverFeeds({ dir, catalog }: Workspace, folder: string): Promise<DiscoveredFeeds> {
  const roots = createRoots(dir, [landingFolder])
  const [policy, register] = [(await catalog.policies()).discovery, await catalog.vendors()]
  const { files: listed } = await listFiles(roots, `${landingFolder}/${folder}`, mostFiles)
  const files: DiscoveredFeeds['files'] = []
  const errors: Problem[] = []
  for (const path of listed.map(file => file.path.slice(landingFolder.length + 1))) {
    try {
      const identity = identify(path, register)
      if (identity.kind === 'ignored') continue
      if (identity.kind === 'problem') throw identity.failure
      const spec = await inspectFile((await roots.resolveFile(`${landingFolder}/${path}`)).path, policy)
      files.push({
        path,
        ...identity.feed,
        format: spec.format.kind,
        columns: spec.columns.map(({ name, sourceName, type }) => ({ name, sourceName, type })),
        keys: spec.keys.map(key => key.columns),
        rowCount: spec.rowCount,
        confidence: spec.confidence,
      })
    } catch (error) {
      errors.push(problem(path, error))
    }
  }
  return { files, errors }
}

async function buildBronze(workspace: Workspace, files: readonly string[] | undefined): Promise<BronzeLayer> {
  await refuseLostWarehouse(workspace)
  const only = files && new Set(files)
  let sightings: Sighting[] = []
  await withAgents(
    workspace,
    {},
    async signal => {
      for (let looks = 0; looks < patience && !signal.aborted; looks += 1) {
        sightings = await workspace.intake.look({ rules: false, ...(only && { only }) })
        const changing = sightings.filter(sighting => sighting.kind === 'changing')
        if (changing.length === 0) break
        await delay(Math.max(pollMs, ...changing.map(({ lookAgainMs }) => lookAgainMs)))
      }
      await untilDone(workspace, bronzeAgents, signal)
    },
    bronzeAgents,
  )
  const errors = sightings
    .map(stillChanging)
    .flatMap(sighting => (sighting.kind === 'failed' ? [problem(sighting.file, sighting.failure)] : []))
  for (const file of only ?? [])
    if (!sightings.some(sighting => sighting.file === file))
      errors.push(problem(file, new Failure('PATH_UNKNOWN', `There is no file ${file} in landing.`)))
  const runs = (await workspace.stores.runs.all()).filter(
    ({ delivery }) => only === undefined || only.has(delivery.file),
  )
  const tables = new Map<string, Loaded>()
  for (const { delivery, progress } of runs) {
    const { bronze } = progress
    if (bronze === undefined) continue
    const table = tableText(bronzeRef(delivery.feed))
    const { files: names, rows, rowsInError } = tables.get(table) ?? { ...empty, table }
    // A run of the same delivery once more loads nothing again.
    if (names.includes(delivery.file)) continue
    tables.set(table, {
      table,
      files: [...names, delivery.file],
      rows: rows + bronze.loaded,
      rowsInError: rowsInError + bronze.rejected,
    })
  }
  return {
    tables: [...tables.values()],
    waiting: waiting(runs, ['planner']),
    errors: [...errors, ...failed(runs, bronzeAgents)],
  }
}

async function buildCore(workspace: Workspace): Promise<ProductCore> {
  await refuseLostWarehouse(workspace)
  await withAgents(workspace, {}, signal => untilDone(workspace, agentNames, signal))
  const { stores, catalog, lakehouse } = workspace
  const table = tableText(coreTableRef(await catalog.standard()))
  const isThere = (await lakehouse.listTables()).some(each => tableText(each) === table)
  const [[rows] = [0]] = isThere ? (await lakehouse.query(`SELECT count(*) FROM ${table}`)).rows : [[0]]
  const runs = latestPerDelivery(await stores.runs.all())
  return {
    table,
    rows: Number(rows),
    published: runs
      .filter(({ state }) => state === 'published')
      .map(({ delivery, progress: { core } }) => ({
        file: delivery.file,
        rows: core?.staged ?? 0,
        rejected: core?.rejected ?? 0,
      })),
    refused: runs
      .filter(({ state }) => state === 'refused')
      .map(({ delivery, progress }) => ({
        file: delivery.file,
        reasons: (progress.judgement?.reasons ?? []).map(({ message }) => message),
      })),
    waiting: waiting(runs, agentNames),
    errors: failed(runs, agentNames),
  }
}

/** Until these agents have nothing more to do. What one of them says reaches the next before its own message is done. */
async function untilDone({ bus }: Workspace, names: readonly AgentName[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    let left = 0
    // In the order of the chain: what moves on is met further down.
    for (const name of names)
      left += (await bus.lag(consumerGroup(name))).reduce((sum, { messages }) => sum + messages, 0)
    if (left === 0) return
    await delay(pollMs)
  }
}

function latestPerDelivery(runs: readonly RunView[]): RunView[] {
  return [...new Map(runs.map(view => [view.delivery.id, view])).values()]
}

const waiting = (runs: readonly RunView[], names: readonly AgentName[]): string[] =>
  latestPerDelivery(runs)
    .filter(({ state, progress }) => state === 'waiting' && (names.length > 1 || progress.bronze === undefined))
    .map(({ delivery }) => delivery.file)

const failed = (runs: readonly RunView[], names: readonly AgentName[]): Problem[] =>
  latestPerDelivery(runs).flatMap(({ delivery, failure }) =>
    failure !== undefined && (names as readonly string[]).includes(failure.agent)
      ? [{ file: delivery.file, code: failure.code, message: failure.message, wayOut: failure.wayOut }]
      : [],
  )

function problem(file: string, error: unknown): Problem {
  const { code, message, wayOut } = asFailure(error)
  return { file, code, message, wayOut }
}
