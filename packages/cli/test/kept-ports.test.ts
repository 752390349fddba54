import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { keptPorts } from '../src/up/kept-ports.ts';

const HOST = '127.0.0.1';
const NAMES = ['primary', 'nats', 'gateway-2'];
const home = await mkdtemp(join(tmpdir(), 'tidemark-ports-'));
t.teardown(() => rm(home, { recursive: true, force: true }));

t.test('a home has the same ports at each start, and another one only for a port that is taken', async (t) => {
  const first = await keptPorts(home, HOST, NAMES);
  t.equal(new Set(Object.values(first.of)).size, NAMES.length);
  await t.rejects(readFile(join(home, 'ports.json')), { code: 'ENOENT' }, 'a start that fails changes nothing');
  await first.save();
  t.same((await keptPorts(home, HOST, NAMES)).of, first.of);

  const holder = createServer().listen(first.of.nats, HOST);
  t.teardown(() => holder.close());
  const second = await keptPorts(home, HOST, [...NAMES, 'batch-2']);
  t.not(second.of.nats, first.of.nats);
  t.match(second.of, { primary: first.of.primary, 'gateway-2': first.of['gateway-2'] });
  t.equal(new Set(Object.values(second.of)).size, NAMES.length + 1);
});
