import { decisionSteps, feedKey } from '../../../contracts/data/common.ts'
import type { Decision } from '../../../contracts/data/decision.ts'
import { Failure } from '../../../contracts/failures.ts'
import { takeDirectory, takeNumber } from '../arguments.ts'
import { defineCommand, exitCodes } from '../command.ts'
import { everyDecision } from '../every-decision.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import { table } from '../render/table.ts'
import { counted, visible } from '../render/text.ts'
import type { Terminal } from '../terminal.ts'

const shownByDefault = 40

export const decisions = defineCommand({
  synopsis: ['decisions [DIR] [--feed VENDOR/TABLE] [--step STEP] [--limit N] [--json]'],
  about: `Judgements a machine could get wrong, with who or what made them, and how many stopped at each step of the ladder: ${decisionSteps.join(' → ')}.`,
  options: {
    feed: { value: 'VENDOR/TABLE', about: 'of one feed' },
    step: { value: 'STEP', about: `made at one step: ${decisionSteps.join(', ')}` },
    limit: { value: 'N', about: `how many to list, latest first; ${shownByDefault} where it is not given` },
    ...settingOptions,
  },
  async run(call) {
    const { directory } = takeDirectory(call.words)
    const { feed, step } = call.options
    const limit = takeNumber('limit', call.options.limit)
    if (step !== undefined && !(decisionSteps as readonly string[]).includes(step))
      throw new Failure('USAGE', `${step} is no step of the ladder.`, {
        wayOut: `The steps are ${decisionSteps.join(', ')}.`,
      })
    const all = await withWorkspace(call, directory, everyDecision)
    const found = all.filter(
      decision =>
        (feed === undefined || feedKey(decision.feed) === feed) && (step === undefined || decision.step === step),
    )
    const byStep = Object.fromEntries(
      decisionSteps.map(name => [name, found.filter(decision => decision.step === name).length]),
    )
    call.terminal.answer({ byStep, decisions: found.slice(0, limit) }, () =>
      decisionText(found, byStep, limit ?? shownByDefault, call.terminal),
    )
    return exitCodes.done
  },
})

function decisionText(
  found: readonly Decision[],
  byStep: Readonly<Record<string, number>>,
  limit: number,
  terminal: Terminal,
): string {
  if (found.length === 0) return 'No decisions yet.'
  const rows = found
    .slice(0, limit)
    .map(({ feed, question, answer, step, confidence, by }) => [
      feedKey(feed),
      visible(question),
      visible(answer),
      step,
      confidence.toFixed(2),
      visible(by),
    ])
  const columns = [
    { title: 'feed' },
    { title: 'question' },
    { title: 'answer' },
    { title: 'step' },
    { title: 'sure', align: 'right' as const },
    { title: 'by' },
  ]
  const more = found.length > limit ? `; the latest ${limit} are listed` : ''
  const ladder = Object.entries(byStep).map(([step, number]) => `${step} ${number}`)
  return [
    `${terminal.colors.bold(ladder.join(' · '))}  ${terminal.colors.dim(`${counted(found.length, 'decision')}${more}`)}`,
    '',
    table(columns, rows, terminal),
  ].join('\n')
}
