/** The example of a consumer, installed from the tarball, at a server with the permissions that its page lists. */
import { execFile, spawn } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CHANGE_HEADERS, consumerPermissions, envelopeId, lsnToHex, natsAuthorization } from '@tidemark/contracts';
import { startTemporaryStack } from '@tidemark/local-stack';
import { until } from '@tidemark/testing';
import t from 'tap';
import { clientOf } from '../src/client.ts';
import { connectBus } from '../src/index.ts';

const run = promisify(execFile);
const bus = join(import.meta.dirname, '..');
const page = join(bus, 'CONSUMERS.md');

t.test('the page lists the permissions of a consumer', async (t) => {
  const permissions = consumerPermissions();
  const block = natsAuthorization([{ name: 'consumer', password: '$consumer_password', permissions }]);
  const text = await readFile(page, 'utf8');
  const wanted = text.replace(
    /(## Rights at NATS[\s\S]*?```\n)[\s\S]*?```/,
    (_all, before: string) => `${before}${block}\`\`\``,
  );
  if (process.env.UPDATE) await writeFile(page, wanted);
  t.equal(await readFile(page, 'utf8'), wanted, 'UPDATE=1 writes it');
  t.ok(text.split('\n').length <= 100);
});

t.test('the example prints each change once, tells breaks, and may write nothing', { timeout: 180_000 }, async (t) => {
  const { nats, stop } = await startTemporaryStack({ postgres: false });
  t.teardown(stop);
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-consumer-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const env = { ...process.env, NODE_OPTIONS: '' };
  await run(process.execPath, [join(bus, 'scripts/pack.mjs'), folder], { env });
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz')) as string;
  await writeFile(join(folder, 'package.json'), '{ "name": "project", "private": true }');
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(folder, tarball)], {
    cwd: folder,
    env,
  });
  await copyFile(join(bus, 'examples/consumer.mjs'), join(folder, 'consumer.mjs'));

  const relay = await connectBus({ url: nats.url, name: 'relay' });
  t.teardown(() => relay.close());
  await relay.ensureChangesStream();
  const publish = (lsn: bigint, epoch = 'e1', table = 'orders') => {
    const hex = lsnToHex(lsn);
    const head = `{"form":2,"epoch":"${epoch}","lsn":"${hex}","xid":7,"committedAt":1,"schema":"public","table":"${table}","key":["id"],`;
    const body = `${head}"changes":[{"type":"insert","index":0,"row":{"id":${lsn}}}],"last":true}`;
    const headers = {
      [CHANGE_HEADERS.id]: envelopeId(epoch, hex, 1),
      [CHANGE_HEADERS.epoch]: epoch,
      [CHANGE_HEADERS.lsn]: hex,
      [CHANGE_HEADERS.xid]: '7',
    };
    return relay.store(relay.subjects.changes('public', table), body, headers);
  };
  await publish(1n);
  const consumer = spawn(process.execPath, ['consumer.mjs'], {
    cwd: folder,
    env: { ...env, NATS_URL: nats.urlOf('consumer') },
  });
  let output = '';
  for (const stream of [consumer.stdout, consumer.stderr]) stream.on('data', (chunk) => (output += chunk));
  const ended = new Promise<number | null>((resolve) => consumer.once('close', resolve));
  t.teardown(() => consumer.kill('SIGKILL'));
  await until(() => output.includes('insert { id: 1 }'));
  await publish(2n);
  await until(() => output.includes('insert { id: 2 }'));
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  // The server forgets an id after two seconds, so this message comes again.
  await publish(2n);
  await publish(3n, 'e2');
  await until(() => output.includes('insert { id: 3 }'));
  t.equal(output.split('insert { id: 2 }').length, 2, 'a message that comes again is skipped');
  t.match(output, /read the tables again: the history was broken \(new epoch\)\n.*id: 3/);
  consumer.kill('SIGINT');
  t.equal(await ended, 0, output);

  const reader = await connectBus({
    url: nats.urlOf('consumer'),
    name: 'reader',
    inboxPrefix: '_INBOX.consumer',
    connectTimeoutMs: 5_000,
  });
  t.teardown(() => reader.close());
  await t.rejects(clientOf(reader).js.publish('changes.public.orders', 'x', { timeout: 1_000 }));
  await t.rejects(clientOf(reader).jsm.streams.delete('CHANGES'));
});
