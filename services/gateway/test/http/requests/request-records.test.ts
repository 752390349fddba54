/** Records of requests, asked for over NATS as the metrics service does. */
import { connectBus } from '@tidemark/bus';
import { HeldAnswer, type RequestRecord, RequestsAnswer } from '@tidemark/contracts';
import { until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { RequestRecords } from '../../../src/http/requests/request-records.ts';
import { RequestParts } from '../../../src/request/request-parts.ts';
import { useGateway } from '../../gateway-fixture.ts';

const stack = await useTestStack();
const natsPrefix = stack.natsPrefix();
const gateway = await useGateway(t, {
  script: `
    create function public.nap(seconds float8) returns int language sql as $$ select 1 from pg_sleep(seconds) $$;
    create function public.divide(seconds float8) returns int language plpgsql as $$ begin perform pg_sleep(seconds); return 1 / 0; end $$;
    create table public.notes (id int primary key);
    grant select on public.notes to authenticated;
    grant execute on all functions in schema public to authenticated;`,
  env: {
    NATS_PREFIX: natsPrefix,
    INSTANCE: 'gateway-r',
    DB_SLOW_MS: '200',
    DB_WRITE_POOL_MIN: '1',
    DB_WRITE_POOL_MAX: '1',
  },
});
const bus = await connectBus({ url: stack.natsUrl, name: 'test', prefix: natsPrefix });
t.teardown(() => bus.close());
const claims = { role: 'authenticated', sub: 'ann' };

async function find(asked: object): Promise<RequestRecord[]> {
  const token = await gateway.token({ role: 'ops' });
  const question = { limit: 50, token, ...asked };
  const options = { schema: RequestsAnswer, timeoutMs: 2_000 };
  return (await bus.ask<RequestsAnswer>(bus.subjects.inspect('requests', 'gateway-r'), question, options)).requests;
}
async function held(): Promise<HeldAnswer['held']> {
  const question = { limit: 10, token: await gateway.token({ role: 'ops' }) };
  const options = { schema: HeldAnswer, timeoutMs: 2_000 };
  return (await bus.ask<HeldAnswer>(bus.subjects.inspect('held', 'gateway-r'), question, options)).held;
}
const call = (name: string, id: string, body: object) =>
  gateway.request(`/rest/v1/rpc/${name}`, {
    method: 'POST',
    claims,
    headers: { 'content-type': 'application/json', 'x-request-id': id },
    body: JSON.stringify(body),
  });
const sum = ({ parts }: RequestRecord) => Object.values(parts).reduce((total, ms) => total + ms, 0);

t.test('keeps a slow request under its id, with parts that add up to its duration', async (t) => {
  await (await call('nap', 'slow-1', { seconds: 0.3 })).text();
  const [record] = await find({ id: 'slow-1' });
  t.match(record, {
    why: 'slow',
    status: 200,
    code: null,
    route: 'POST /rest/v1/rpc/:function',
    table: 'nap',
    role: 'authenticated',
    identity: /^[0-9a-f]{12}$/,
    served: /^[0-9a-z]+-[0-9A-Fa-f]{16}$/,
    statements: 1,
    holder: null,
  });
  t.ok(record && record.parts.sqlMs >= 290, JSON.stringify(record?.parts));
  t.ok(record && Math.abs(sum(record) - record.ms) <= record.ms * 0.05, `${record && sum(record)} of ${record?.ms}`);
});

t.test('names who held the pool while a request waited for a connection', async (t) => {
  const first = call('nap', 'holder', { seconds: 0.8 });
  await until(
    async () => (await held()).some(({ pool, statement }) => pool === 'write' && statement?.includes('nap')),
    'a holder',
  );
  await (await call('nap', 'waiter', { seconds: 0 })).text();
  await (await first).text();
  const [record] = await find({ id: 'waiter' });
  t.ok(record && record.parts.poolMs > 400, JSON.stringify(record?.parts));
  t.match(record?.holder, { route: 'POST /rest/v1/rpc/:function', statement: /nap/ });
  t.ok(record && Math.abs(sum(record) - record.ms) <= record.ms * 0.05);
});

t.test('keeps the SQLSTATE and the time of a statement that failed, and answers the id in the error', async (t) => {
  const failed = await gateway.request('/rest/v1/rpc/divide', {
    method: 'POST',
    claims,
    headers: { 'content-type': 'application/json' },
    body: '{"seconds":0.1}',
  });
  const id = failed.headers.get('x-request-id') ?? '';
  t.match(id, /^[0-9a-f]{10}-[0-9a-z]+$/, 'the gateway gave it an id');
  const [record] = await find({ id });
  t.match(record, { why: 'failed', status: failed.status, code: '22012', table: 'divide' });
  t.ok(record && record.parts.sqlMs >= 95, JSON.stringify(record?.parts));
});

t.test('keeps refused requests, and none that were quick and right', async (t) => {
  const refused = await gateway.request('/rest/v1/nothing_here', { claims });
  const [record] = await find({ id: refused.headers.get('x-request-id') });
  t.match(record, { why: 'failed', status: 404, table: 'nothing_here' });
  await (await gateway.request('/rest/v1/notes', { claims, headers: { 'x-request-id': 'quick' } })).text();
  t.same(await find({ id: 'quick' }), []);
  t.same(await find({ table: 'notes' }), []);
});

t.test('an id that could be meant for the reader of a log is replaced', async (t) => {
  const refused = await gateway.request('/rest/v1/nothing_here', { claims, headers: { 'x-request-id': '<b>x</b>' } });
  t.match(refused.headers.get('x-request-id'), /^[0-9a-f]{10}-[0-9a-z]+$/);
});

t.test('is for operators only', async (t) => {
  const token = await gateway.token(claims);
  await t.rejects(find({ token }), { code: 'AUTH_FORBIDDEN' });
});

t.test('requests that clients got wrong never push out the others', async (t) => {
  const records = new RequestRecords();
  const record = (id: string, status: number, at: number): RequestRecord => ({
    id,
    at,
    why: 'failed',
    status,
    code: null,
    route: 'r'.repeat(500),
    table: null,
    role: null,
    identity: null,
    trace: null,
    asked: null,
    served: null,
    ms: 1,
    parts: new RequestParts().at(0),
    statements: 0,
    pool: null,
    holder: null,
  });
  records.add(record('broken', 500, 0));
  for (let n = 0; n < 2_000; n++) records.add(record('wrong', 404, n));
  t.equal(records.find({ id: 'broken', limit: 1 }).length, 1);
  for (let n = 0; n < 2_000; n++) records.add(record('broken', 500, n));
  t.equal(records.size, 1_000);
  t.ok(JSON.stringify(records.find({ limit: 1_000 })).length < 1024 ** 2);
});
