import { chmodSync, chownSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startStack } from '../src/stack.ts';
import { temporaryHome } from '../src/temporary-home.ts';
import { processesUnder } from './another-process.ts';

const home = temporaryHome();
t.teardown(home.remove);
const options = { home: home.path, durable: false };
const primary = join(home.path, 'primary');
await (await startStack(options)).stop();

const control = join(primary, 'global', 'pg_control');
const cases: { name: string; code: string; says: RegExp; file: string; content: (good: Buffer) => string | Buffer }[] =
  [
    {
      name: 'an empty PG_VERSION',
      code: 'STACK_DATA_DAMAGED',
      says: /PG_VERSION says ''/,
      file: join(primary, 'PG_VERSION'),
      content: () => '',
    },
    {
      name: 'another version',
      code: 'STACK_DATA_OTHER_VERSION',
      says: /made by Postgres 15, the binaries here are 18/,
      file: join(primary, 'PG_VERSION'),
      content: () => '15\n',
    },
    {
      name: 'a cut pg_control',
      code: 'STACK_DATA_DAMAGED',
      says: /pg_control has 100 bytes, not 8192/,
      file: control,
      content: (good) => good.subarray(0, 100),
    },
    {
      name: 'a corrupt pg_control',
      code: 'STACK_DATA_DAMAGED',
      says: /incorrect checksum in control file/,
      file: control,
      content: (good) => Buffer.concat([good.subarray(0, 50), Buffer.alloc(50), good.subarray(100)]),
    },
    {
      name: 'passwords that are not JSON',
      code: 'STACK_DATA_DAMAGED',
      says: /postgres-passwords\.json.*not JSON/,
      file: join(home.path, 'postgres-passwords.json'),
      content: () => '{"superuser',
    },
  ];

for (const { name, code, says, file, content } of cases) {
  t.test(`${name} is refused with a remedy, and nothing is left running`, async (t) => {
    const good = readFileSync(file);
    writeFileSync(file, content(good));
    await t.rejects(startStack(options), { code, message: says, hint: /\S/ });
    t.same(processesUnder(home.path), []);
    writeFileSync(file, good);
  });
}

t.test('a missing PG_VERSION names the folder and the way out', async (t) => {
  const file = join(primary, 'PG_VERSION');
  renameSync(file, `${file}.away`);
  const hint = `Put a backup in its place, or move it away and start empty: mv '${primary}' '${primary}.damaged'. Nothing was changed in it.`;
  await t.rejects(startStack(options), { code: 'STACK_DATA_DAMAGED', hint });
  renameSync(`${file}.away`, file);
});

const asRoot = { skip: process.getuid?.() === 0 ? false : 'only root can give files away' };

t.test(
  'root takes over a folder of another owner, and refuses a single file of another owner by name',
  asRoot,
  async (t) => {
    chownSync(primary, 0, 0);
    chownSync(join(primary, 'base'), 0, 0);
    const progress: string[] = [];
    await (await startStack({ ...options, onProgress: (line) => progress.push(line) })).stop();
    t.match(progress.join(), /now belongs to (nobody|tidemark)/);

    const { uid, gid } = statSync(control);
    chownSync(control, 0, 0);
    await t.rejects(startStack(options), { code: 'STACK_PERMISSION_DENIED', hint: /chown -R (nobody|tidemark) / });
    t.same(processesUnder(home.path), []);
    chownSync(control, uid, gid);
  },
);

t.test('starts once the folder is repaired', async (t) => {
  const stack = await startStack(options);
  t.match(await stack.primary.query('select 1 as x'), [{ x: 1 }]);
  await stack.stop();
});

t.test(
  'refuses a folder that may not be written',
  { skip: process.getuid?.() === 0 && 'root may write it' },
  async (t) => {
    const locked = join(home.path, 'locked');
    mkdirSync(locked, { mode: 0o500 });
    t.teardown(() => chmodSync(locked, 0o700));
    await t.rejects(startStack({ home: locked }), { code: 'STACK_PERMISSION_DENIED', message: new RegExp(locked) });
  },
);
