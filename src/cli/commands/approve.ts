import { userInfo } from 'node:os'
import { decideApproval } from '../../runtime/decide-approval.ts'
import { takeDirectory } from '../arguments.ts'
import { type Call, defineCommand, type ExitCode, exitCodes } from '../command.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import { visible } from '../render/text.ts'
import { typedCommands } from '../typed.ts'

export const answerOptions = {
  answer: { value: 'X', about: 'one of the answers listed; the suggested one where it is left out' },
  by: { value: 'NAME', about: 'who decides; your account where it is left out' },
  note: { value: 'TEXT', about: 'why, for those who ask later' },
} as const

const { answer: _, ...rejectOptions } = answerOptions

export const approve = defineCommand({
  synopsis: ['approve [DIR] ID [--answer X] [--by NAME] [--note TEXT]'],
  about:
    'Answers an approval. The answer is remembered for the feed; the next `run`, or a running `up`, resumes where the question was asked.',
  options: { ...answerOptions, ...settingOptions },
  async run(call) {
    const {
      directory,
      words: [id],
    } = takeDirectory(call.words, 'ID')
    return decide(call, directory, id!, 'approved')
  },
})

export const reject = defineCommand({
  synopsis: ['reject [DIR] ID [--by NAME] [--note TEXT]'],
  about: 'Answers an approval with no: a run that waits for it fails and says what to mend.',
  options: { ...rejectOptions, ...settingOptions },
  async run(call) {
    const {
      directory,
      words: [id],
    } = takeDirectory(call.words, 'ID')
    return decide(call, directory, id!, 'rejected')
  },
})

export async function decide(
  call: Call,
  directory: string,
  id: string,
  verdict: 'approved' | 'rejected',
): Promise<ExitCode> {
  const { answer, by, note } = call.options as Partial<Record<keyof typeof answerOptions, string>>
  const given = {
    verdict,
    by: by ?? userInfo().username,
    ...(answer !== undefined && { answer }),
    ...(note !== undefined && { note }),
  }
  const { approval, decision, about } = await withWorkspace(call, directory, workspace =>
    decideApproval(workspace, id, given),
  )
  const command = typedCommands(call.environment, directory)
  call.terminal.answer({ approval: id, runId: about.run.id, decision }, () =>
    [
      `${verdict === 'approved' ? `Approved: ${visible(decision?.answer ?? '')}` : 'Rejected'}, by ${visible(given.by)}.`,
      call.terminal.colors.dim(visible(approval.question.text)),
      `It takes effect with: ${command('run')}`,
    ].join('\n'),
  )
  return exitCodes.done
}
