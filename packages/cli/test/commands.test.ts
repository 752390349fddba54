import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import t from 'tap';
import { run } from '../src/commands.ts';

const folder = await mkdtemp(join(tmpdir(), 'tidemark-commands-'));
t.teardown(() => rm(folder, { recursive: true, force: true }));

async function tidemark(env: Record<string, string>, ...args: string[]): Promise<string> {
  const lines: string[] = [];
  await run({ args, env, cwd: folder, print: (line) => lines.push(line), untilSignal: () => new Promise(() => {}) });
  return lines.join('\n');
}

t.test('prints its version, and examples of its commands', async (t) => {
  t.match(await tidemark({}, '--version'), /^\d+\.\d+\.\d+$/);
  const help = await tidemark({}, '--help');
  t.match(help, /Examples:\n {2}npx --no -- tidemark expose/);
  t.notMatch(help, /npx tidemark/, 'without --no, npx would fetch a package of that name where there is no clone');
  await t.rejects(tidemark({}, 'nosuch'), { code: 'CLI_USAGE', hint: /npx --no -- tidemark --help/ });
});

t.test('signs tokens only for roles that the services accept', async (t) => {
  const env = { JWT_SECRET: 'a secret of thirty-two characters' };
  t.match(decodeJwt(await tidemark(env, 'token', '--role', 'anon', '--sub', 'ann')), { role: 'anon', sub: 'ann' });
  await t.rejects(tidemark(env, 'token', '--role', 'nosuch'), { message: /nosuch.*anon, authenticated.*JWT_ROLES/ });
  t.match(decodeJwt(await tidemark({ ...env, JWT_ROLES: 'clerk' }, 'token', '--role', 'clerk')), { role: 'clerk' });
});

t.test('a token has the claims of --claim, as JSON where they are JSON', async (t) => {
  const env = { JWT_SECRET: 'a secret of thirty-two characters' };
  const claims = ['organization_id=1', 'fleet_role=manager', 'note=a=b'].flatMap((claim) => ['--claim', claim]);
  const payload = decodeJwt(await tidemark(env, 'token', '--role', 'authenticated', ...claims));
  t.match(payload, { role: 'authenticated', organization_id: 1, fleet_role: 'manager', note: 'a=b' });
  await t.rejects(tidemark(env, 'token', '--role', 'anon', '--claim', 'x'), {
    message: /--claim x is not <name>=<value>/,
  });
  await t.rejects(tidemark(env, 'token', '--role', 'anon', '--claim', 'role=ops'), {
    message: /--role.*set this claim/,
  });
});

t.test('token makes no home where there is none', async (t) => {
  await t.rejects(tidemark({}, 'token', '--role', 'anon'), { message: /there is no .*\.tidemark: run `npm start`/ });
  t.same(await readdir(folder), []);
});

t.test('sink says what it lacks before it connects', async (t) => {
  const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };
  await t.rejects(tidemark(env, 'sink', 'clickhouse'), { code: 'CLI_USAGE', message: /--tables/ });
  await t.rejects(tidemark(env, 'sink', 'parquet', '--tables', 'a.b'), { code: 'CLI_USAGE' });
  await t.rejects(tidemark(env, 'sink', 'clickhouse', '--tables', 'a.b'), { message: /CLICKHOUSE_URL is not set/ });
  const named = { ...env, CLICKHOUSE_URL: 'http://127.0.0.1:1' };
  await t.rejects(tidemark(named, 'sink', 'clickhouse', '--tables', 'records'), { code: 'CLICKHOUSE_INVALID_TABLE' });
  await t.rejects(tidemark(named, 'sink', 'clickhouse', '--tables', 'a.b'), { message: /NATS_URL is not set/ });
});
