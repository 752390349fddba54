import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { waitUntilReady } from '../src/up/wait-until-ready.ts';

/** A service whose /readyz lists `problems` to the token `secret`. */
async function service(t: Test, instance: string, problems: string[]) {
  let asked = 0;
  const server = createServer((request, reply) => {
    asked += 1;
    const known = request.headers.authorization === 'Bearer secret';
    reply.writeHead(problems.length > 0 ? 503 : 200).end(JSON.stringify({ problems: known ? problems : [] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { instance, url: () => `http://127.0.0.1:${port}`, asked: () => asked };
}

t.test('waits until the last instance is ready', async (t) => {
  const problems = ['changes: no heartbeat'];
  const [gateway, realtime] = [await service(t, 'gateway-1', []), await service(t, 'realtime-1', problems)];
  let isOver = false;
  const waiting = waitUntilReady([gateway, realtime], 'secret', () => {}).then(() => {
    isOver = true;
  });
  while (realtime.asked() < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  t.notOk(isOver);
  t.equal(gateway.asked(), 1, 'one that is ready is not asked again');
  problems.pop();
  await waiting;
});

t.test('names the instance that does not become ready, and its reason', async (t) => {
  const instances = [await service(t, 'gateway-1', []), await service(t, 'realtime-1', ['changes: no heartbeat'])];
  await t.rejects(
    waitUntilReady(instances, 'secret', () => {}, 300),
    { code: 'CLI_NOT_READY', message: /realtime-1 was not ready .*: changes: no heartbeat/ },
  );
  await t.rejects(
    waitUntilReady([{ instance: 'batch-1', url: () => 'http://127.0.0.1:1' }], 'secret', () => {}, 100),
    { code: 'CLI_NOT_READY', message: /batch-1/ },
  );
});
