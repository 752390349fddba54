/** Identities are held to their share of work while the gateway is half used; without Postgres. */
import type { AddressInfo } from 'node:net';
import { createMetrics } from '@tidemark/service';
import { type FastifyInstance, fastify } from 'fastify';
import fp from 'fastify-plugin';
import t from 'tap';
import { createWorkLimit } from '../../../src/http/limits/work-limit.ts';

let isBusy = true;
const refusals: string[] = [];
const ended: string[] = [];

async function start(t: { teardown(end: () => unknown): void }, limits = 'anon=1000/10s,service_role=90000/10s') {
  const app = fastify();
  const work = createWorkLimit({
    limits,
    identities: 1_000,
    anonRole: 'anon',
    isBusy: () => isBusy,
    limiter: { networkOf: () => '127.0.0.1', refused: (policy) => refusals.push(policy) },
    verified: () => undefined,
    metrics: createMetrics('gateway'),
  });
  const identity = fp(
    async (scope: FastifyInstance) => {
      scope.decorateRequest('caller');
      scope.addHook('onRequest', (request, _reply, done) => {
        const { sub, role = 'anon' } = request.headers as { sub?: string; role?: string };
        request.caller = { role, verified: sub === undefined ? undefined : { role, claims: { sub } } } as never;
        done();
      });
    },
    { name: 'identity' },
  );
  app.register(work.answers as never);
  app.register(identity);
  app.register(work.plugin as never);
  app.post('/bytes', async () => 'x');
  app.get('/answer', async (request) => 'x'.repeat(Number((request.query as { bytes: string }).bytes)));
  app.get('/bad', async (_request, reply) => reply.code(400).send('bad'));
  const url = await app.listen({ port: 0 });
  t.teardown(() => app.close());
  const ask = async (path: string, headers: Record<string, string> = {}, body?: string) => {
    const answer = await fetch(`${url}${path}`, { headers, ...(body !== undefined && { method: 'POST', body }) });
    // To the end: a connection with an answer that nobody reads holds the app's close up.
    const text = await answer.text();
    ended.push(`${headers.sub ?? 'anon'} ${answer.status}`);
    return { status: answer.status, text };
  };
  return { work, ask, port: (app.server.address() as AddressInfo).port };
}
const ADA = { role: 'anon', sub: 'ada' };

t.test(
  'an identity whose statements took more than its share is refused with Retry-After; others are served',
  async (t) => {
    const { work, ask } = await start(t);
    await ask('/answer?bytes=1', ADA);
    work.charge('@127.0.0.1', 900);
    t.equal((await ask('/answer?bytes=1')).status, 200, 'within its share');
    work.charge('@127.0.0.1', 4_000);
    const refused = await ask('/answer?bytes=1');
    t.equal(refused.status, 429);
    t.match(refused.text, 'GATEWAY_WORK_LIMITED');
    t.equal((await ask('/answer?bytes=1', ADA)).status, 200);
    work.charge('service_role\0job', 40_000);
    t.equal(
      (await ask('/answer?bytes=1', { role: 'service_role', sub: 'job' })).status,
      200,
      'each role has its own share',
    );
    t.same(refusals.splice(0), ['work']);
  },
);

t.test('counts and refuses nothing while the gateway is less than half used', async (t) => {
  const { work, ask } = await start(t);
  isBusy = false;
  t.equal(work.isBusy(), false);
  work.charge('@127.0.0.1', 50_000);
  work.charge('other', 10);
  t.equal((await ask('/answer?bytes=1')).status, 200);
  isBusy = true;
  t.equal((await ask('/answer?bytes=1')).status, 429);
  const off = await start(t, 'off');
  t.equal(off.work.isBusy(), false, 'nor where it is off');
});

t.test('counts bytes of requests and replies, and fruitless work several times', async (t) => {
  const { work, ask } = await start(t, 'anon=30/10s');
  await ask('/answer?bytes=1', ADA);
  const servedOf = async (sub: string, path: string, body?: string) => {
    const headers = { role: 'anon', sub, ...(body !== undefined && { 'content-type': 'text/plain' }) };
    for (let served = 0; ; served += 1) {
      if (served === 50 || (await ask(path, headers, body)).status === 429) return served;
    }
  };
  t.equal(await servedOf('small', '/answer?bytes=1'), 50);
  t.ok((await servedOf('reads', '/answer?bytes=1000000')) < 50);
  t.ok((await servedOf('sends', '/bytes', 'x'.repeat(1_000_000))) < 50);
  work.charge('anon\0once', 25);
  t.equal((await ask('/answer?bytes=1', { role: 'anon', sub: 'once' })).status, 200);
  work.charge('anon\0fruitless', 25, true);
  t.equal((await ask('/answer?bytes=1', { role: 'anon', sub: 'fruitless' })).status, 429);
});

t.test('refusals of such an identity are sent after the answers to the others, whatever their reason', async (t) => {
  const { work, ask } = await start(t);
  await ask('/answer?bytes=1', ADA);
  work.charge('@127.0.0.1', 9_000);
  ended.length = 0;
  const refused = [ask('/answer?bytes=1'), ask('/bad')];
  for (let n = 0; n < 20; n += 1) await ask('/answer?bytes=1', ADA);
  t.equal((await ask('/bad', ADA)).status, 400);
  await Promise.all(refused);
  t.same(ended.slice(-2), ['anon 429', 'anon 429']);
});

t.test('counts WebSockets that close at once, but not those that stay open', async (t) => {
  const { work, ask } = await start(t);
  await ask('/answer?bytes=1', ADA);
  const request = { headers: {} } as never;
  for (let n = 0; n < 1_000; n += 1) work.sockets.closed(request, 60_000, 1_000_000);
  t.equal(work.sockets.refuses(request), undefined, 'a thousand viewers come back after a restart');
  for (let n = 0; n < 50; n += 1) work.sockets.closed(request, 20, 1_500_000);
  t.match(work.sockets.refuses(request), { status: 429, code: 'GATEWAY_WORK_LIMITED' });
  let isSent = false;
  const sent = new Promise<void>((resolve) => {
    work.sockets.delay(() => {
      isSent = true;
      resolve();
    });
  });
  await ask('/answer?bytes=1', ADA);
  t.equal(isSent, false, 'the refusal waits');
  await sent;
});
