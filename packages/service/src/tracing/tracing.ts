/** OpenTelemetry is loaded only if a collector is configured. */
import type { Attributes, SpanKind as OtelKind, Tracer } from '@opentelemetry/api';
import { redact } from '@tidemark/contracts';
import type { Metrics } from '../metrics.ts';
import { type SpanCounts, SpanQueue } from './span-queue.ts';
import { formatTraceparent, type TraceContext } from './traceparent.ts';

export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

export interface SpanOptions {
  kind: SpanKind;
  /** Undefined: the span starts a trace. */
  parent?: TraceContext | undefined;
  /** Spans that it belongs to without being a part of them, such as the first attempt of a retry. */
  links?: readonly TraceContext[];
  attributes?: Attributes;
  /** Milliseconds since 1970; default now. */
  startedAt?: number;
}

export interface Span {
  readonly context: TraceContext;
  readonly traceparent: string;
  /** Later calls are ignored; `failed` is the reason of a failure. */
  end(attributes?: Attributes, failed?: string): void;
}

export interface Tracing {
  start(name: string, options: SpanOptions): Span;
  counts(): SpanCounts;
  stop(): Promise<void>;
}

export interface TracingOptions {
  /** OTEL_EXPORTER_OTLP_ENDPOINT; empty: no tracing. */
  endpoint: string;
  headers?: string;
  sampleRatio?: number;
  service: string;
  instance: string;
  metrics: Metrics;
  onError(error: Error): void;
}

/** A slower collector counts as unreachable. */
const EXPORT_TIMEOUT_MS = 5_000;
const KINDS: Record<SpanKind, OtelKind> = { internal: 0, server: 1, client: 2, producer: 3, consumer: 4 };
/** SpanStatusCode.ERROR */
const STATUS_ERROR = 2;

export async function openTracing(options: TracingOptions): Promise<Tracing | undefined> {
  const { endpoint, service, instance, metrics, onError } = options;
  if (endpoint === '') return undefined;
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers: headersOf(options.headers ?? ''),
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const queue = new SpanQueue(exporter, onError);
  const root = new sdk.TraceIdRatioBasedSampler(options.sampleRatio ?? 1);
  const provider = new sdk.BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': `tidemark-${service}`, 'service.instance.id': instance }),
    sampler: new sdk.ParentBasedSampler({ root }),
    spanProcessors: [queue],
  });
  showCounts(metrics, queue);
  const tracer = provider.getTracer('tidemark');
  return {
    start: (name, span) => startSpan(api, tracer, name, span),
    counts: () => queue.counts(),
    stop: () => provider.shutdown(),
  };
}

type Api = typeof import('@opentelemetry/api');

function startSpan({ ROOT_CONTEXT, trace }: Api, tracer: Tracer, name: string, options: SpanOptions): Span {
  const { kind, parent, startedAt } = options;
  const attributes = withoutSecrets(options.attributes ?? {});
  const around = parent ? trace.setSpanContext(ROOT_CONTEXT, remote(parent)) : ROOT_CONTEXT;
  const startTime = startedAt === undefined ? {} : { startTime: startedAt };
  const links = (options.links ?? []).map((context) => ({ context: remote(context) }));
  const span = tracer.startSpan(name, { kind: KINDS[kind], attributes, links, ...startTime }, around);
  const { traceId, spanId, traceFlags } = span.spanContext();
  const context = { traceId, spanId, sampled: (traceFlags & 1) === 1 };
  let ended = false;
  return {
    context,
    traceparent: formatTraceparent(context),
    end(more, failed) {
      if (ended) return;
      ended = true;
      if (more) span.setAttributes(withoutSecrets(more));
      if (failed !== undefined) span.setStatus({ code: STATUS_ERROR, message: redact(failed) });
      span.end();
    },
  };
}

const remote = ({ traceId, spanId, sampled }: TraceContext) => ({
  traceId,
  spanId,
  traceFlags: sampled ? 1 : 0,
  isRemote: true,
});

function withoutSecrets(attributes: Attributes): Attributes {
  const entries = Object.entries(attributes);
  return Object.fromEntries(entries.map(([name, value]) => [name, typeof value === 'string' ? redact(value) : value]));
}

function headersOf(text: string): Record<string, string> {
  const pairs = text.split(',').map((part) => part.split('='));
  return Object.fromEntries(
    pairs.filter(([name]) => name?.trim()).map(([name, ...value]) => [name?.trim() ?? '', value.join('=').trim()]),
  );
}

function showCounts(metrics: Metrics, queue: SpanQueue): void {
  const show = (name: string, help: string, key: keyof SpanCounts) =>
    metrics.gauge(name, help, [], (gauge) => gauge.set(queue.counts()[key]));
  show('tidemark_spans_queued', 'Spans that wait for the collector', 'queued');
  show('tidemark_spans_exported_total', 'Spans that the collector accepted', 'exportedTotal');
  show('tidemark_spans_dropped_total', 'Spans that were dropped because the queue was full', 'droppedTotal');
  show('tidemark_spans_failed_total', 'Spans that the collector refused or did not answer', 'failedTotal');
}
