/** A collector of spans that speaks OTLP/HTTP, as JSON. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CollectedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** 1: internal, 2: server, 3: client, 4: producer, 5: consumer. */
  kind: number;
  /** The `service.name` of its resource. */
  service: string;
  attributes: { key: string; value: Record<string, unknown> }[];
  links?: { traceId: string; spanId: string }[];
  /** `code` 2: an error. */
  status: { code?: number; message?: string };
}

export interface SpanCollector {
  /** Value of OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  /** The spans that have arrived so far. */
  readonly spans: CollectedSpan[];
  /** Answers nothing from now on; or drops the connections that wait and answers again. */
  hold(isHeld: boolean): void;
  close(): void;
}

export async function openSpanCollector(): Promise<SpanCollector> {
  const spans: CollectedSpan[] = [];
  let isHeld = false;
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    if (isHeld) return;
    const { resourceSpans } = JSON.parse(String(Buffer.concat(parts)));
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = resource.attributes.find(({ key }: { key: string }) => key === 'service.name').value.stringValue;
      for (const { spans: found } of scopeSpans)
        spans.push(...found.map((span: CollectedSpan) => ({ ...span, service })));
    }
    response.writeHead(request.url === '/v1/traces' ? 200 : 404, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    hold(held) {
      isHeld = held;
      if (!held) server.closeAllConnections();
    },
    close() {
      server.close().closeAllConnections();
    },
  };
}
