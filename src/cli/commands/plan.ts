import { takeDirectory } from '../arguments.ts'
import { defineCommand, exitCodes } from '../command.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import { planWaiting } from '../plan-waiting.ts'
import { plansText } from '../render/plans.ts'

export const plan = defineCommand({
  synopsis: ['plan [DIR] [--json]'],
  about:
    'What compute each delivery would get that lies in landing/ and is not loaded yet, and why: engine, workers, cores, memory, shuffle partitions, files, and how its table is divided. Decided by catalog/policies/compute.yaml from bytes, records and what the table holds; nothing is taken in. A feed without a contract is read as the planner would read it.',
  options: settingOptions,
  async run(call) {
    const { directory } = takeDirectory(call.words)
    const plans = await withWorkspace(call, directory, planWaiting)
    call.terminal.answer(plans, () => plansText(plans, call.terminal))
    return plans.deliveries.length === 0 && plans.errors.length > 0 ? exitCodes.failed : exitCodes.done
  },
})
