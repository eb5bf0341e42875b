import { Failure } from '../../../contracts/failures.ts'
import { type Maintained, type MaintainPolicy, tableText } from '../../lakehouse/lakehouse.ts'
import { digest } from '../../runtime/identity.ts'
import { own } from '../../telemetry/names.ts'
import { nodeSpan } from '../../telemetry/shapes.ts'
import { takeDirectory } from '../arguments.ts'
import { defineCommand, exitCodes } from '../command.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import { table } from '../render/table.ts'
import { bytes, count } from '../render/text.ts'
import { typedCommands } from '../typed.ts'
import type { Workspace } from '../workspace.ts'

export const maintain = defineCommand({
  synopsis: ['maintain [DIR] [--json]'],
  about:
    'Keeps the tables small and quick, as catalog/policies/maintenance.yaml says: many small files become few, files of which many rows were replaced are written anew without them, old snapshots expire, and files that nothing names go once they are old enough. No row changes, and what was loaded once stays known as loaded. It may run beside everything else: where a table moves under it, that table is left for the next time.',
  options: settingOptions,
  async run(call) {
    const { terminal, environment } = call
    const { directory } = takeDirectory(call.words)
    return withWorkspace(call, directory, async workspace => {
      const policy = await policyOf(workspace)
      const runId = `m_${digest('maintain', workspace.dir, new Date().toISOString()).slice(0, 24)}`
      const tables = await workspace.telemetry.startRunSpan({ runId, workflow: 'maintenance' }, () =>
        maintainAll(workspace, policy),
      )
      terminal.answer({ run: runId, tables }, () => {
        const right = (title: string) => ({ title, align: 'right' as const })
        const columns = [
          { title: 'table' },
          right('files before'),
          right('after'),
          right('snapshots expired'),
          right('orphans'),
          right('freed'),
        ]
        const rows = tables.map(({ name, compacted, expired, orphans }) => [
          name,
          count(compacted.filesBefore),
          compacted.overtaken ? 'next time' : count(compacted.filesAfter),
          count(expired.snapshots),
          count(orphans.files),
          bytes(orphans.bytes),
        ])
        const trace = terminal.colors.dim(typedCommands(environment, directory)('trace', runId))
        return rows.length === 0 ? 'There is no table yet.' : `${table(columns, rows, terminal)}\n${trace}`
      })
      return exitCodes.done
    })
  },
})

async function maintainAll(
  { lakehouse, telemetry }: Workspace,
  policy: MaintainPolicy,
): Promise<(Maintained & { readonly name: string })[]> {
  const done: (Maintained & { readonly name: string })[] = []
  for (const found of await lakehouse.listTables()) {
    const name = tableText(found)
    const [span, options] = nodeSpan(`maintain ${name}`)
    const maintained = await telemetry.withSpan(span, options, async running => {
      const result = await lakehouse.maintain(found, policy)
      running.set({ [own.outcome]: JSON.stringify(result) })
      return result
    })
    done.push({ name, ...maintained })
  }
  return done
}

const hourMs = 3_600_000

async function policyOf({ catalog, settings }: Workspace): Promise<MaintainPolicy> {
  if (settings.tools.lakehouse.kind !== 'local')
    throw new Failure('SETTING_INVALID', 'The lakehouse of this workspace is kept by a server elsewhere.', {
      wayOut: 'Run `aiworkflow maintain` where that server runs.',
    })
  const { maintenance } = await catalog.policies()
  if (maintenance === undefined)
    throw new Failure('MAINTENANCE_POLICY_MISSING', 'The catalog does not say how tables are maintained.')
  const { compaction, snapshots, orphans } = maintenance
  return {
    compact: compaction,
    expire: { keptMs: snapshots.keptHours * hourMs, keptLeast: snapshots.keptLeast },
    orphanAgeMs: orphans.ageHours * hourMs,
  }
}
