import type { RunSummary } from '../chain.ts'
import type { Colors } from '../terminal.ts'
import type { TypedCommands } from '../typed.ts'
import { visible } from './text.ts'

export type WaitingApproval = RunSummary['approvals'][number]

/** More answers than this are not a choice but a list: those without evidence are then only counted. */
const fewAnswers = 6

/** One question with its answers, and the exact command that gives the suggested one. */
export function approvalLines(
  approval: WaitingApproval,
  command: TypedCommands,
  colors: Colors,
  detail: 'likely answers' | 'all answers' = 'likely answers',
): string[] {
  const { id, feed, text, options, suggested, owner, blocking } = approval
  const hold = blocking ? colors.yellow('the run waits') : colors.dim('the run went on without it')
  const whole = detail === 'all answers' || options.length <= fewAnswers
  const shown = options.filter(({ answer, confidence }) => whole || confidence !== undefined || answer === suggested)
  const hidden = options.length - shown.length
  return [
    colors.bold(visible(text)),
    `    ${feed} · owner ${visible(owner)} · ${hold}`,
    ...shown.map(({ answer, text: meaning, confidence }) => {
      const mark = answer === suggested ? colors.green('›') : ' '
      const sure = confidence === undefined ? '' : `  ${Math.round(confidence * 100)} % sure`
      return `    ${mark} ${visible(answer)}  ${colors.dim(`${visible(meaning)}${sure}`)}`
    }),
    ...(hidden > 0
      ? [colors.dim(`      and ${hidden} answers that nothing speaks for; all of them with: ${command('approvals')}`)]
      : []),
    `    ${colors.cyan(command('approve', id, '--answer', options.some(({ answer }) => answer === suggested) ? suggested : 'COLUMN'))}`,
  ]
}
