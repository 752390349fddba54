/** One trace from the request to the frame on the socket, at a collector that speaks OTLP/HTTP; and Server-Timing. */
import { once } from 'node:events';
import { createMetrics, openTracing, parseTraceparent } from '@tidemark/service';
import { openSpanCollector, until } from '@tidemark/testing';
import t from 'tap';
import { WebSocket } from 'ws';
import { useCachedGateway } from '../../cache/relay.ts';

const collector = await openSpanCollector();
t.teardown(() => collector.close());
const { endpoint, spans } = collector;

process.env.OTEL_EXPORTER_OTLP_ENDPOINT = endpoint;
const gateway = await useCachedGateway(t, {
  script: `
    create table notes (id int primary key, text text);
    create table plain (id int primary key);
    grant select, insert, update, delete on notes, plain to anon;
    alter publication tidemark add table notes;
    insert into tidemark.job_kinds (name, version, spec_schema, limits) values ('noop', 1, '{"type": "object"}', '{}');`,
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
  collector.hold(true);
  const tracing = await openTracing({ ...options, endpoint });
  for (let n = 0; n < 6_000; n += 1) tracing?.start('span', { kind: 'server' }).end();
  const { queued = 0, droppedTotal = 0 } = tracing?.counts() ?? {};
  t.ok(queued <= 4_096, `${queued} wait`);
  t.ok(droppedTotal > 1_000, `${droppedTotal} were dropped`);
  collector.hold(false);
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

t.test('a job keeps the trace of the request that submits it, whichever way that is', async (t) => {
  const claims = { role: 'authenticated', sub: 'ann' };
  const ways = [
    { path: '/api/v1/jobs', body: { kind: 'noop', spec: { items: 1 } } },
    { path: '/rest/v1/jobs', body: { kind: 'noop', spec: { items: 1 } } },
    { path: '/rest/v1/rpc/submit_job', body: { kind: 'noop', spec: { items: 1 } } },
  ];
  for (const { path, body } of ways) {
    const { traceId, headers } = begun();
    const init = { method: 'POST', body: JSON.stringify(body), claims };
    const answer = await gateway.request(path, { ...init, headers: { ...headers, 'content-profile': 'tidemark' } });
    t.ok(answer.ok, `${path}: ${await answer.text()}`);
    const [kept] = await gateway.sql`select trace from tidemark.job_requests where trace like ${`%${traceId}%`}`;
    const spanId = parseTraceparent(kept?.trace)?.spanId;
    const isStatement = () =>
      spans.some((span) => span.traceId === traceId && span.name === 'statement' && span.spanId === spanId);
    await until(isStatement, `${path}: it is that of its statement`);
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
