/**
 * A workspace at work as separate processes over a real Kafka and a real Redis: the intake, the agents in any number of copies, the
 * tool servers, each started as a person would, by the command line.
 *
 * Owns every process that it starts, and the workspace where it made it. `remove` ends all of them.
 */
import { join } from 'node:path'
import { type AgentName, agentNames } from '../../contracts/chain.ts'
import { type ServerName, serverNames } from '../../contracts/tools/index.ts'
import { readSettings, type Settings } from '../../src/cli/settings.ts'
import { openWorkspace, type Workspace } from '../../src/cli/workspace.ts'
import { type TestWorkspace, testWorkspace } from '../flow/workspace.ts'
import { type RigKafka, startKafka } from './kafka.ts'
import { freePorts, type RigServer, startServer } from './process.ts'
import { type RigRedis, startRedis } from './redis.ts'

export interface Servers {
  readonly kafka: RigKafka
  readonly redis: RigRedis
  stop(): Promise<void>
}

export async function startServers(): Promise<Servers> {
  const [kafka, redis] = await Promise.all([startKafka(), startRedis({ appendfsync: 'always' })])
  return {
    kafka,
    redis,
    stop: async () => {
      await Promise.all([kafka.stop(), redis.stop()])
    },
  }
}

export type Role = 'intake' | AgentName | ServerName

export interface FleetOptions {
  readonly sessionTimeoutMs?: number
  /** More of the environment of every process. */
  readonly environment?: Readonly<Record<string, string>>
}

export interface Fleet {
  readonly workspace: TestWorkspace
  readonly environment: Readonly<Record<string, string>>
  /** What runs now, by role. */
  readonly members: ReadonlyMap<Role, readonly RigServer[]>
  start(role: Role): Promise<RigServer>
  /** The tool servers, the intake, and so many copies of every agent. */
  startAll(copies?: number): Promise<void>
  /** Ends a member with SIGKILL, or as a deploy would, with SIGTERM. */
  end(member: RigServer, how: 'kill' | 'stop'): Promise<void>
  /** Opens the workspace in this process, with the settings of the fleet, to look at what there is. */
  look<T>(work: (workspace: Workspace) => Promise<T>): Promise<T>
  remove(): Promise<void>
}

const program = join(import.meta.dirname, '../../bin/aiworkflow')
let fleets = 0

export async function openFleet({ kafka, redis }: Servers, options: FleetOptions = {}): Promise<Fleet> {
  const workspace = await testWorkspace()
  const ports = await freePorts(serverNames.length)
  const address = (name: ServerName) => `http://127.0.0.1:${ports[serverNames.indexOf(name)]}`
  fleets += 1
  const environment = {
    AIWORKFLOW_BUS: `kafka://${kafka.brokers.join(',')}`,
    AIWORKFLOW_KAFKA_PARTITIONS: '4',
    AIWORKFLOW_KAFKA_SESSION_TIMEOUT_MS: String(options.sessionTimeoutMs ?? 3_000),
    AIWORKFLOW_STATE: redis.url,
    AIWORKFLOW_NAMESPACE: `fleet-${process.pid}-${fleets}`,
    ...Object.fromEntries(serverNames.map(name => [`AIWORKFLOW_TOOLS_${name.toUpperCase()}`, address(name)])),
    ...options.environment,
  }
  const members = new Map<Role, RigServer[]>()
  let settings: Settings | undefined

  const start = async (role: Role): Promise<RigServer> => {
    const isServer = (serverNames as readonly string[]).includes(role)
    const isAgent = (agentNames as readonly string[]).includes(role)
    const kind = isServer ? ['tools', role] : isAgent ? ['agent', role] : [role]
    const speak = isServer ? ['--http', String(ports[serverNames.indexOf(role as ServerName)])] : []
    const member = await startServer(`aiworkflow ${role}`, {
      command: program,
      arguments: [...kind, workspace.dir, ...speak],
      environment,
      isReady: log => /takes messages of|Watching|tools of .* are at/.test(log),
    })
    members.set(role, [...(members.get(role) ?? []), member])
    return member
  }

  return {
    workspace,
    environment,
    members,
    start,
    startAll: async (copies = 1) => {
      await Promise.all(serverNames.map(start))
      for (let copy = 0; copy < copies; copy += 1) await Promise.all(agentNames.map(start))
      await start('intake')
    },
    end: async (member, how) => {
      for (const [role, all] of members)
        members.set(
          role,
          all.filter(each => each !== member),
        )
      await member[how]()
    },
    look: async work => {
      settings ??= await readSettings({ directory: workspace.dir, environment })
      const opened = await openWorkspace(settings)
      try {
        return await work(opened)
      } finally {
        await opened.close()
      }
    },
    remove: async () => {
      await Promise.all([...members.values()].flat().map(member => member.kill()))
      await workspace.remove()
    },
  }
}
