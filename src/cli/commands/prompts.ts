import { join } from 'node:path'
import { Failure } from '../../../contracts/failures.ts'
import { maskBy } from '../../model/mask.ts'
import { digest } from '../../runtime/identity.ts'
import type { PromptFile } from '../../workflow/prompt-file.ts'
import { PromptVersions } from '../../workflow/prompt-versions.ts'
import { type Outcome, outcomesOf, rewritePrompt } from '../../workflow/rewrite-prompt.ts'
import { takeNumber } from '../arguments.ts'
import { type Call, defineCommand, exitCodes } from '../command.ts'
import { everyDecision } from '../every-decision.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import { table } from '../render/table.ts'
import type { Workspace } from '../workspace.ts'

const options = {
  propose: { about: 'let the model write it anew, from the suggestions that people overruled' },
  adopt: { about: 'put what was proposed in force; what was in force is kept' },
  revert: { value: 'N', about: 'go back to what version N said' },
  ...settingOptions,
} as const

export const prompts = defineCommand({
  synopsis: ['prompts [DIR] [--json]', 'prompts DIR NAME --propose|--adopt|--revert N [--json]'],
  about:
    'The prompts of a workspace: whose they are, and how often people took what a model suggested under them, or overruled it. A model writes one anew only where regeneration.prompt in catalog/policies/model.yaml lets it: propose keeps the text in prompts/proposals until somebody adopts it, apply puts it in force. Every version stays in prompts/versions.',
  options,
  async run(call) {
    const [directory = '.', name, ...more] = call.words
    if (more.length > 0) throw new Failure('USAGE', `Expected [DIR] [NAME], found ${call.words.join(' ')}.`)
    return withWorkspace(call, directory, async workspace => {
      const versions = new PromptVersions(join(workspace.dir, 'prompts'))
      if (name !== undefined) return change(call, workspace, versions, name)
      const decisions = await everyDecision(workspace)
      const all = (await versions.all()).map(prompt => lineOf(prompt, outcomesOf(decisions, prompt)))
      call.terminal.answer({ prompts: all }, () => {
        const rows = all.map(({ name: prompt, version, owner, taken, overruled }) => [
          prompt,
          `v${version}`,
          owner,
          String(taken),
          String(overruled),
        ])
        const right = (title: string) => ({ title, align: 'right' as const })
        const columns = [
          { title: 'prompt' },
          { title: 'version' },
          { title: 'owner' },
          right('taken'),
          right('overruled'),
        ]
        return table(columns, rows, call.terminal)
      })
      return exitCodes.done
    })
  },
})

async function change(
  call: Call<typeof options>,
  workspace: Workspace,
  versions: PromptVersions,
  name: string,
): Promise<typeof exitCodes.done> {
  const { propose, adopt } = call.options
  const revert = takeNumber('revert', call.options.revert)
  if ([propose, adopt, revert].filter(each => each !== undefined).length !== 1)
    throw new Failure('USAGE', 'Say what is to be done with the prompt: --propose, --adopt or --revert N.')
  const before = await versions.current(name)
  if (propose !== undefined) {
    const { text, reason, file } = await write(workspace, versions, before)
    const changes = difference(before.text, text)
    call.terminal.answer({ name, reason, file, changes }, () =>
      [reason, '', ...changes, '', `It is in ${file}.`].join('\n'),
    )
    return exitCodes.done
  }
  const now = revert === undefined ? await versions.adopt(name) : await versions.revert(name, revert)
  const changes = difference(before.text, now.text)
  call.terminal.answer({ name, version: now.version, changes }, () =>
    [`prompts/${name}.md is v${now.version} now.`, '', ...changes].join('\n'),
  )
  return exitCodes.done
}

/** @throws Failure USAGE where policy says no, where there is no model, or nothing to learn from. */
async function write(
  workspace: Workspace,
  versions: PromptVersions,
  prompt: PromptFile,
): Promise<{ readonly text: string; readonly reason: string; readonly file: string }> {
  const { model: policy } = await workspace.catalog.policies()
  if (policy === undefined || policy.regeneration.prompt === 'never')
    throw new Failure('USAGE', 'The policy lets no model write a prompt.', {
      wayOut:
        'Set regeneration.prompt in catalog/policies/model.yaml to propose or apply, or write the prompt by hand.',
    })
  const model = workspace.model()
  if (model === undefined)
    throw new Failure('USAGE', 'There is no model to write a prompt.', {
      wayOut: 'Name one as `model` in aiworkflow.yaml.',
    })
  const outcomes = outcomesOf(await everyDecision(workspace), prompt)
  const overruled = outcomes.filter(({ suggested, decided }) => suggested !== decided)
  if (overruled.length === 0)
    throw new Failure(
      'USAGE',
      `Nobody overruled what prompts/${prompt.name}.md led to: there is nothing to learn from.`,
    )
  const { text, reason } = await rewritePrompt(prompt, outcomes, {
    ask: asked => model.ask(asked),
    mask: maskBy(policy),
    maxOutputTokens: policy.execute.mostOutputTokens,
    spender: {
      runId: `p_${digest('prompt', prompt.name, prompt.digest, String(overruled.length)).slice(0, 24)}`,
      feed: `prompts/${prompt.name}`,
    },
  })
  if (policy.regeneration.prompt === 'propose') return { text, reason, file: await versions.propose(prompt.name, text) }
  await versions.replace(prompt.name, text)
  return { text, reason, file: `prompts/${prompt.name}.md` }
}

const lineOf = ({ name, version, owner, digest: told }: PromptFile, outcomes: readonly Outcome[]) => {
  const taken = outcomes.filter(({ suggested, decided }) => suggested === decided).length
  return { name, version, owner, digest: told, taken, overruled: outcomes.length - taken }
}

/** Lines that are gone and lines that are new. */
function difference(before: string, after: string): string[] {
  const [old, now] = [before.split('\n'), after.split('\n')]
  return [
    ...old.filter(line => !now.includes(line)).map(line => `- ${line}`),
    ...now.filter(line => !old.includes(line)).map(line => `+ ${line}`),
  ]
}
