import { createServer } from 'node:net';
import { TidemarkError } from '@tidemark/contracts';
import { startTemporaryStack } from '@tidemark/local-stack';
import { until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { Type } from 'typebox';
import { clientOf, deleteStreams } from '../src/client.ts';
import { type BusEvent, connectBus } from '../src/index.ts';

t.test('delivers messages that match the schema, and reports and drops the others', async (t) => {
  const stack = await useTestStack();
  const events: BusEvent[] = [];
  const bus = await connectBus({
    url: stack.natsUrl,
    name: 'test',
    prefix: stack.natsPrefix(),
    observe: (e) => events.push(e),
  });
  t.teardown(() => bus.close());
  const seen: unknown[] = [];
  bus.subscribe(bus.subjects.allAlerts, (payload) => seen.push(payload), {
    schema: Type.Object({ n: Type.Integer() }),
  });
  const subject = bus.subjects.alerts('info');
  bus.publish(subject, { n: 1 });
  bus.publish(subject, { n: 'two' });
  clientOf(bus).nc.publish(subject, 'no json');
  bus.publish(subject, { n: 3 });
  await until(() => seen.length === 2);
  t.same(seen, [{ n: 1 }, { n: 3 }]);
  t.same(
    events.filter((e) => e.type === 'bus.invalid_payload').map((e) => e.type === 'bus.invalid_payload' && e.problem),
    ['/n must be integer', 'not JSON'],
  );
});

t.test('ask() returns the answer, or throws the error of the answering handler', async (t) => {
  const stack = await useTestStack();
  const prefix = stack.natsPrefix();
  const events: BusEvent[] = [];
  const options = { url: stack.natsUrl, name: 'test', prefix };
  const [asking, answering] = await Promise.all([
    connectBus(options),
    connectBus({ ...options, observe: (event) => events.push(event) }),
  ]);
  t.teardown(() => Promise.all([asking.close(), answering.close()]));
  const subject = asking.subjects.inspect('why', 'a.b');
  const ask = (question: unknown, timeoutMs = 5_000) =>
    asking.ask(subject, question, { schema: Type.Integer(), timeoutMs });
  await t.rejects(ask({ n: 1 }), { code: 'BUS_NOBODY', status: 503 });

  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  answering.answer(
    subject,
    async ({ n }: { n: number }) => {
      if (n === 0) await held;
      if (n === 2)
        throw new TidemarkError({ code: 'RT_X', status: 404, message: 'no two', hint: 'one', retryAfter: 3 });
      if (n === 3) throw new TypeError('broken');
      if (n === 4) return 'x'.repeat(2 * 1024 ** 2);
      return n === 5 ? 'five' : n + 1;
    },
    { schema: Type.Object({ n: Type.Integer() }), concurrency: 1 },
  );
  await answering.flush();
  t.equal(await ask({ n: 1 }), 2);
  await t.rejects(ask({ n: 2 }), { code: 'RT_X', status: 404, message: 'no two', hint: 'one', retryAfter: 3 });
  await t.rejects(ask({ n: 3 }), { code: 'BUS_NOT_ANSWERED', message: /broken/ });
  await t.rejects(ask({ n: 4 }), { code: 'BUS_NOT_ANSWERED', hint: /limit/ });
  await t.rejects(ask({ n: 5 }), { code: 'BUS_INVALID_ANSWER' });
  await t.rejects(ask({ n: 'x' }), { code: 'BUS_INVALID_QUESTION', message: /\/n must be integer/ });
  t.equal(events.filter(({ type }) => type === 'bus.error').length, 2, 'unexpected errors are reported');
  const waiting = ask({ n: 0 });
  await t.rejects(ask({ n: 1 }), { code: 'BUS_BUSY' });
  await t.rejects(ask({ n: 1 }), { code: 'BUS_BUSY' });
  release();
  t.equal(await waiting, 1);
  const silent = asking.subjects.inspect('why', 'silent');
  clientOf(answering).nc.subscribe(silent);
  await answering.flush();
  await t.rejects(asking.ask(silent, 1, { schema: Type.Integer(), timeoutMs: 50 }), { code: 'BUS_NO_ANSWER' });
});

t.test('several processes create the streams at the same time, and update their limits later', async (t) => {
  const stack = await useTestStack();
  const prefix = stack.natsPrefix();
  const buses = await Promise.all([1, 2, 3].map((i) => connectBus({ url: stack.natsUrl, name: `s${i}`, prefix })));
  const [first] = buses as [(typeof buses)[number]];
  t.teardown(async () => {
    await deleteStreams(first);
    await Promise.all(buses.map((bus) => bus.close()));
  });
  await Promise.all(buses.map((bus) => Promise.all([bus.ensureChangesStream(), bus.ensureWorkStream()])));
  await first.ensureChangesStream({ maxBytes: 1024 ** 2 });
  const { config } = await clientOf(first).jsm.streams.info(first.subjects.streams.changes);
  t.equal(config.max_bytes, 1024 ** 2);
  t.same(config.subjects, [`${prefix}.changes.>`]);
});

t.test('reconnects to a server that was killed and started again', { timeout: 60_000 }, async (t) => {
  const stack = await startTemporaryStack({ postgres: false });
  t.teardown(() => stack.stop());
  const bus = await connectBus({ url: stack.nats.url, name: 'test' });
  t.teardown(() => bus.close());
  t.equal(bus.problem(), undefined);
  await stack.nats.kill();
  await until(() => !bus.connected());
  t.match(bus.problem(), /the connection to NATS .* is lost/);
  await stack.nats.start();
  await until(() => bus.connected());
  t.equal(bus.problem(), undefined);
});

t.test('connectBus() without a server throws an error with the address and a hint', async (t) => {
  const port = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address() as { port: number };
      server.close(() => resolve(free));
    });
  });
  await t.rejects(connectBus({ url: `nats://u:secret@127.0.0.1:${port}`, name: 'test', connectTimeoutMs: 300 }), {
    code: 'BUS_UNREACHABLE',
    message: new RegExp(`127.0.0.1:${port}`),
    hint: /nats-server/,
  });
});
