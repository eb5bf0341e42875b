/** What of a running process is looked at with every collection of metrics. */
import { type AgentName, consumerGroup } from '../../contracts/chain.ts'
import { messaging } from '../telemetry/names.ts'
import type { Workspace } from './workspace.ts'

/** What an agent works on, and how far behind its group is, by topic. */
export function observeAgent({ metrics, bus }: Workspace, agent: AgentName): void {
  const group = consumerGroup(agent)
  metrics?.observe('running', async () => [{ value: bus.running }])
  metrics?.observe('lag', async () => {
    const byTopic = Map.groupBy(await bus.lag(group), ({ topic }) => topic)
    return [...byTopic].map(([topic, partitions]) => ({
      value: partitions.reduce((sum, { messages }) => sum + messages, 0),
      labels: { [messaging.consumerGroup]: group, [messaging.destinationName]: topic },
    }))
  })
}

/** What waits for people. */
export function observeIntake({ metrics, stores }: Workspace): void {
  metrics?.observe('approvalsWaiting', async () => [{ value: (await stores.approvals.open()).length }])
  metrics?.observe('deadLettersOpen', async () => [
    { value: (await stores.deadLetters.all()).filter(({ state }) => state === 'open').length },
  ])
}
