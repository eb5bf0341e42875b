/** What the measure of the model stands on: workspaces with and without one, who answers what, and what was spent and decided. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type DecisionStep, decisionSteps, feedKey } from '../contracts/data/common.ts'
import type { Decision } from '../contracts/data/decision.ts'
import type { ModelPolicy } from '../contracts/data/model.ts'
import { scaffoldWorkspace } from '../src/catalog/scaffold.ts'
import { type RunSummary, runOnce } from '../src/cli/chain.ts'
import { readSecrets } from '../src/cli/secrets.ts'
import { environmentName, readSettings } from '../src/cli/settings.ts'
import { openWorkspace, type Workspace } from '../src/cli/workspace.ts'
import { costMicros } from '../src/model/price.ts'
import { modelScopes } from '../src/model/spending.ts'
import { decideApproval } from '../src/runtime/decide-approval.ts'
import { createDecisionBook } from '../src/tools/metadata/decisions.ts'
import { type Script, tokens } from '../test/rig/model.ts'
import { dataIn } from '../test/rig/workflow-model.ts'

/** Whose name, and so whose price, the scripted model has. */
export const scriptedModel = 'openai:gpt-5.1'

/** The column of feeds of the bench whose name says nothing. */
export const wordlessColumn = 'c7'

/** What a person who knows the feeds answers, by question; to any other, the first option. */
const truth: Readonly<Record<string, readonly string[]>> = {
  'mapping:product_name': ['name', wordlessColumn],
  'mapping:list_price': ['variant_price_eur'],
  'mapping:search_tags': ['seo_meta_keywords'],
}

const rightAnswer = (id: string, options: readonly string[]): string =>
  options.find(option => truth[id]?.includes(option)) ?? options[0] ?? ''

/** A model that knows what that person knows, and is sure. */
export const answering: Script = body => {
  const prompt = body.messages.find(({ role }) => role === 'user')?.content ?? ''
  const { questions } = dataIn(prompt) as { questions: { id: string; options: string[] }[] }
  const answers = questions.map(({ id, options }) => ({
    id,
    answer: rightAnswer(id, options),
    confidence: 1,
    reason: 'Its values are of that kind.',
  }))
  return { content: JSON.stringify({ answers }) }
}

/** Who is asked in the model's place of the ladder, and whether policy takes the answers. */
export interface Speaker {
  readonly name: string
  /** Its name in the catalog's prices; without a model, the one that whole samples are priced by. */
  readonly model: string
  /** As the program gets it. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly answers: ModelPolicy['questions']['answers']
}

/** The provider that the environment names, as the program would ask it; undefined where it names none or has no key. */
export function realSpeaker(environment: Readonly<Record<string, string | undefined>>): Speaker | undefined {
  const [model, url] = [environment[environmentName('model')], environment[environmentName('modelUrl')]]
  const { modelKey, openAiKey } = readSecrets(environment)
  const key = modelKey ?? (model?.startsWith('openai:') ? openAiKey : undefined)
  if (!model || model === 'none' || !key) return undefined
  const given = { [environmentName('model')]: model, [environmentName('modelUrl')]: url, AIWORKFLOW_MODEL_KEY: key }
  return { name: 'real', model, environment: given, answers: 'apply' }
}

/** A new workspace of its own, with nothing in landing. `place` puts files there before it is opened. */
export async function inWorkspace<T>(
  { environment, answers }: Speaker,
  place: (directory: string) => Promise<void>,
  work: (workspace: Workspace) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'aiworkflow-bench-'))
  try {
    await scaffoldWorkspace(directory)
    await place(directory)
    const file = join(directory, 'catalog/policies/model.yaml')
    const policy = await readFile(file, 'utf8')
    await writeFile(file, policy.replace(/^( {2}answers:) \w+/m, `$1 ${answers}`))
    const settings = await readSettings({ directory, environment })
    const workspace = await openWorkspace(settings, { secrets: readSecrets(environment) })
    try {
      return await work(workspace)
    } finally {
      await workspace.close()
    }
  } finally {
    await rm(directory, { recursive: true })
  }
}

/** Everything in landing, with every question answered that is asked of people, until nobody is asked any more. */
export async function runAnswered(workspace: Workspace): Promise<RunSummary> {
  for (;;) {
    const summary = await runOnce(workspace)
    const failed = summary.deliveries.find(({ state }) => state === 'failed' || state === 'refused')
    if (failed !== undefined) throw new Error(`${failed.file} is ${failed.state}, so nothing was measured.`)
    const open = await workspace.stores.approvals.open()
    if (open.length === 0) return summary
    for (const { approval } of open) {
      const { subject, options } = approval.question
      const answer = rightAnswer(
        subject,
        options.map(option => option.answer),
      )
      await decideApproval(workspace, approval.id, { verdict: 'approved', answer, by: 'bench' })
    }
  }
}

export interface Spent {
  readonly calls: number
  readonly tokens: number
  readonly money: number
}

/** What calls for one feed, or for all whose scope begins so, have cost: as `aiworkflow costs` counts. */
export async function spentOn(workspace: Workspace, scope: string): Promise<ReadonlyMap<string, Spent>> {
  const prefix = `${modelScopes}${scope}`
  const found = await workspace.stores.budgets.spent(prefix)
  return new Map(
    found.map(({ scope: name, spent: { calls = 0, tokens: used = 0, moneyMicros = 0 } }) => [
      name.slice(prefix.length),
      { calls, tokens: used, money: moneyMicros / 1_000_000 },
    ]),
  )
}

export interface Ladder {
  readonly stoppedAt: Readonly<Record<DecisionStep, number>>
  readonly decisions: number
  /** Answers of the model, taken or suggested, and how many are what the person knows. */
  readonly answered: number
  readonly right: number
}

const suggestion = /:suggestion$/

/** Where decisions stopped. What a model only suggested is no decision: the person's is. */
export async function ladderOf({ stores }: Workspace): Promise<Ladder> {
  const book = createDecisionBook(stores.store)
  const feeds = new Map((await stores.runs.all()).map(({ delivery: { feed } }) => [feedKey(feed), feed]))
  const all: Decision[] = (await Promise.all([...feeds.values()].map(feed => book.recall(feed)))).flat()
  const decided = all.filter(({ question }) => !suggestion.test(question))
  const said = all.filter(({ step }) => step === 'model')
  const counts = decisionSteps.map(name => [name, decided.filter(({ step }) => step === name).length])
  return {
    stoppedAt: Object.fromEntries(counts) as Ladder['stoppedAt'],
    decisions: decided.length,
    answered: said.length,
    right: said.filter(({ question, answer }) => truth[question.replace(suggestion, '')]?.includes(answer)).length,
  }
}

/** What the discovery policy reads of each file, as input of that model: the first bytes, unpacked. */
export async function wholeSamples(
  files: readonly string[],
  { catalog }: Workspace,
  pricedAs: string,
): Promise<{ readonly tokens: number; readonly money: number }> {
  const { discovery, model } = await catalog.policies()
  if (model === undefined) throw new Error('The catalog has no prices of models.')
  let inputTokens = 0
  for (const file of files) {
    const stored = await readFile(file)
    const bytes = file.endsWith('.gz') ? gunzipSync(stored) : stored
    inputTokens += tokens(bytes.subarray(0, discovery.sampleBytes).toString())
  }
  return {
    tokens: inputTokens,
    money: costMicros(model, pricedAs, { inputTokens, outputTokens: 0 }) / 1_000_000,
  }
}
