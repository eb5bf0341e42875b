/** A real Kafka broker on loopback, KRaft, broker and controller in one, for as long as a test wants it. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, isListening, type RigServer, startServer } from './process.ts'

export interface RigKafka {
  readonly brokers: readonly string[]
  /** Of the listener that wants a password, where users were given. */
  readonly saslBrokers: readonly string[]
  readonly pid: number
  pause(): void
  resume(): void
  /** Ends it and starts it again on the same ports and data, after a while. */
  restart(options?: { readonly downMs?: number; readonly how?: 'kill' | 'stop' }): Promise<void>
  stop(): Promise<void>
}

export interface RigKafkaOptions {
  /** SCRAM-SHA-256 users by name. */
  readonly users?: Readonly<Record<string, string>>
}

const jars = join(import.meta.dirname, '../../.cache/kafka')

export async function startKafka({ users = {} }: RigKafkaOptions = {}): Promise<RigKafka> {
  if (!existsSync(join(jars, '.pom')))
    throw new Error(`Kafka is missing in ${jars}: get it with \`bash scripts/parts/kafka.sh\``)
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-kafka-'))
  const [plain, sasl, controller] = (await freePorts(3)) as [number, number, number]
  const settings = join(folder, 'server.properties')
  await writeFile(settings, propertiesOf({ folder, plain, sasl, controller }))
  await writeFile(
    join(folder, 'jaas.conf'),
    'KafkaServer { org.apache.kafka.common.security.scram.ScramLoginModule required; };\n',
  )
  const java = (main: string, ...given: string[]) => ['-cp', `${jars}/*`, main, ...given]
  const scram = Object.entries(users).flatMap(([name, password]) => [
    '--add-scram',
    `SCRAM-SHA-256=[name=${name},password=${password}]`,
  ])
  const clusterId = 'YWl3b3JrZmxvdy1yaWcwMQ'
  const formatted = spawnSync(
    'java',
    java('kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', settings, ...scram),
  )
  if (formatted.status !== 0)
    throw new Error(`Kafka's storage could not be made: ${formatted.stderr ?? formatted.error}`)
  const start = () =>
    startServer('Kafka', {
      command: 'java',
      arguments: [
        '-Xmx512m',
        '-Xms128m',
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        `-Djava.security.auth.login.config=${folder}/jaas.conf`,
        ...java('kafka.Kafka', settings),
      ],
      isReady: async log => /Kafka Server started/.test(log) && (await isListening(plain)),
    })
  let server: RigServer = await start()
  return {
    brokers: [`127.0.0.1:${plain}`],
    saslBrokers: [`127.0.0.1:${sasl}`],
    get pid() {
      return server.pid
    },
    pause: () => server.pause(),
    resume: () => server.resume(),
    restart: async ({ downMs = 0, how = 'stop' } = {}) => {
      await server[how]()
      await new Promise(resolve => setTimeout(resolve, downMs))
      server = await start()
    },
    stop: async () => {
      // What it has is thrown away: it need not leave it tidy.
      await server.kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

interface Place {
  readonly folder: string
  readonly plain: number
  readonly sasl: number
  readonly controller: number
}

function propertiesOf({ folder, plain, sasl, controller }: Place): string {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${plain},SASL_PLAINTEXT://127.0.0.1:${sasl},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${plain},SASL_PLAINTEXT://127.0.0.1:${sasl}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
    'sasl.enabled.mechanisms': 'SCRAM-SHA-256',
    'log.dirs': join(folder, 'data'),
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '500',
    'auto.create.topics.enable': 'false',
    // A broker that comes back is let in when its last life counts as over.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '300',
    'controlled.shutdown.enable': 'false',
    'num.network.threads': '2',
    'num.io.threads': '4',
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
