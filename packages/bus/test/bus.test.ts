import { createServer } from 'node:net';
import { startTemporaryStack, useTestStack } from '@tidemark/local-stack';
import t from 'tap';
import { Type } from 'typebox';
import { type BusEvent, connectBus } from '../src/index.ts';

async function until(check: () => boolean, seconds = 20): Promise<void> {
  const deadline = Date.now() + seconds * 1_000;
  while (!check()) {
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${check}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

t.test('what is published arrives, checked; what does not fit is reported and dropped', async (t) => {
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
  bus.nc.publish(subject, 'no json');
  bus.publish(subject, { n: 3 });
  await until(() => seen.length === 2);
  t.same(seen, [{ n: 1 }, { n: 3 }]);
  t.same(
    events.filter((e) => e.type === 'bus.invalid_payload').map((e) => e.type === 'bus.invalid_payload' && e.problem),
    ['/n must be integer', 'not JSON'],
  );
});

t.test('several starters provision the streams at once, again and with other limits', async (t) => {
  const stack = await useTestStack();
  const prefix = stack.natsPrefix();
  const buses = await Promise.all([1, 2, 3].map((i) => connectBus({ url: stack.natsUrl, name: `s${i}`, prefix })));
  t.teardown(async () => {
    await Promise.all(
      Object.values(buses[0]?.subjects.streams ?? {}).map((name) => buses[0]?.jsm.streams.delete(name)),
    );
    await Promise.all(buses.map((bus) => bus.close()));
  });
  const [first] = buses as [(typeof buses)[number]];
  await Promise.all(buses.map((bus) => bus.ensureStreams()));
  await first.ensureStreams({ changesMaxBytes: 1024 ** 2 });
  const { config } = await first.jsm.streams.info(first.subjects.streams.changes);
  t.equal(config.max_bytes, 1024 ** 2);
  t.same(config.subjects, [`${prefix}.changes.>`]);
});

t.test('a server that is killed and comes back', { timeout: 60_000 }, async (t) => {
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

t.test('nobody there: an error that names the address and the remedy', async (t) => {
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
