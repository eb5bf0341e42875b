/** A long-lived Spark that takes programs over Spark Connect. It asks for nothing: for tests only, on loopback. */
import { sparkInstallation } from '../spark/session.ts'
import { freePorts, isListening, startServer } from './process.ts'

export interface RigSparkConnect {
  /** As the setting `spark.master` takes it. */
  readonly url: string
  stop(): Promise<void>
}

export async function startSparkConnect(): Promise<RigSparkConnect> {
  const { submit, jars, path } = sparkInstallation()
  const [port] = (await freePorts(1)) as [number]
  const configuration = [
    'spark.ui.enabled=false',
    'spark.connect.grpc.binding.address=127.0.0.1',
    `spark.connect.grpc.binding.port=${port}`,
    'spark.sql.extensions=org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions',
  ].flatMap(setting => ['--conf', setting])
  const server = await startServer('Spark Connect', {
    command: submit,
    arguments: [
      ...['--master', 'local[2]', '--driver-memory', '1g', '--jars', jars.join(','), ...configuration],
      ...['--class', 'org.apache.spark.sql.connect.service.SparkConnectServer', 'spark-internal'],
    ],
    environment: { PATH: path },
    isReady: () => isListening(port),
    readyWithinMs: 120_000,
  })
  return { url: `sc://127.0.0.1:${port}`, stop: () => server.stop() }
}
