import { userInfo } from 'node:os'
import { takeDirectory } from '../arguments.ts'
import { defineCommand, exitCodes } from '../command.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import { openApprovals } from '../open-approvals.ts'
import { approvalLines } from '../render/approval.ts'
import { count, visible } from '../render/text.ts'
import { type RolledBack, rollback as rollBack } from '../rollback.ts'
import { typedCommands } from '../typed.ts'

export const rollback = defineCommand({
  synopsis: ['rollback [DIR] DELIVERY [--note TEXT] [--by NAME] [--yes] [--json]'],
  about:
    'Takes a published delivery back out of core, as a run of its own: its rows go, keys they had replaced become what the last earlier delivery of the vendor says, and what later deliveries brought stays. In bronze its rows stay and product_raw.delivery_marks says that they do not count. DELIVERY is its id, its file, or a run of it. Policy (autonomy.yaml, rollback) says whether somebody has to approve; it then ends with 3, and goes on with `run`, a running `up`, or the same command. The same bytes delivered again stay out; `runs replay RUN` takes the delivery in again, in its old place.',
  options: {
    note: { value: 'TEXT', about: 'why, for those who ask later' },
    by: { value: 'NAME', about: 'who asks; your account where it is left out' },
    yes: { about: 'who asks approves, too' },
    ...settingOptions,
  },
  async run(call) {
    const { terminal, options, environment } = call
    const {
      directory,
      words: [name],
    } = takeDirectory(call.words, 'DELIVERY')
    const asked = { by: options.by ?? userInfo().username, note: options.note ?? '', approve: options.yes === true }
    const command = typedCommands(environment, directory)
    return withWorkspace(call, directory, async workspace => {
      const done = await rollBack(workspace, name!, asked)
      const { outcome } = done
      const approvals = (await openApprovals(workspace)).filter(
        ({ id }) => outcome.kind === 'waiting' && id === outcome.approvalId,
      )
      terminal.answer(documentOf(done), () => {
        const { run, delivery } = done.record
        const file = visible(delivery.file)
        const trace = terminal.colors.dim(command('trace', run.id))
        if (outcome.kind === 'already') return `${file} was taken back before: nothing changes.\n${trace}`
        if (outcome.kind === 'done') {
          const { removed, restored } = outcome.counts
          return `${file} is taken back: ${count(removed)} rows left core, ${count(restored)} came back from earlier deliveries.\n${trace}`
        }
        return approvals
          .flatMap(approval => approvalLines(approval, command, terminal.colors, 'all answers'))
          .join('\n')
      })
      return outcome.kind === 'waiting' ? exitCodes.waiting : exitCodes.done
    })
  },
})

const documentOf = ({ record: { run, delivery }, outcome }: RolledBack) => ({
  delivery: delivery.id,
  file: delivery.file,
  run: run.id,
  traceId: run.traceId,
  state: outcome.kind,
  ...(outcome.kind === 'done' && outcome.counts),
  ...(outcome.kind === 'waiting' && { approval: outcome.approvalId }),
})
