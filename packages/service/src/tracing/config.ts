import { type Static, type TProperties, Type } from 'typebox';
import type { TracingOptions } from './tracing.ts';

/** The names are OpenTelemetry's. */
export const tracingConfig = {
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.String({
    default: '',
    pattern: '^(https?://.+)?$',
    description: 'URL to which spans are sent by OTLP/HTTP, such as http://collector:4318; empty: no tracing',
  }),
  OTEL_EXPORTER_OTLP_HEADERS: Type.String({
    default: '',
    description: 'headers of what is sent, as name=value, separated by commas',
  }),
  OTEL_TRACES_SAMPLER_ARG: Type.Number({
    default: 1,
    minimum: 0,
    maximum: 1,
    description: 'share of the traces that begin here and are recorded; one that is continued is recorded as it says',
  }),
} satisfies TProperties;

export type TracingConfig = { readonly [K in keyof typeof tracingConfig]: Static<(typeof tracingConfig)[K]> };

export function tracingOptions(config: TracingConfig): Pick<TracingOptions, 'endpoint' | 'headers' | 'sampleRatio'> {
  return {
    endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
    headers: config.OTEL_EXPORTER_OTLP_HEADERS,
    sampleRatio: config.OTEL_TRACES_SAMPLER_ARG,
  };
}
