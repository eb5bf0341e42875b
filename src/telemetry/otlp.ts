import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import type { SpanExporter } from '@opentelemetry/sdk-trace'

/**
 * Spans as OTLP in protobuf over HTTP, where the standard variables say: `OTEL_EXPORTER_OTLP_ENDPOINT` (http://localhost:4318 where
 * it is not set), `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_TIMEOUT` and the rest of them.
 */
export const otlpExporter = (): SpanExporter => new OTLPTraceExporter()
