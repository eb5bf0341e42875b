import { cp, mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decisionSteps } from '../../contracts/data/common.ts'
import { runOnce } from '../../src/cli/chain.ts'
import type { Workspace } from '../../src/cli/workspace.ts'
import { type ModelServer, startModelServer } from '../../test/rig/model.ts'
import { type Benchmark, type Measure, rounded } from '../measure.ts'
import {
  answering,
  inWorkspace,
  type Ladder,
  ladderOf,
  realSpeaker,
  runAnswered,
  type Speaker,
  type Spent,
  scriptedModel,
  spentOn,
  wholeSamples,
  wordlessColumn,
} from '../model-rig.ts'

const example = fileURLToPath(new URL('../../examples/product/', import.meta.url))
const vendors = ['north', 'east', 'south', 'west']
const deliveriesPerFeed = 25
const rowsPerDelivery = 20
/** What one batch of a new feed may take, the answer included. */
const mostTokens = 4_000

const assumption = `A token is taken to be 4 characters on both sides; the scripted model counts so, over the whole request with its schema. Money at the catalog's price of ${scriptedModel}.`

/** What a language model costs a chain that asks it last, and where decisions stop with and without it. */
export const model: Benchmark = {
  name: 'model',
  async run(tell) {
    const server = await startModelServer(answering)
    try {
      const scripted = (answers: Speaker['answers']): Speaker => ({
        name: answers,
        model: scriptedModel,
        environment: { AIWORKFLOW_MODEL: scriptedModel, AIWORKFLOW_MODEL_URL: server.url },
        answers,
      })
      const real = realSpeaker(process.env)
      if (real === undefined)
        tell('no real provider: it takes AIWORKFLOW_MODEL, and AIWORKFLOW_MODEL_KEY or OPENAI_API_KEY')
      const none: Speaker = { name: 'none', model: scriptedModel, environment: {}, answers: 'propose' }
      const climbs: Climb[] = []
      for (const speaker of [none, scripted('propose'), scripted('apply'), ...(real ? [real] : [])]) {
        const climbed = await climb(speaker)
        climbs.push(climbed)
        tell(`${climbed.deliveries} deliveries of the example, ${speaker.name}: ${counted(climbed.spent.calls)}`)
        if (speaker === real && climbed.spent.calls === 0) tell(`${speaker.model} answered nothing: look at its key`)
      }
      const known = await deliverKnown(scripted('propose'), server)
      tell(`${known.deliveries} deliveries of ${vendors.length} known feeds: ${counted(known.calls)}`)
      return [
        ...climbs.filter(({ speaker: { name } }) => name !== 'apply').flatMap(newMeasures),
        ...knownMeasures(known),
        ...climbs.flatMap(each => ladder(each, climbs[0]?.ladder)),
      ]
    } finally {
      await server.close()
    }
  },
}

interface Climb {
  readonly speaker: Speaker
  readonly ladder: Ladder
  readonly spent: Spent
  readonly byFeed: ReadonlyMap<string, Spent>
  readonly whole: Pick<Spent, 'tokens' | 'money'>
  readonly deliveries: number
}

const nothing: Spent = { calls: 0, tokens: 0, money: 0 }

/** The example's landing in a workspace that knows no feed, to the end. */
async function climb(speaker: Speaker): Promise<Climb> {
  const place = async (directory: string) => {
    await cp(join(example, 'landing'), join(directory, 'landing'), { recursive: true, preserveTimestamps: true })
    await cp(join(example, 'catalog/vendors.yaml'), join(directory, 'catalog/vendors.yaml'))
  }
  return inWorkspace(speaker, place, async workspace => {
    await runAnswered(workspace)
    const files = await filesOf(join(workspace.dir, 'landing'))
    return {
      speaker,
      ladder: await ladderOf(workspace),
      spent: (await spentOn(workspace, 'workspace')).get('') ?? nothing,
      byFeed: await spentOn(workspace, 'feed/'),
      whole: await wholeSamples(files, workspace, speaker.model),
      deliveries: files.length,
    }
  })
}

interface Known {
  readonly deliveries: number
  /** Requests that reached the model while they were delivered, paid or not. */
  readonly calls: number
  readonly tokens: number
  readonly money: number
  readonly whole: Pick<Spent, 'tokens' | 'money'>
  /** What it took to know the feeds. */
  readonly before: Spent
}

async function deliverKnown(speaker: Speaker, server: ModelServer): Promise<Known> {
  const first = async (directory: string) => {
    for (const vendor of vendors) await drop(directory, vendor, 0)
  }
  return inWorkspace(speaker, first, async workspace => {
    await runAnswered(workspace)
    const before = (await spentOn(workspace, 'workspace')).get('') ?? nothing
    const asked = server.asked.length
    const files: string[] = []
    for (const vendor of vendors)
      for (let number = 1; number <= deliveriesPerFeed; number += 1)
        files.push(await drop(workspace.dir, vendor, number))
    await publish(workspace, files)
    const after = (await spentOn(workspace, 'workspace')).get('') ?? nothing
    return {
      deliveries: files.length,
      calls: server.asked.length - asked,
      tokens: after.tokens - before.tokens,
      money: after.money - before.money,
      whole: await wholeSamples(files, workspace, speaker.model),
      before,
    }
  })
}

async function publish(workspace: Workspace, files: readonly string[]): Promise<void> {
  const { deliveries, approvals } = await runOnce(workspace)
  const published = new Set(deliveries.filter(({ state }) => state === 'published').map(({ file }) => file))
  const missing = files.filter(file => ![...published].some(name => file.endsWith(name)))
  if (missing.length > 0)
    throw new Error(`Not published, so nothing was measured: ${missing.join(', ')} ${JSON.stringify(approvals)}`)
}

