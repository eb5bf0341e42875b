/**
 * The pipeline table as deploy/chart reads it (files/chain.json, written by `npm run contracts`): whom each agent listens to, and which
 * tool servers it may reach. Templates make scaling and network policies of it.
 */
import { agentNames, chain, consumerGroup } from './chain.ts'
import { type ServerName, serverNames } from './tools/index.ts'

export interface ChartChain {
  readonly agents: Readonly<
    Record<
      string,
      {
        readonly consumes: readonly string[]
        readonly group: string
        readonly servers: readonly ServerName[]
        /** Whether its part has a step at which a language model may be asked. */
        readonly asksModel: boolean
      }
    >
  >
  readonly servers: readonly ServerName[]
}

export function chartChain(): ChartChain {
  const rows = agentNames.map(name => {
    const { consumes, nodes, tools } = chain[name]
    const reached = new Set<string>(tools.map(tool => tool.slice(0, tool.indexOf('.'))))
    const row = {
      consumes,
      group: consumerGroup(name),
      servers: serverNames.filter(server => reached.has(server)),
      asksModel: (nodes as readonly string[]).includes('consult'),
    }
    return [name, row] as const
  })
  return { agents: Object.fromEntries(rows), servers: serverNames }
}

export const chartChainText = (): string => `${JSON.stringify(chartChain(), null, 2)}\n`
