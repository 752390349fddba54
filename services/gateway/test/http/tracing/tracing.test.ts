/** One trace from the request to the frame on the socket, at a collector that speaks OTLP/HTTP; and Server-Timing. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMetrics, openTracing, parseTraceparent } from '@tidemark/service';
import t from 'tap';
import { WebSocket } from 'ws';
import { until, useCachedGateway } from '../../cache/relay.ts';

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  service: string;
  attributes: { key: string; value: Record<string, unknown> }[];
}

const spans: OtlpSpan[] = [];
/** Requests whose answer is held back. */
let holding = false;
const collector = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (holding) return;
  const { resourceSpans } = JSON.parse(String(Buffer.concat(chunks)));
  for (const { resource, scopeSpans } of resourceSpans) {
    const service = resource.attributes.find(({ key }: { key: string }) => key === 'service.name').value.stringValue;
    for (const { spans: found } of scopeSpans) spans.push(...found.map((span: OtlpSpan) => ({ ...span, service })));
  }
  response.writeHead(request.url === '/v1/traces' ? 200 : 404, { 'content-type': 'application/json' }).end('{}');
});
collector.listen(0, '127.0.0.1');
await once(collector, 'listening');
t.teardown(() => collector.close().closeAllConnections());
const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;

process.env.OTEL_EXPORTER_OTLP_ENDPOINT = endpoint;
const gateway = await useCachedGateway(t, {
  script: `
    create table notes (id int primary key, text text);
    create table plain (id int primary key);
    grant select, insert, update, delete on notes, plain to anon;
    alter publication tidemark add table notes;`,
  env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, SERVER_TIMING: 'true' },
});
await gateway.serving();

t.test('traceparent is read as W3C has it', async (t) => {
  const [trace, span] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
  t.match(parseTraceparent(`00-${trace}-${span}-01`), { traceId: trace, spanId: span, sampled: true });
  t.match(parseTraceparent(`00-${trace}-${span}-00`), { sampled: false });
  t.match(parseTraceparent(`cc-${trace}-${span}-03-what the future brings`), { sampled: true });
  const wrong = [
    ...['', 'x', undefined, ['a', 'b'], `00-${trace}-${span}`, `ff-${trace}-${span}-01`, `00-${trace}-${span}-01-x`],
    ...[`00-${'0'.repeat(32)}-${span}-01`, `00-${trace}-${'0'.repeat(16)}-01`, `00-${trace.toUpperCase()}-${span}-01`],
    `cc-${trace}-${span}-01-${'x'.repeat(300)}`,
  ];
  for (const text of wrong) t.equal(parseTraceparent(text), undefined, String(text).slice(0, 80));
});

t.test('spans that nobody takes are dropped and counted', async (t) => {
  const options = { service: 'test', instance: 'test', metrics: createMetrics('test'), onError: () => undefined };
  t.equal(await openTracing({ ...options, endpoint: '' }), undefined, 'without a collector there is no tracing');
  holding = true;
  const tracing = await openTracing({ ...options, endpoint });
  for (let n = 0; n < 6_000; n += 1) tracing?.start('span', { kind: 'server' }).end();
  const { queued = 0, droppedTotal = 0 } = tracing?.counts() ?? {};
  t.ok(queued <= 4_096, `${queued} wait`);
  t.ok(droppedTotal > 1_000, `${droppedTotal} were dropped`);
  holding = false;
  collector.closeAllConnections();
  await tracing?.stop();
});

/** A trace that a browser or another service has begun. */
let traces = 0;
function begun(flags = '01') {
  traces += 1;
  const traceId = traces.toString(16).padStart(32, 'a');
  const spanId = 'b7ad6b7169203331';
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-${flags}` } };
}
const of = (traceId: string, name: RegExp) => spans.find((span) => span.traceId === traceId && name.test(span.name));

t.test('request, statement, change and delivery are one trace', async (t) => {
  const socket = new WebSocket(`${gateway.relayUrl().replace('http', 'ws')}/live`, ['tidemark.v1']);
  t.teardown(() => socket.terminate());
  const frames: { op: string }[] = [];
  socket.on('message', (data) => frames.push(JSON.parse(String(data))));
  await once(socket, 'open');
  socket.send(JSON.stringify({ op: 'subscribe', id: 's', query: 'notes', snapshot: true }));
  await until(() => frames.some((frame) => frame.op === 'snapshot'), 'the snapshot is there');

  const claims = { role: 'anon', sub: 'ann' };
  const ways = [
    { body: '{"id":1,"text":"alone"}', headers: {} },
    { body: '{"id":2,"text":"with a key"}', headers: { 'idempotency-key': 'k' } },
    { body: '[{"id":3},{"id":4}]', headers: { prefer: 'return=representation' } },
  ];
  for (const { body, headers } of ways) {
    const { traceId, spanId, headers: traced } = begun();
    const sent = new Headers({ ...traced, ...(headers as Record<string, string>) });
    const written = await gateway.request('/rest/v1/notes', { method: 'POST', body, headers: sent, claims });
    t.equal(written.status, 201, await written.text());
    await until(
      () => of(traceId, /^delivery$/) !== undefined && of(traceId, /^POST/) !== undefined,
      'the trace is whole',
    );
    const request = of(traceId, /^POST \/rest\/v1\/:table$/);
    const statement = of(traceId, /^statement$/);
    const change = of(traceId, /^change$/);
    const delivery = of(traceId, /^delivery$/);
    t.match(request, { parentSpanId: spanId, service: 'tidemark-gateway', kind: 2 });
    t.match(statement, { parentSpanId: request?.spanId, service: 'tidemark-gateway', kind: 3 });
    t.match(change, { parentSpanId: statement?.spanId, service: 'tidemark-realtime', kind: 4 });
    t.match(delivery, { parentSpanId: change?.spanId, service: 'tidemark-realtime', kind: 5 });
    t.match(written.headers.get('server-timing'), new RegExp(`traceparent;desc="00-${traceId}-`));
  }
});

t.test('passes on a trace that is not recorded, and exports no span of it', async (t) => {
  const { traceId, headers } = begun('00');
  const written = await gateway.request('/rest/v1/notes', { method: 'POST', body: '{"id":9}', headers });
  t.match(written.headers.get('server-timing'), new RegExp(`desc="00-${traceId}-[0-9a-f]{16}-00"`));
  const next = begun();
  await gateway.request('/rest/v1/notes?id=eq.9', { headers: next.headers });
  await until(() => of(next.traceId, /^GET/) !== undefined, 'a later one has come');
  t.equal(of(traceId, /./), undefined);
});

t.test('Server-Timing has the times of the steps', async (t) => {
  const parts = (answer: Response) =>
    Object.fromEntries(
      [...(answer.headers.get('server-timing') ?? '').matchAll(/(\w+);dur=([\d.]+)/g)].map(([, name, ms]) => [
        name,
        Number(ms),
      ]),
    );
  const read = parts(await gateway.request('/rest/v1/plain?id=eq.1'));
  t.same(Object.keys(read), ['auth', 'plan', 'wait', 'db', 'total']);
  const { auth = 0, plan = 0, wait = 0, db = 0, total = 0 } = read;
  t.ok(db > 0 && auth + plan + wait + db <= total + 0.1, JSON.stringify(read));
  const refused = parts(await gateway.request('/rest/v1/nothing'));
  t.same(Object.keys(refused), ['auth', 'total']);
});
