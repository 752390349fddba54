import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { startStack } from '../src/stack.ts';
import { temporaryHome } from '../src/temporary-home.ts';
import { processesUnder, runElsewhere } from './another-process.ts';

const server = createServer();
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = server.address();
const port = typeof address === 'object' && address ? address.port : 0;
t.teardown(() => server.close());

for (const [part, what] of [
  ['primary', 'Postgres primary'],
  ['replica', 'Postgres replica'],
  ['nats', 'NATS'],
] as const) {
  t.test(`the port for ${what} is taken: who has it is named, nothing is left running`, async (t) => {
    const home = temporaryHome();
    t.teardown(home.remove);
    await t.rejects(startStack({ home: home.path, durable: false, ports: { [part]: port } }), {
      code: 'STACK_PORT_IN_USE',
      message: new RegExp(
        `port ${port} for ${what.replace(/[()]/g, '\\$&')} is in use by process ${process.pid} \\(.*node`,
      ),
      hint: new RegExp(`Stop what holds port ${port}`),
    });
    t.same(processesUnder(home.path), []);
  });
}

t.test('fixed ports are used', async (t) => {
  const home = temporaryHome();
  t.teardown(home.remove);
  const { freePort } = await import('../src/free-port.ts');
  const ports = { primary: await freePort(), nats: await freePort() };
  const stack = await startStack({ home: home.path, durable: false, replica: false, ports });
  t.teardown(() => stack.stop());
  t.equal(stack.primary.port, ports.primary);
  t.equal(stack.nats.port, ports.nats);
});

t.test('a home folder that another stack uses is refused, and that one goes on', async (t) => {
  const home = temporaryHome();
  t.teardown(home.remove);
  const other = runElsewhere(`
    const s = await stack.startStack({ home: ${JSON.stringify(home.path)}, durable: false, replica: false, nats: false });
    say({ pid: process.pid });
    process.once('SIGTERM', () => s.stop().then(() => process.exit()));
    setInterval(() => {}, 1000);`);
  await other.said;
  await t.rejects(startStack({ home: home.path }), {
    code: 'STACK_DATA_IN_USE',
    message: new RegExp(`in use by process ${other.child.pid}`),
  });
  t.ok(processesUnder(home.path).length > 0, 'the other one still runs');
  other.child.kill('SIGTERM');
  t.equal(await other.exited, 0);
});

t.test('a lock or a postmaster.pid with the id of an unrelated process does not prevent a start', async (t) => {
  const home = temporaryHome();
  t.teardown(home.remove);
  const options = { home: home.path, durable: false, replica: false, nats: false };
  await (await startStack(options)).stop();
  writeFileSync(join(home.path, 'stack.lock'), JSON.stringify({ pid: process.pid, started: 'another time' }));
  const lines = [process.pid, join(home.path, 'primary'), 1700000000, 5432, '', '127.0.0.1', '  1 1', 'ready'];
  writeFileSync(join(home.path, 'primary', 'postmaster.pid'), `${lines.join('\n')}\n`);
  const stack = await startStack(options);
  t.match(await stack.primary.query('select 1 as x'), [{ x: 1 }]);
  await stack.stop();
});
