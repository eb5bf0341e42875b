import type { DiscoveryPolicy } from '../../../contracts/data/policy.ts'
import { toolServers } from '../../../contracts/tools/index.ts'
import { inspectClosely } from '../../discovery/shell.ts'
import { countRecords } from '../../records/records.ts'
import { withSaidPath } from '../said-path.ts'
import { type Spans, serveTools, type ToolHandlers, type ToolServer } from '../server.ts'
import { describe, listFiles } from './list.ts'
import { headOf, sampleOf } from './looking.ts'
import type { Roots } from './roots.ts'

export interface FilesystemDependencies {
  readonly roots: Roots
  /** How files are looked at, as the catalog says at the time of the call. */
  readonly policy: () => Promise<DiscoveryPolicy>
}

/** The filesystem tools: files are looked at, never changed, and only inside the roots. */
export function filesystemServer({ roots, policy }: FilesystemDependencies, spans?: Spans): ToolServer {
  const withFile = async <T>(path: string, look: (file: string) => Promise<T>): Promise<T> => {
    const file = await roots.resolveFile(path)
    return withSaidPath(file.path, file.relative, () => look(file.path))
  }
  const handlers: ToolHandlers<typeof toolServers.filesystem> = {
    list_files: ({ folder, limit }) => listFiles(roots, folder, limit),
    stat_file: async ({ path }) => describe(await roots.resolveFile(path)),
    head_file: ({ path, lines }) => withFile(path, async file => headOf(file, lines, await policy())),
    sample_file: ({ path, records, format }) =>
      withFile(path, async file => sampleOf(file, records, format, await policy())),
    count_records: ({ path, format, columns, maxRecordBytes }) =>
      withFile(path, async file => {
        const { records, malformed } = await countRecords(file, format, { maxRecordBytes, fields: columns })
        return { records, malformed }
      }),
    inspect_file: ({ path, format, readings }) =>
      withFile(path, async file => {
        const given = { ...(format === undefined ? {} : { format }), readings }
        const { spec, doubts, refused } = await inspectClosely(file, await policy(), given)
        return { spec, doubts: [...doubts], refused: [...refused] }
      }),
  }
  return serveTools('filesystem', toolServers.filesystem, handlers, spans)
}