/** A file that was written a while ago, so that intake need not wait until it is whole. Returns where it is. */
async function drop(directory: string, vendor: string, number: number): Promise<string> {
  const folder = join(directory, 'landing', vendor)
  await mkdir(folder, { recursive: true })
  const rows = Array.from({ length: rowsPerDelivery }, (_, row) => {
    const id = number * rowsPerDelivery + row
    return `SKU-${id},Lamp number ${id} of ${vendor},${(id % 997) + 0.5}`
  })
  const file = join(folder, `lamps_${String(number).padStart(4, '0')}.csv`)
  await writeFile(file, `sku,${wordlessColumn},price\n${rows.join('\n')}\n`)
  const minuteAgo = new Date(Date.now() - 60_000)
  await utimes(file, minuteAgo, minuteAgo)
  return file
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
}

const dollars = (money: number): string => `$${money.toPrecision(3)}`

function knownMeasures({ deliveries, calls, tokens, money, whole, before }: Known): Measure[] {
  const note = `${deliveries} deliveries of ${rowsPerDelivery} rows, of ${vendors.length} feeds that were new once: that took ${counted(before.calls)}, ${before.tokens} tokens, ${dollars(before.money)} and a person's answer each. ${assumption} Left out of the other side: its prompts and its answers. Files are as small as deliveries get, which is where the other side is cheapest.`
  const spent = before.money + money
  const samples = `${whole.tokens} tokens of whole samples, one each time`
  const share = (value: number, of: number) => (of === 0 ? null : rounded(value / of))
  return [
    { name: 'calls', value: calls, unit: 'calls', against: 'one for each delivery', ratio: share(calls, deliveries) },
    { name: 'tokens', value: tokens, unit: 'tokens', against: samples, ratio: share(tokens, whole.tokens) },
    { name: 'money', value: money, unit: 'USD', against: samples, ratio: share(money, whole.money) },
    {
      name: 'samples',
      value: rounded(whole.money),
      unit: 'USD',
      against: `the chain with the feeds' first deliveries, ${dollars(spent)}`,
      ratio: share(whole.money, spent),
    },
  ].map(measure => ({ ...measure, name: `model.known.${measure.name}`, note }))
}

function newMeasures({ speaker, spent, byFeed, whole, deliveries }: Climb): Measure[] {
  if (spent.calls === 0) return []
  const [dearest] = [...byFeed].sort(([, a], [, b]) => b.tokens - a.tokens)
  const [feed = '', most = nothing] = dearest ?? []
  const each = [...byFeed].map(([name, { calls, tokens }]) => `${name} ${tokens} tokens in ${counted(calls)}`)
  const how =
    speaker.name !== 'real'
      ? `${assumption} Left out: tokens of reasoning, and what a real tokenizer makes of the same text.`
      : `Tokens as ${speaker.model} reports them, those of whole samples at 4 characters each.${spent.money === 0 ? ' The catalog has no price for it.' : ''}`
  const note = `The dearest of the example's feeds, ${feed}. Asked about were ${each.join(', ')}; the others had no open question, or one too long for the policy's mostInputTokens, which is a person's. Whole samples are what the discovery policy reads, here every file, as input alone. ${how} Left out of whole samples: prompts and answers, and that they are sent for ever while feeds are new once.`
  return [
    {
      name: 'tokens',
      value: most.tokens,
      unit: 'tokens',
      against: `the ${mostTokens.toLocaleString('en-US')} that one batch may take with its answer`,
      ratio: rounded(most.tokens / mostTokens),
    },
    { name: 'money', value: rounded(most.money), unit: 'USD', against: null, ratio: null },
    {
      name: 'samples',
      value: rounded(whole.money),
      unit: 'USD',
      against: `the chain over the same ${deliveries} deliveries, ${dollars(spent.money)}`,
      ratio: spent.money === 0 ? null : rounded(whole.money / spent.money),
    },
  ].map(measure => ({
    ...measure,
    name: `model.new.${speaker.name === 'real' ? 'real' : 'scripted'}.${measure.name}`,
    note,
  }))
}

const counted = (calls: number): string => `${calls} ${calls === 1 ? 'call' : 'calls'}`

const meant: Readonly<Record<string, string>> = {
  none: 'Without a model.',
  propose: 'The scripted model; its answers are suggestions to people, and so no decisions and not counted.',
  apply: 'The scripted model; its answers are taken where the data bear them out.',
}

function ladder({ speaker, ladder: { stoppedAt, decisions, answered, right } }: Climb, bare?: Ladder): Measure[] {
  const { name } = speaker
  const who = meant[name] ?? `${speaker.model}; its answers are taken where the data bear them out.`
  const counts = decisionSteps.map(step => `${step} ${stoppedAt[step]}`).join(', ')
  const said = answered === 0 ? '' : ` ${right} of the model's ${answered} answers are what people say.`
  const note = `${who} Share of ${decisions} decisions over the example's deliveries, all feeds new, until nobody is asked any more: ${counts}.${said} People answer by a small table in the bench, and the scripted model by the same one, or with the first option: its share is what a model that is right takes over, not how often one is. A person's late answer makes a delivery again, with decisions from memory. Left out: questions nobody asks, of columns for which a feed has nothing.`
  return decisionSteps.map(step => {
    const without = name === 'none' ? 0 : (bare?.stoppedAt[step] ?? 0)
    return {
      name: `model.ladder.${name}.${step}`,
      value: rounded((100 * stoppedAt[step]) / decisions),
      unit: '%',
      against: without === 0 ? null : `decisions without a model, ${without}`,
      ratio: without === 0 ? null : rounded(stoppedAt[step] / without),
      note,
    }
  })
}
