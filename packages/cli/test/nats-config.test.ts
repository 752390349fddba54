/** Tests infra/nats: the file equals the generator's output, and the commands of its README work on a real nats-server. */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connectBus } from '@tidemark/bus';
import { inboxPrefix, SERVICE_NAMES } from '@tidemark/contracts';
import { freePorts } from '@tidemark/testing';
import t from 'tap';
import { natsConfig } from '../src/nats-config.ts';
import { root } from './tidemark-up.ts';

const infra = join(root, 'infra', 'nats');
const run = promisify(execFile);

t.test('the file is what `tidemark nats-config` prints', async (t) => {
  const printed = await run(process.execPath, [join(root, 'packages/cli/dist/main.js'), 'nats-config']);
  const kept = await readFile(join(infra, 'nats-server.conf'), 'utf8');
  t.equal(natsConfig(''), kept, 'node packages/cli/dist/main.js nats-config > infra/nats/nats-server.conf');
  t.equal(printed.stdout, kept);
});

t.test('the commands of the README create passwords that nats-server accepts', async (t) => {
  const readme = await readFile(join(infra, 'README.md'), 'utf8');
  const commands = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text]) => text as string);
  t.equal(commands.length, 2);
  const [makePasswords, start] = commands as [string, string];
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-nats-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const config = await readFile(join(infra, 'nats-server.conf'), 'utf8');
  await writeFile(join(folder, 'nats-server.conf'), config.replace('"/var/lib/nats"', JSON.stringify(folder)));
  await run('bash', ['-euc', makePasswords], { cwd: folder });
  t.equal((await stat(join(folder, 'passwords.conf'))).mode & 0o777, 0o600);
  const passwords = Object.fromEntries(
    [...(await readFile(join(folder, 'passwords.conf'), 'utf8')).matchAll(/^(\w+)_password: "(\w+)"$/gm)].map(
      ([, user, password]) => [user, password],
    ),
  );

  const port = await freePorts(1);
  t.match(start, /^nats-server -c nats-server\.conf\n$/);
  const path = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`;
  const server = spawn('nats-server', ['-c', 'nats-server.conf', '-a', '127.0.0.1', '-p', String(port)], {
    cwd: folder,
    env: { PATH: path },
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => server.once('close', resolve));
  t.teardown(async () => {
    server.kill('SIGKILL');
    await ended;
  });
  const url = (user: string) => `nats://${user}:${passwords[user]}@127.0.0.1:${port}`;
  for (const user of ['admin', ...SERVICE_NAMES]) {
    const bus = await connectBus({
      url: url(user),
      name: user,
      inboxPrefix: user === 'admin' ? '' : inboxPrefix(user as 'batch'),
    });
    if (user === 'realtime' || user === 'admin') await bus.ensureChangesStream();
    else
      await t.rejects(bus.ensureChangesStream(), { code: 'BUS_STREAM_REFUSED' }, `${user} makes no stream of changes`);
    await bus.close();
  }
  await t.rejects(connectBus({ url: `nats://127.0.0.1:${port}`, name: 'stranger' }), { code: 'BUS_UNAUTHORIZED' });
});
