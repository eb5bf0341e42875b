import { takeAction } from '../arguments.ts'
import { defineCommand, exitCodes } from '../command.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import { openApprovals } from '../open-approvals.ts'
import { approvalLines } from '../render/approval.ts'
import { typedCommands } from '../typed.ts'
import { answerOptions, decide } from './approve.ts'

export const approvals = defineCommand({
  synopsis: [
    'approvals [DIR] [--json]',
    'approvals [DIR] approve ID [--answer X] [--by NAME]',
    'approvals [DIR] reject ID [--by NAME]',
  ],
  about:
    'What waits for a person, oldest first, with the answers there are and the command that gives the suggested one.',
  options: { ...answerOptions, ...settingOptions },
  async run(call) {
    const action = takeAction(call.words, ['approve', 'reject'])
    if (action.kind === 'act')
      return decide(call, action.directory, action.id, action.verb === 'approve' ? 'approved' : 'rejected')
    const { terminal, environment } = call
    const open = await withWorkspace(call, action.directory, openApprovals)
    const command = typedCommands(environment, action.directory)
    terminal.answer({ approvals: open }, () =>
      open.length === 0
        ? 'Nothing waits for a person.'
        : open
            .map(approval => approvalLines(approval, command, terminal.colors, 'all answers').join('\n'))
            .join('\n\n'),
    )
    return exitCodes.done
  },
})
