/** `npm run rig`: real Kafka, Redis and Jaeger on loopback until Ctrl-C, and the settings that a workspace needs to use them. */
import { once } from 'node:events'
import { startServers } from './fleet.ts'
import { startJaeger } from './jaeger.ts'

console.log('Starting Kafka and Redis, and Jaeger, which is built first where it is not there …')
const [servers, jaeger] = await Promise.all([startServers(), startJaeger()])
console.log(`
bus: kafka://${servers.kafka.brokers.join(',')}
state: ${servers.redis.url}
telemetry: otlp

As lines of an aiworkflow.yaml; for the spans also, in the shell:

export OTEL_EXPORTER_OTLP_ENDPOINT=${jaeger.otlpUrl}

Traces are at ${jaeger.queryUrl}/api/v3/traces/TRACE_ID. What is kept here goes away with Ctrl-C.`)
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
await Promise.all([servers.stop(), jaeger.stop()])
process.exit(0)
